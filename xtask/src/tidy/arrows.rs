//! Which package may depend on which: components -> jit-control -> domain and protocols, and nothing back.
//! Not here: what code inside a package may use; that is `bans.rs`.

use super::fault::Findings;
use super::tree::Tree;
use crate::workspace::{Kind, Package, Workspace};

/// A package's place in the map.
struct Place {
    /// The package, or every package of a folder if it ends with a slash.
    who: &'static str,
    /// The packages of ours that it may use.
    uses: &'static [&'static str],
    /// The packages of ours that its tests may use besides.
    tests_use: &'static [&'static str],
}

/// The map. A component sees the shell only; what is native only is seen by no component.
const MAP: &[Place] = &[
    Place { who: "components/", uses: &["jit-control"], tests_use: &[] },
    Place {
        who: "jit-control",
        uses: &["jit-domain", "jit-github", "jit-aws", "jit-gcp"],
        tests_use: &["jit-fakes"],
    },
    Place { who: "jit-domain", uses: &[], tests_use: &[] },
    Place { who: "jit-github", uses: &[], tests_use: &[] },
    Place { who: "jit-aws", uses: &[], tests_use: &[] },
    Place { who: "jit-gcp", uses: &[], tests_use: &[] },
    // A fake that used our own protocol crates would forgive our own mistakes; its tests let others judge both.
    Place { who: "jit-fakes", uses: &[], tests_use: &["jit-github"] },
    // The host runs any application; it knows nothing of this one. Its tests hold the contracts of ledger and queue across two
    // of its processes, and the guest carries them out there.
    Place { who: "jit-host", uses: &[], tests_use: &["jit-control", "jit-domain"] },
    Place { who: "jit-host-probe", uses: &["jit-control"], tests_use: &[] },
    Place {
        who: "jit-cli",
        uses: &["jit-control", "jit-domain", "jit-github", "jit-aws", "jit-gcp"],
        tests_use: &["jit-fakes"],
    },
    Place {
        who: "jit-sim",
        uses: &["jit-control", "jit-domain", "jit-github", "jit-aws", "jit-gcp", "jit-fakes", "jit-host"],
        tests_use: &[],
    },
    Place { who: "xtask", uses: &[], tests_use: &["jit-aws"] },
];

/// Packages that are all that someone may use from elsewhere.
const ONLY: &[(&str, &[&str], &str)] = &[(
    "jit-domain",
    &["hex", "sha2"],
    "decisions need no clock, randomness, I/O, async and serialisation; do it in jit-control and pass the result in",
)];

/// Packages that send, wait or run something, which a protocol crate must not.
const TRANSPORTS: [&str; 12] = [
    "hyper",
    "hyper-util",
    "reqwest",
    "ureq",
    "tokio",
    "async-std",
    "smol",
    "futures",
    "spin-sdk",
    "wit-bindgen",
    "wasmtime",
    "rand",
];

/// The eight packages that the project is founded on.
const FOUNDATION: [&str; 8] =
    ["spin-sdk", "wit-bindgen", "serde", "serde_json", "hmac", "sha2", "jwt-simple", "http"];

/// Checks all arrows, folders and the foundation.
pub(super) fn check(workspace: &Workspace, _: &Tree, findings: &mut Findings) {
    check_packages(&workspace.packages, findings);
}

fn check_packages(packages: &[Package], findings: &mut Findings) {
    for package in packages {
        let manifest = format!("{}/Cargo.toml", package.folder);
        let place = MAP.iter().find(|place| match place.who.strip_suffix('/') {
            Some(folder) => package.folder.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')),
            None => place.who == package.name,
        });
        let Some(place) = place else {
            let remedy = "draw its arrows in xtask/src/tidy/arrows.rs and describe it in ARCHITECTURE.md";
            findings.file(&manifest, format!("`{}` has no place in the map", package.name), remedy);
            continue;
        };
        check_folder(package, &manifest, findings);
        check_arrows(package, place, packages, &manifest, findings);
        check_outside(package, packages, &manifest, findings);
    }
    for founding in FOUNDATION {
        // What only tests or tools use is not what the project is founded on.
        let is_shipped = |package: &&Package| {
            package.folder.starts_with("components/")
                || ["jit-control", "jit-domain", "jit-github", "jit-aws", "jit-gcp"]
                    .contains(&package.name.as_str())
        };
        let uses = |package: &Package| {
            package.dependencies.iter().any(|used| used.name == founding && used.kind == Kind::Normal)
        };
        if !packages.iter().filter(is_shipped).any(uses) {
            let what = format!(
                "nothing that is shipped depends directly on `{founding}`, which the project is founded on"
            );
            findings.file("Cargo.toml", what, "use it where it belongs");
        }
    }
}

/// A library's folder has its name; the guest of jit-host's tests stands inside jit-host.
fn check_folder(package: &Package, manifest: &str, findings: &mut Findings) {
    let folder = package.folder.rsplit('/').next().unwrap_or_default();
    if folder != package.name && package.folder != "crates/jit-host/probe" {
        let what = format!("`{}` is in a folder called `{folder}`", package.name);
        findings.file(manifest, what, "give the folder the package's name");
    }
}

fn check_arrows(
    package: &Package,
    place: &Place,
    packages: &[Package],
    manifest: &str,
    findings: &mut Findings,
) {
    for dependency in &package.dependencies {
        let name = dependency.name.as_str();
        let is_ours = packages.iter().any(|package| package.name == name);
        let is_for_tests = dependency.kind == Kind::Dev && place.tests_use.contains(&name);
        if is_ours && !place.uses.contains(&name) && !is_for_tests {
            let what = format!("`{}` must not depend on `{name}`", package.name);
            let remedy = "arrows go components -> jit-control -> jit-domain and the protocol crates; move what is shared down";
            findings.file(manifest, what, remedy);
        }
    }
}

fn check_outside(package: &Package, packages: &[Package], manifest: &str, findings: &mut Findings) {
    let only = ONLY.iter().find(|(who, _, _)| *who == package.name);
    let is_protocol = ["jit-github", "jit-aws", "jit-gcp"].contains(&package.name.as_str());
    for dependency in package.dependencies.iter().filter(|dependency| dependency.kind == Kind::Normal) {
        let name = dependency.name.as_str();
        let is_ours = packages.iter().any(|package| package.name == name);
        if let Some((_, allowed, remedy)) = only
            && !is_ours
            && !allowed.contains(&name)
        {
            findings.file(manifest, format!("`{}` must not depend on `{name}`", package.name), *remedy);
        }
        if is_protocol && TRANSPORTS.contains(&name) {
            let what = format!("`{}` must not depend on `{name}`", package.name);
            findings.file(manifest, what, "build requests and parse replies; jit-control sends");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(folder: &str, normal: &[&str], dev: &[&str]) -> Package {
        let of = |names: &[&str], kind| -> Vec<_> {
            names.iter().map(|name| Dependency { name: (*name).to_owned(), kind }).collect()
        };
        let dependencies = [of(normal, Kind::Normal), of(dev, Kind::Dev)].concat();
        let name = folder.rsplit('/').next().unwrap().to_owned();
        Package { name, folder: folder.to_owned(), dependencies }
    }

    /// A small workspace without fault.
    fn sound() -> Vec<Package> {
        vec![
            package("components/webhook", &["jit-control", "spin-sdk", "wit-bindgen"], &[]),
            package(
                "crates/jit-control",
                &["jit-domain", "jit-github", "serde", "serde_json"],
                &["jit-fakes"],
            ),
            package("crates/jit-domain", &["sha2", "hex"], &["serde"]),
            package("crates/jit-github", &["hmac", "http", "jwt-simple"], &[]),
            package("crates/jit-fakes", &["hyper"], &[]),
        ]
    }

    fn faults(packages: &[Package]) -> Vec<String> {
        let mut findings = Findings::default();
        check_packages(packages, &mut findings);
        findings.shown()
    }

    #[test]
    fn the_map_allows_what_it_draws() {
        assert_eq!(faults(&sound()), Vec::<String>::new());
    }

    #[test]
    fn every_arrow_that_is_not_drawn_is_a_fault_in_its_manifest() {
        for (folder, normal, dev) in [
            ("components/registrar", &["jit-domain"][..], &[][..]),
            ("components/registrar", &["jit-fakes"], &[]),
            ("crates/jit-aws", &["jit-domain"], &[]),
            ("crates/jit-aws", &[], &["jit-github"]),
            ("crates/jit-aws", &["tokio"], &[]),
            ("crates/jit-host", &["jit-control"], &[]),
            ("crates/jit-cli", &["jit-fakes"], &[]),
        ] {
            let packages = [sound(), vec![package(folder, normal, dev)]].concat();
            let faults = faults(&packages);
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(faults[0].starts_with(&format!("{folder}/Cargo.toml: ")), "{faults:?}");
        }
    }

    #[test]
    fn the_domain_takes_nothing_that_could_have_an_effect() {
        for name in ["serde", "tokio", "futures", "http", "rand", "jiff", "jit-github"] {
            let mut packages = sound();
            packages[2].dependencies.push(Dependency { name: name.to_owned(), kind: Kind::Normal });
            assert_eq!(faults(&packages).len(), 1, "{name}");
        }
    }

    #[test]
    fn a_newcomer_must_be_drawn_and_a_folder_named_like_its_package() {
        let packages = [sound(), vec![package("crates/newcomer", &[], &[])]].concat();
        assert!(faults(&packages)[0].contains("no place in the map"));
        let mut packages = sound();
        packages[4].folder = "crates/fakes".to_owned();
        assert!(faults(&packages)[0].contains("folder called `fakes`"));
    }

    #[test]
    fn each_founding_package_is_missed() {
        for founding in FOUNDATION {
            let mut packages = sound();
            for package in &mut packages {
                package.dependencies.retain(|dependency| dependency.name != founding);
            }
            // Neither a dependency of tests nor one of a tool makes up for it.
            packages[1].dependencies.push(Dependency { name: founding.to_owned(), kind: Kind::Dev });
            packages.push(package("xtask", &[founding], &[]));
            let faults = faults(&packages);
            assert!(faults.len() == 1 && faults[0].contains(founding), "{faults:?}");
        }
    }
}
