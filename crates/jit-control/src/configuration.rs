//! Reads `config/jit-runners.toml` into the domain's [`Policy`], or says everything that is wrong with it at once.
//! Not here: Spin's variables (`settings.rs`), and what only GitHub or a cloud can tell, such as whether a subnet exists.
//!
//! The text goes through four steps, one file each: `keys.rs` declares every key once, `draft.rs` reads them field by
//! field, `check.rs` holds the rules between fields, and `build.rs` makes the policy. `reference.rs` prints the declarations.

mod build;
mod check;
mod draft;
mod duration;
mod fault;
mod form;
mod key;
mod keys;
mod nearest;
mod reference;
mod section;
mod shapes;
#[cfg(test)]
mod tests;

use jit_domain::ids::Digest;
use jit_domain::policy::Policy;
use sha2::{Digest as _, Sha256};
use toml::de::DeTable;

pub use fault::Fault;
pub use reference::reference;

use self::draft::Draft;
use self::fault::{Faults, Place};
use self::section::Section;

/// Longest text that is read, in bytes; a deployment of the largest size that the keys allow is far below it.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;
/// Syntax errors that are reported of one text: after so many the rest follows from them.
const SYNTAX_FAULTS_MAX: usize = 20;

/// Reads the text of `config/jit-runners.toml`.
///
/// # Errors
/// Every fault of the text, in the order of its lines, at least one. Where the text is not TOML at all places, what
/// is missing or unknown is not reported, because it may stand in the part that could not be read.
pub fn parse(text: &str) -> Result<Policy, Vec<Fault>> {
    if text.len() > TEXT_BYTES_MAX {
        let what = format!("the file has {} bytes, more than {TEXT_BYTES_MAX}", text.len());
        return Err(vec![Fault::of_file(what, "make it shorter, or split the deployment".to_owned())]);
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    let faults = Faults::new(text);
    for error in errors {
        faults.syntax(error.span(), error.message());
    }
    let root = Section::root(root.get_ref(), &keys::ROOT, Place::root(), &faults);
    let draft = Draft::read(&root);
    if faults.has_whole_text() {
        check::check(&draft, &faults);
    }
    let found = faults.into_sorted(SYNTAX_FAULTS_MAX);
    match build::policy(draft) {
        Ok(policy) if found.is_empty() => Ok(policy),
        Ok(_) => Err(found),
        Err(recorded) => Err(recorded.among(found)),
    }
}

/// The digest of a configuration's text: the key under which a verdict about it is kept, and what tells a new one.
pub fn digest(text: &str) -> Digest {
    Digest::new(hex::encode(Sha256::digest(text.as_bytes())))
}
