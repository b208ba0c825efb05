//! Holds docs/configuration.md to the declarations that it is written from.
//! Not here: the page's text; jit-control writes it, and `jitr reference` prints it.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::command;
use crate::simulation::Programs;
use crate::workspace::Workspace;

/// The committed page.
const PAGE: &str = "docs/configuration.md";
/// The program that prints it.
pub(crate) const PROGRAM: &str = "jitr";

/// Prints the page anew and compares.
pub(crate) fn check(workspace: &Workspace, programs: &Programs) -> Result<()> {
    let declared = command::output(Command::new(programs.path(PROGRAM)).arg("reference"))?;
    let page =
        fs::read_to_string(workspace.root.join(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    compare(&page, &declared)
}

fn compare(page: &str, declared: &str) -> Result<()> {
    if page == declared {
        return Ok(());
    }
    let same = page.lines().zip(declared.lines()).take_while(|(page, declared)| page == declared).count();
    bail!(
        "{PAGE}:{}: the page is not what is declared; run `cargo run --bin jitr -- reference > {PAGE}`",
        same + 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_held_to_every_byte_and_the_first_line_that_differs_is_named() {
        assert!(compare("one\ntwo\n", "one\ntwo\n").is_ok());
        for (page, line) in
            [("one\n2\n", 2), ("one\n", 2), ("one\ntwo\nthree\n", 3), ("one\ntwo", 3), ("", 1)]
        {
            let error = compare(page, "one\ntwo\n").unwrap_err().to_string();
            assert!(error.starts_with(&format!("docs/configuration.md:{line}: ")), "{page:?}: {error}");
        }
    }
}
