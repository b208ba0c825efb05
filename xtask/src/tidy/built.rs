//! What each built component imports, exports, may call and weighs, against what is committed.
//!
//! The list makes growth a decision: a new import or host is a new right, and size is start-up time and money.
//! Not here: how components are built.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use toml_edit::{Array, DocumentMut, Item, Table, Value, value};
use wasmparser::{Parser, Payload};

use super::applications::{components, hosts};
use super::fault::Findings;
use super::tree::Tree;
use crate::components as build;
use crate::manifest::MANIFESTS;
use crate::workspace::FUNCTIONS;

/// The committed list.
const LIST: &str = "xtask/components.toml";
/// How much larger than committed a component may be, in percent: what another compiler of the same version, or another
/// path of the sources, may add.
const GROWTH_PERCENT_MAX: u64 = 2;
/// How much smaller than committed a component must be before it is worth tightening the limit, in percent.
const SHRINK_PERCENT_MIN: u64 = 5;
const BLESS: &str = "if this is meant, run `cargo xtask tidy --bless` and commit the list";

/// What a component is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Shape {
    size_bytes: u64,
    imports: Vec<String>,
    exports: Vec<String>,
    hosts: Vec<String>,
}

/// Compares what is built with the list.
pub(super) fn check(root: &Path, tree: &Tree, findings: &mut Findings) {
    let list = match tree.text(LIST).map(str::parse::<DocumentMut>) {
        Some(Ok(list)) => list,
        Some(Err(_)) => return findings.file(LIST, "is not TOML", "run `cargo xtask tidy --bless`"),
        None => return findings.file(LIST, "is missing", "run `cargo xtask tidy --bless` and commit it"),
    };
    for function in FUNCTIONS {
        match built(root, tree, function) {
            Ok(is) => match list.get(function) {
                Some(item) => compare(function, &committed(item), &is, findings),
                None => findings.file(LIST, format!("{function} is missing"), BLESS),
            },
            Err(error) => {
                let source = build::source(function).display().to_string();
                findings.file(&source, format!("{error:#}"), "run `cargo xtask components`");
            }
        }
    }
    for (name, _) in list.iter().filter(|(name, _)| !FUNCTIONS.contains(name)) {
        findings.file(LIST, format!("`{name}` is no component"), "remove it");
    }
}

/// Writes the list from what is built.
pub(super) fn bless(root: &Path, tree: &Tree) -> Result<()> {
    let mut list = DocumentMut::new();
    for function in FUNCTIONS {
        let is = built(root, tree, function).context("run `cargo xtask components` first")?;
        println!("bless: name={function} size_bytes={} imports={}", is.size_bytes, is.imports.len());
        list.insert(function, Item::Table(table(&is)));
    }
    let text = format!(
        "# What each built component weighs, imports, exports and may call.\n\
         # `cargo xtask tidy --bless` writes this file and `cargo xtask tidy --built` fails on what is not in it.\n\n{list}"
    );
    fs::write(root.join(LIST), text).with_context(|| format!("cannot write {LIST}"))
}

fn built(root: &Path, tree: &Tree, function: &str) -> Result<Shape> {
    let bytes =
        fs::read(root.join(build::source(function))).with_context(|| format!("{function} is not built"))?;
    let manifest: DocumentMut =
        tree.text(MANIFESTS[0]).context("no spin.toml")?.parse().context("spin.toml is not TOML")?;
    let component =
        components(&manifest).remove(function).with_context(|| format!("spin.toml has no {function}"))?;
    let hosts = hosts(component).into_iter().map(str::to_owned).collect();
    Ok(Shape { hosts, ..shape(&bytes).with_context(|| format!("{function} is no component"))? })
}

/// The names that a component itself imports and exports, sorted; not those of the modules and components inside it.
fn shape(bytes: &[u8]) -> Result<Shape> {
    let mut shape = Shape { size_bytes: u64::try_from(bytes.len())?, ..Shape::default() };
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    shape.imports.push(import?.name.full_name().into_owned());
                }
            }
            Payload::ComponentExportSection(exports) if depth == 0 => {
                for export in exports {
                    shape.exports.push(export?.name.full_name().into_owned());
                }
            }
            _ => {}
        }
    }
    shape.imports.sort();
    shape.exports.sort();
    Ok(shape)
}

fn compare(function: &str, committed: &Shape, is: &Shape, findings: &mut Findings) {
    for (what, before, now) in [
        ("imports", &committed.imports, &is.imports),
        ("exports", &committed.exports, &is.exports),
        ("may call", &committed.hosts, &is.hosts),
    ] {
        for name in now.iter().filter(|name| !before.contains(name)) {
            findings.file(LIST, format!("{function} {what} `{name}`, which is not committed"), BLESS);
        }
        for name in before.iter().filter(|name| !now.contains(name)) {
            findings.file(LIST, format!("{function} no longer {what} `{name}`"), BLESS);
        }
    }
    let percent = |percent: u64| committed.size_bytes.saturating_mul(percent) / 100;
    if is.size_bytes > percent(100 + GROWTH_PERCENT_MAX) {
        let what = format!("{function} has {} bytes, committed are {}", is.size_bytes, committed.size_bytes);
        findings.file(LIST, what, format!("make it smaller; {BLESS}"));
    } else if is.size_bytes < percent(100 - SHRINK_PERCENT_MIN) {
        let (is, before) = (is.size_bytes, committed.size_bytes);
        findings.note(format!(
            "{function} shrank from {before} to {is} bytes; `cargo xtask tidy --bless` holds that"
        ));
    }
}

fn committed(item: &Item) -> Shape {
    let names = |key: &str| {
        let list = item.get(key).and_then(Item::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let size = item.get("size_bytes").and_then(Item::as_integer).and_then(|size| u64::try_from(size).ok());
    Shape {
        size_bytes: size.unwrap_or_default(),
        imports: names("imports"),
        exports: names("exports"),
        hosts: names("allowed_outbound_hosts"),
    }
}

fn table(shape: &Shape) -> Table {
    let list = |names: &[String]| {
        let mut list: Array = names.iter().collect();
        for name in list.iter_mut() {
            name.decor_mut().set_prefix("\n    ");
        }
        list.set_trailing(if names.is_empty() { "" } else { "\n" });
        list.set_trailing_comma(!names.is_empty());
        value(list)
    };
    let mut table = Table::new();
    table.insert("size_bytes", value(i64::try_from(shape.size_bytes).unwrap_or(i64::MAX)));
    table.insert("allowed_outbound_hosts", list(&shape.hosts));
    table.insert("exports", list(&shape.exports));
    table.insert("imports", list(&shape.imports));
    table
}

#[cfg(test)]
mod tests;
