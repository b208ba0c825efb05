//! What code may not name, by folder: effects where there are none, the SDK outside its module.
//!
//! Comments, quoted text and tests are not looked at. Not here: dependencies; they are in `arrows.rs`.

use std::collections::BTreeSet;

use super::fault::Findings;
use super::paths::{Named, paths};
use super::rust;
use super::tree::Tree;
use crate::workspace::Workspace;

/// A list of names and the folders where code may not use them.
struct Ban {
    folders: &'static [&'static str],
    except: &'static [&'static str],
    /// Each is looked for anywhere in a path; one that begins with `=` must be the whole path.
    names: &'static [&'static str],
    remedy: &'static str,
}

const DOMAIN: &str = "crates/jit-domain/src";
const PROTOCOLS: [&str; 3] = ["crates/jit-github/src", "crates/jit-aws/src", "crates/jit-gcp/src"];
const CONTROL: &str = "crates/jit-control/src";
/// The one module where effects are real.
const SPIN: &str = "crates/jit-control/src/effects/spin";

const BANS: &[Ban] = &[
    Ban {
        folders: &[DOMAIN],
        except: &[],
        names: &["async", "await"],
        remedy: "decisions are plain functions; wait in jit-control",
    },
    Ban {
        folders: &[DOMAIN, PROTOCOLS[0], PROTOCOLS[1], PROTOCOLS[2], CONTROL],
        except: &[SPIN],
        names: &[
            "std::time::Instant",
            "std::time::SystemTime",
            "std::time::UNIX_EPOCH",
            "std::time::*",
            "=std::time",
            "=std",
            "std::*",
            "Timestamp::now",
            "Zoned::now",
            "SystemTime::now",
            "Instant::now",
        ],
        remedy: "take the time as an argument; effects/spin.rs alone reads a clock",
    },
    Ban {
        folders: &[DOMAIN, PROTOCOLS[0], PROTOCOLS[1], PROTOCOLS[2], CONTROL],
        except: &[SPIN],
        names: &["std::env", "std::fs", "std::net", "std::process", "std::thread", "thread_local!"],
        remedy: "all effects go through jit-control's Effects; effects/spin.rs alone has them",
    },
    Ban {
        folders: &[DOMAIN, PROTOCOLS[0], PROTOCOLS[1], PROTOCOLS[2], CONTROL],
        except: &[SPIN],
        names: &["println!", "print!", "eprintln!", "eprint!", "dbg!"],
        remedy: "return a reason or log through jit-control's Effects",
    },
    Ban {
        folders: &[DOMAIN],
        except: &[],
        names: &["std::io", "HashMap", "HashSet", "RandomState"],
        remedy: "no I/O, and ordered maps only: two runs of one decision must be equal",
    },
    Ban {
        folders: &[CONTROL],
        except: &[SPIN],
        names: &["spin_sdk", "wit_bindgen", "wasi"],
        remedy: "use the SDK in effects/spin.rs and in components only, so that another WASI version is a small change",
    },
];

/// Looks at all folders that have bans.
pub(super) fn check(_: &Workspace, tree: &Tree, findings: &mut Findings) {
    let folders: BTreeSet<&str> = BANS.iter().flat_map(|ban| ban.folders.iter().copied()).collect();
    for folder in folders {
        check_folder(tree, folder, findings);
    }
}

fn check_folder(tree: &Tree, folder: &str, findings: &mut Findings) {
    let sources: Vec<_> = tree
        .texts(folder)
        .filter(|(path, _)| path.ends_with(".rs"))
        .map(|(path, text)| (path, rust::without_tests(&rust::code(text))))
        .collect();
    let for_tests: Vec<String> = sources
        .iter()
        .flat_map(|(path, (_, modules))| modules.iter().map(move |module| beside(path, module)))
        .collect();
    let is_for_tests =
        |path: &str| for_tests.iter().any(|module| path == format!("{module}.rs") || within(path, module));
    for (path, (code, _)) in &sources {
        if !is_for_tests(path) {
            check_file(folder, path, &paths(code), findings);
        }
    }
}

fn check_file(folder: &str, path: &str, named: &[Named], findings: &mut Findings) {
    let is_excepted =
        |ban: &&Ban| ban.except.iter().any(|except| path == format!("{except}.rs") || within(path, except));
    for ban in BANS.iter().filter(|ban| ban.folders.contains(&folder)).filter(|ban| !is_excepted(ban)) {
        for found in named {
            if ban.names.iter().any(|name| is_named(&found.names, name)) {
                let what = format!("names `{}`", found.names.join("::"));
                findings.line(path, found.line, what, ban.remedy);
            }
        }
    }
}

fn is_named(names: &[String], banned: &str) -> bool {
    let same = |names: &[String], banned: &str| names.iter().map(String::as_str).eq(banned.split("::"));
    match banned.strip_prefix('=') {
        Some(whole) => same(names, whole),
        None => names.windows(banned.split("::").count()).any(|window| same(window, banned)),
    }
}

/// Where the file of a module is, without its ending, if another file declares it.
fn beside(declaring: &str, module: &str) -> String {
    let base = declaring.strip_suffix(".rs").unwrap_or(declaring);
    let base = base.strip_suffix("/lib").or_else(|| base.strip_suffix("/main")).unwrap_or(base);
    format!("{base}/{module}")
}

fn within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        let tree = Tree::of(files);
        let mut findings = Findings::default();
        let folders: BTreeSet<&str> = BANS.iter().flat_map(|ban| ban.folders.iter().copied()).collect();
        for folder in folders {
            check_folder(&tree, folder, &mut findings);
        }
        findings.faults.iter().map(|fault| format!("{}:{}", fault.file, fault.line.unwrap_or(0))).collect()
    }

    #[test]
    fn each_effect_is_seen_in_the_domain_however_it_is_imported() {
        for code in [
            "async fn f() {}",
            "fn f() { g.await }",
            "use std::time::Instant;",
            "use std::time::{Duration, SystemTime};",
            "use std::time;",
            "use std::{fmt, fs};",
            "use std::*;",
            "fn f() { std::env::var(a); }",
            "use std::io::Read;",
            "fn f() { println!(a); }",
            "use std::collections::HashMap;",
            "use std::{thread, net::TcpStream};",
            "use std::process::Command;",
        ] {
            assert!(!faults(&[("crates/jit-domain/src/a.rs", code)]).is_empty(), "{code}");
        }
    }

    #[test]
    fn what_only_looks_like_an_effect_is_none() {
        let code = "//! async, std::fs.\nuse std::time::Duration;\nuse std::{fmt, collections::BTreeMap};\n\
                    fn f() -> &'static str { \"println!(std::env)\" }\nfn asynchronous(time: Timestamp) {}\n\
                    #[cfg(test)]\nmod tests { use std::fs; }\n";
        assert_eq!(faults(&[("crates/jit-domain/src/a.rs", code)]), Vec::<String>::new());
    }

    #[test]
    fn modules_for_tests_may_do_what_they_need_and_their_neighbours_may_not() {
        let faults = faults(&[
            ("crates/jit-domain/src/lib.rs", "mod a;\n#[cfg(test)]\nmod fixtures;"),
            ("crates/jit-domain/src/a.rs", "#[cfg(test)]\nmod tests;\nmod b;"),
            ("crates/jit-domain/src/fixtures.rs", "use std::fs;"),
            ("crates/jit-domain/src/fixtures/more.rs", "use std::fs;"),
            ("crates/jit-domain/src/a/tests.rs", "use std::fs;"),
            ("crates/jit-domain/src/a/b.rs", "\nuse std::fs;"),
        ]);
        assert_eq!(faults, ["crates/jit-domain/src/a/b.rs:2"]);
    }

    #[test]
    fn the_shell_has_effects_and_the_sdk_in_one_module_only() {
        let code = "use spin_sdk::http; use std::time::SystemTime;";
        let faults = faults(&[
            ("crates/jit-control/src/effects/spin.rs", code),
            ("crates/jit-control/src/effects/spin/exchange.rs", code),
            ("crates/jit-control/src/effects/spinner.rs", code),
            ("crates/jit-aws/src/sigv4.rs", "fn now() { jiff::Timestamp::now(); }"),
        ]);
        let spinner = "crates/jit-control/src/effects/spinner.rs:1";
        assert_eq!(faults, ["crates/jit-aws/src/sigv4.rs:1", spinner, spinner]);
    }
}
