//! The root credentials: from the environment, else from `DIR/credentials`, which is made at the first start.
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sekisho_types::{Random, Secret};

/// An access key of the account's root.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Public half.
    pub access_key_id: String,
    /// Secret half.
    pub secret_access_key: Secret,
}

/// The file in AWS shared-credentials format.
pub fn path(data: &Path) -> PathBuf {
    data.join("credentials")
}

/// Finds or makes them.
pub fn load_or_create(data: &Path, random: &mut dyn Random) -> Result<Credentials> {
    let from_env = (std::env::var("SEKISHO_ACCESS_KEY_ID"), std::env::var("SEKISHO_SECRET_ACCESS_KEY"));
    match from_env {
        (Ok(id), Ok(secret)) if !id.is_empty() && !secret.is_empty() => {
            return Ok(Credentials { access_key_id: id, secret_access_key: Secret::new(secret.into_bytes()) });
        }
        (Err(_), Err(_)) => {}
        _ => bail!("SEKISHO_ACCESS_KEY_ID and SEKISHO_SECRET_ACCESS_KEY go together"),
    }
    let path = path(data);
    if path.exists() { read(&path) } else { create(&path, random) }
}

/// Reads the profile `sekisho`.
pub fn read(path: &Path) -> Result<Credentials> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let value = |key: &str| {
        let ours = text.lines().skip_while(|line| line.trim() != "[sekisho]").skip(1);
        let pairs = ours.take_while(|line| !line.trim_start().starts_with('[')).filter_map(|line| line.split_once('='));
        pairs
            .map(|(name, value)| (name.trim(), value.trim()))
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value.to_owned())
    };
    match (value("aws_access_key_id"), value("aws_secret_access_key")) {
        (Some(id), Some(secret)) => {
            Ok(Credentials { access_key_id: id, secret_access_key: Secret::new(secret.into_bytes()) })
        }
        _ => bail!("`{}` holds no profile [sekisho] with both halves of an access key", path.display()),
    }
}

fn create(path: &Path, random: &mut dyn Random) -> Result<Credentials> {
    // As AWS shapes them: AKIA and 16 of base 32; 40 of base 64.
    let mut bytes = [0; 40];
    random.fill(&mut bytes);
    let id: String =
        bytes[..16].iter().map(|b| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from(b % 32)])).collect();
    random.fill(&mut bytes);
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let secret: String = bytes.iter().map(|b| char::from(alphabet[usize::from(b % 64)])).collect();
    let text = format!("[sekisho]\naws_access_key_id = AKIA{id}\naws_secret_access_key = {secret}\n");
    let unfinished = path.with_extension("unfinished");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_with_mode_0600_and_found_again() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = path(directory.path());
        let made = create(&path, &mut |out: &mut [u8]| out.fill(9)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let found = read(&path).unwrap();
        assert_eq!((found.access_key_id.len(), found.secret_access_key.expose().len()), (20, 40));
        assert_eq!(found.access_key_id, made.access_key_id);
    }
}
