//! Where the workspace is, which packages it has and what they depend on, as cargo itself says.
//! Not here: what may depend on what; that is `tidy/arrows.rs`.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::command;

/// The six functions: one name for a component, its shell, its decision, its scenarios and its host test.
pub(crate) const FUNCTIONS: [&str; 6] =
    ["webhook", "scaleup", "lifecycle", "scaledown", "rebalancer", "registrar"];

/// The target that the components are built for.
pub(crate) const WASM: &str = "wasm32-wasip2";

/// The workspace that this program belongs to.
pub(crate) struct Workspace {
    /// Its root folder.
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// Its members, in cargo's order.
    pub(crate) packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its folder below the root, with `/` between the parts.
    pub(crate) folder: String,
    /// What it depends on itself.
    pub(crate) dependencies: Vec<Dependency>,
}

/// A direct dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// The package's name, also where the manifest renames it.
    pub(crate) name: String,
    /// For what it is needed.
    pub(crate) kind: Kind,
}

/// For what a dependency is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// For the package itself or its build script.
    Normal,
    /// For its tests, examples and benchmarks only.
    Dev,
}

impl Workspace {
    /// Asks cargo about the workspace around this program.
    pub(crate) fn find() -> Result<Self> {
        // Asked when it runs: a target folder that several clones share may hold a program that another clone built.
        let xtask = env::var_os("CARGO_MANIFEST_DIR").context("start it by `cargo xtask`")?;
        let root = Path::new(&xtask).parent().context("xtask has no parent folder")?;
        let mut cargo = command::cargo(root);
        cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
        Self::read(&command::output(&mut cargo)?).context("cannot read what cargo says of the workspace")
    }

    /// Reads what `cargo metadata` prints: <https://doc.rust-lang.org/cargo/commands/cargo-metadata.html>.
    pub(crate) fn read(metadata: &str) -> Result<Self> {
        let metadata: Value = serde_json::from_str(metadata)?;
        let root = PathBuf::from(text(&metadata, "workspace_root")?);
        let target = PathBuf::from(text(&metadata, "target_directory")?);
        let packages = list(&metadata, "packages")?.iter().map(|package| read_package(package, &root));
        Ok(Self { packages: packages.collect::<Result<_>>()?, root, target })
    }
}

fn read_package(package: &Value, root: &Path) -> Result<Package> {
    let manifest = Path::new(text(package, "manifest_path")?);
    let folder = manifest.parent().and_then(|folder| folder.strip_prefix(root).ok());
    let folder = folder.and_then(Path::to_str).context("a member outside the workspace's folder")?;
    let dependencies = list(package, "dependencies")?.iter().map(|dependency| {
        let kind = if dependency["kind"] == "dev" { Kind::Dev } else { Kind::Normal };
        Ok(Dependency { name: text(dependency, "name")?.to_owned(), kind })
    });
    Ok(Package {
        name: text(package, "name")?.to_owned(),
        folder: folder.replace('\\', "/"),
        dependencies: dependencies.collect::<Result<_>>()?,
    })
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().with_context(|| format!("no text `{key}`"))
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    let Some(list) = value[key].as_array() else { bail!("no list `{key}`") };
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_gives_folders_below_the_root_and_kinds_of_dependencies() {
        let metadata = r#"{
            "workspace_root": "/w", "target_directory": "/elsewhere/target",
            "packages": [{
                "name": "b", "manifest_path": "/w/crates/b/Cargo.toml",
                "dependencies": [
                    {"name": "serde", "kind": null},
                    {"name": "cc", "kind": "build"},
                    {"name": "proptest", "kind": "dev", "rename": "prop"}
                ]
            }]
        }"#;
        let workspace = Workspace::read(metadata).unwrap();
        assert_eq!(workspace.target, Path::new("/elsewhere/target"));
        let dependency = |name: &str, kind| Dependency { name: name.to_owned(), kind };
        let dependencies = vec![
            dependency("serde", Kind::Normal),
            dependency("cc", Kind::Normal),
            dependency("proptest", Kind::Dev),
        ];
        let package = Package { name: "b".to_owned(), folder: "crates/b".to_owned(), dependencies };
        assert_eq!(workspace.packages, [package]);
    }

    #[test]
    fn metadata_of_another_form_is_an_error() {
        assert!(Workspace::read("{}").is_err());
        assert!(Workspace::read("").is_err());
    }
}
