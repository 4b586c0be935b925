//! A small file that is replaced whole, or not at all.
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Puts the file in the place of the one that is there. Durable when it returns; a crash may leave `<name>.unfinished`.
pub fn replace(directory: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let unfinished = directory.join(format!("{name}.unfinished"));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, directory.join(name))?;
    fs::File::open(directory)?.sync_all()
}
