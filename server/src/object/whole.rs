//! A file that is there whole or not at all.
use std::fs::{self, File};
use std::io::{Write, stdout};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Writes `bytes` to `path`, or to standard output for none and `-`. Only its owner may read the file.
pub fn write(path: Option<&Path>, bytes: &[u8]) -> Result<()> {
    match path.filter(|path| *path != Path::new("-")) {
        Some(path) => write_file(path, bytes).with_context(|| format!("cannot write `{}`", path.display())),
        None => Ok(stdout().lock().write_all(bytes)?),
    }
}

/// Writes beside it, and then takes its place.
fn write_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let unfinished = path.with_file_name(format!(".{}.unfinished", uuid::Uuid::new_v4()));
    let written = File::options().write(true).create_new(true).mode(0o600).open(&unfinished).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    });
    if written.is_err() {
        // It may never have been made; the first error is the one to tell.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plain");
        fs::write(&path, "before").unwrap();
        write(Some(&path), b"after").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"after");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(write(Some(&directory.path().join("missing/plain")), b"x").is_err());
        assert!(write(Some(directory.path()), b"x").is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
