//! Builds the components, puts them where the manifests look, and prints their sizes.
//! Not here: what a component may be made of; that is `tidy/built.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::command;
use crate::workspace::{FUNCTIONS, WASM, Workspace};

/// Builds all six in one call, so that cargo plans them together.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let mut cargo = command::cargo(&workspace.root);
    cargo.args(["build", "--release", "--target", WASM]);
    cargo.args(FUNCTIONS.iter().flat_map(|function| ["-p", *function]));
    command::run(&mut cargo).with_context(|| {
        format!("cannot build the components; `rustup target add {WASM}` installs the target")
    })?;
    for function in FUNCTIONS {
        let component = place(workspace, function)?;
        let size = fs::metadata(&component).with_context(|| format!("no {}", component.display()))?.len();
        println!("component: name={function} size_bytes={size}");
    }
    Ok(())
}

/// Builds the guest of jit-host's tests, which answers at once where the bench asks it to. Alone, as those tests do.
pub(crate) fn build_probe(workspace: &Workspace) -> Result<()> {
    let mut cargo = command::cargo(&workspace.root);
    command::run(cargo.args(["build", "--release", "--target", WASM, "-p", "jit-host-probe"]))?;
    place(workspace, "jit_host_probe").map(drop)
}

/// The path below the root where the manifests expect a component.
pub(crate) fn source(function: &str) -> PathBuf {
    Path::new("target").join(built(function))
}

/// The path of a component below a folder that cargo builds in.
fn built(function: &str) -> PathBuf {
    Path::new(WASM).join("release").join(function).with_extension("wasm")
}

/// Copies a component to where the manifests expect it, if cargo builds elsewhere.
fn place(workspace: &Workspace, function: &str) -> Result<PathBuf> {
    let from = workspace.target.join(built(function));
    let to = workspace.root.join(source(function));
    if from != to {
        let folder = to.parent().context("no folder for the components")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // A copy beside and a rename: a host that is loading the old component never sees half of the new one.
        let beside = to.with_extension("wasm.new");
        fs::copy(&from, &beside).with_context(|| format!("cannot copy {}", from.display()))?;
        fs::rename(&beside, &to).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(to)
}
