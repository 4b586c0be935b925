//! The root key, from where the operator keeps it.
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_kms::RootKey;
use sekisho_types::{Random, SecretKey};

use crate::config::{ConfigError, RootKeySource};

/// Finds the root key. One is made only at the default place, and only on a directory that holds nothing yet: a new key
/// would not open what is there.
pub fn load(source: &RootKeySource, directory_is_new: bool, random: &mut dyn Random) -> Result<RootKey, ConfigError> {
    match source {
        RootKeySource::Env(name) => {
            let text = std::env::var(name).map_err(|_| unusable(&format!("env:{name}"), "the variable is not set"))?;
            parse(&format!("env:{name}"), &text)
        }
        RootKeySource::File { path, beside_data } => {
            let shown = format!("file:{}", path.display());
            if *beside_data {
                tracing::warn!(path = %path.display(), "the root key lies beside the data: whoever can read the directory can read everything");
            }
            match fs::read_to_string(path) {
                Ok(text) => parse(&shown, &text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && *beside_data && directory_is_new => {
                    create(path, random).map_err(|error| unusable(&shown, &error.to_string()))
                }
                Err(error) => Err(unusable(&shown, &error.to_string())),
            }
        }
    }
}

fn unusable(shown: &str, problem: &str) -> ConfigError {
    ConfigError::Value { setting: "root_key", value: shown.into(), problem: problem.into() }
}

fn parse(shown: &str, text: &str) -> Result<RootKey, ConfigError> {
    let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.map(|bytes| RootKey::new(SecretKey::new(bytes))).ok_or_else(|| unusable(shown, "not 32 bytes in base64"))
}

fn create(path: &Path, random: &mut dyn Random) -> std::io::Result<RootKey> {
    let mut key = [0; 32];
    random.fill(&mut key);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{}", STANDARD.encode(key))?;
    file.sync_all()?;
    Ok(RootKey::new(SecretKey::new(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_and_only_for_a_new_directory() {
        let directory = tempfile::tempdir().unwrap();
        let source = RootKeySource::File { path: directory.path().join("root.key"), beside_data: true };
        let mut random = |out: &mut [u8]| out.fill(7);
        assert!(load(&source, false, &mut random).is_err());
        let made = load(&source, true, &mut random).unwrap();
        let mut other = |out: &mut [u8]| out.fill(8);
        let found = load(&source, true, &mut other).unwrap();
        assert_eq!(made.derive("x"), found.derive("x"));
    }

    #[test]
    fn a_key_is_32_bytes_in_base64() {
        assert!(parse("file:x", "c2hvcnQ=").unwrap_err().to_string().contains("not 32 bytes in base64"));
    }
}
