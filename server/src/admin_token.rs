//! `DIR/admin.token`: whoever may read it may change things through the operator's port. New at each start.
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sekisho_types::{Random, Secret};

fn path(data: &Path) -> PathBuf {
    data.join("admin.token")
}

/// Draws one and leaves it for the account that runs the server.
pub fn create(data: &Path, random: &mut dyn Random) -> Result<Secret> {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    let token = URL_SAFE_NO_PAD.encode(bytes);
    let unfinished = data.join("admin.unfinished");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(token.as_bytes())?;
    fs::rename(&unfinished, path(data))?;
    Ok(Secret::new(token.into_bytes()))
}

/// The running server's.
pub fn read(data: &Path) -> Result<String> {
    let path = path(data);
    fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))
}
