//! The files that a component may read, copied into a folder of their own when the application starts.
//!
//! A copy, as in Spin: what changes later is not seen, and nothing outside the folder can be reached.
//! Not in here: opening the folder for an instance (`state`).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::error::LoadError;
use crate::manifest::FileMount;

/// Copies the files of a component; none when it has none.
pub(super) fn stage(
    root: &Path,
    component: &str,
    mounts: &[FileMount],
) -> Result<Option<TempDir>, LoadError> {
    if mounts.is_empty() {
        return Ok(None);
    }
    let error = |path: PathBuf, source| LoadError::Files { component: component.to_owned(), path, source };
    let folder = tempfile::tempdir().map_err(|source| error(std::env::temp_dir(), source))?;
    for mount in mounts {
        let source = root.join(&mount.source);
        let destination =
            folder.path().join(mount.destination.strip_prefix("/").unwrap_or(&mount.destination));
        copy(&source, &destination).map_err(|problem| error(source, problem))?;
    }
    Ok(Some(folder))
}

fn copy(source: &Path, destination: &Path) -> io::Result<()> {
    if fs::metadata(source)?.is_dir() {
        fs::create_dir_all(destination)?;
        for entry in fs::read_dir(source)? {
            let entry = entry?;
            copy(&entry.path(), &destination.join(entry.file_name()))?;
        }
        return Ok(());
    }
    if let Some(parent) = destination.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::copy(source, destination).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(source: &str, destination: &str) -> FileMount {
        FileMount { source: source.into(), destination: destination.into(), line: 1 }
    }

    #[test]
    fn files_and_folders_come_to_their_destinations() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("config/sub")).unwrap();
        fs::write(root.path().join("config/sub/a"), "A").unwrap();
        fs::write(root.path().join("b"), "B").unwrap();
        let mounts = [mount("config", "/etc/app"), mount("b", "/etc/app/c")];
        let staged = stage(root.path(), "x", &mounts).unwrap().unwrap();
        assert_eq!(fs::read_to_string(staged.path().join("etc/app/sub/a")).unwrap(), "A");
        assert_eq!(fs::read_to_string(staged.path().join("etc/app/c")).unwrap(), "B");
    }

    #[test]
    fn a_missing_file_is_named() {
        let root = tempfile::tempdir().unwrap();
        let error = stage(root.path(), "x", &[mount("nothing", "/n")]).unwrap_err();
        assert!(error.to_string().contains("nothing"), "{error}");
        assert!(stage(root.path(), "x", &[]).unwrap().is_none());
    }
}
