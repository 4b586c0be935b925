//! The root key: what everything is wrapped under, itself wrapped under a key the operator keeps somewhere.
//!
//! `DIR/root.wrapped` (`docs/format/root-key.md`) holds it. So the operator's key can be changed without touching anything else:
//! `sekisho root-key rotate` makes that one file anew. A directory from before there was such a file has the operator's key as
//! its root key.
mod kms; // a key of a KMS
mod rotate; // sekisho root-key rotate
mod source; // who keeps the operator's key
mod token; // a key behind PKCS#11

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_kms::RootKey;
use sekisho_types::{Random, Secret, SecretKey};
use serde::{Deserialize, Serialize};

pub use rotate::{RootKeyArgs, run};
pub use source::RootKeySource;

use crate::config::{Config, ConfigError};

/// What the wrapped root key is for.
const AAD: &[u8] = b"sekisho root.wrapped";
/// RFC 9106 §4, the second recommended option: 64 MiB, three passes; one lane, since a start has no hurry.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;
/// A wrapped file that asks for more is not ours.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
const PASSES_MAX: u32 = 64;

/// `DIR/root.wrapped`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    version: u32,
    /// How a passphrase becomes the key; absent where the operator's key is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    argon2id: Option<Stretching>,
    /// Base64 of the root key under the operator's: sealed here, by a token, or by a KMS.
    key: String,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stretching {
    salt: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// Finds the root key. The operator's key is made only at the default place, and both only in a directory that holds nothing
/// yet: new keys would not open what is there.
pub fn load(config: &Config, directory_is_new: bool, random: &mut dyn Random) -> Result<RootKey, ConfigError> {
    let (source, path) = (&config.root_key, path(&config.data));
    if let RootKeySource::File { path, beside_data: true } = source {
        tracing::warn!(path = %path.display(), "the root key lies beside the data: whoever can read the directory can read everything");
    }
    match fs::read(&path) {
        Ok(bytes) => open(source, &bytes),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unusable(source, &error.to_string())),
        Err(_) if directory_is_new => {
            // Two first starts at once: the second finds what the first has made.
            let first = fs::File::open(&config.data).and_then(|directory| directory.lock().map(|()| directory));
            let _first = first.map_err(|error| unusable(source, &error.to_string()))?;
            if let Ok(bytes) = fs::read(&path) {
                return open(source, &bytes);
            }
            make_default(source, random).map_err(|error| unusable(source, &format!("{error:#}")))?;
            let mut key = [0; 32];
            random.fill(&mut key);
            let root_key = SecretKey::new(key);
            let wrapped = wrap(source, &root_key, random)?;
            replace(&config.data, &wrapped).map_err(|error| unusable(source, &error.to_string()))?;
            Ok(RootKey::new(root_key))
        }
        Err(_) => Ok(RootKey::new(operators_key(source, None)?)),
    }
}

fn path(data: &Path) -> PathBuf {
    data.join("root.wrapped")
}

fn open(source: &RootKeySource, bytes: &[u8]) -> Result<RootKey, ConfigError> {
    let damaged = || unusable(source, "root.wrapped is damaged");
    let wrapped: Wrapped = serde_json::from_slice(bytes).map_err(|_| damaged())?;
    if wrapped.version != 1 {
        return Err(unusable(source, "root.wrapped is of a later version"));
    }
    let sealed = STANDARD.decode(&wrapped.key).map_err(|_| damaged())?;
    let opened = match source {
        RootKeySource::Kms(key) => elsewhere(source, kms::open(key, &sealed))?,
        RootKeySource::Token(key) => elsewhere(source, token::open(key, &sealed))?,
        RootKeySource::File { .. } | RootKeySource::Env(_) | RootKeySource::Passphrase(_) => {
            RootKey::new(operators_key(source, wrapped.argon2id.as_ref())?).unwrap(AAD, &sealed).ok()
        }
    };
    opened.map(RootKey::new).ok_or_else(|| unusable(source, "the root key does not open root.wrapped"))
}

/// What somebody else opened for us.
fn elsewhere(
    source: &RootKeySource,
    opened: anyhow::Result<Option<Vec<u8>>>,
) -> Result<Option<SecretKey>, ConfigError> {
    let opened = opened.map_err(|error| unusable(source, &format!("{error:#}")))?.map(Secret::new);
    Ok(opened.and_then(|secret| secret.expose().try_into().ok()).map(SecretKey::new))
}

fn wrap(source: &RootKeySource, root_key: &SecretKey, random: &mut dyn Random) -> Result<Wrapped, ConfigError> {
    let argon2id = matches!(source, RootKeySource::Passphrase(_)).then(|| {
        let mut salt = [0; 16];
        random.fill(&mut salt);
        Stretching { salt: STANDARD.encode(salt), memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES }
    });
    let refused = |error: anyhow::Error| unusable(source, &format!("{error:#}"));
    let sealed = match source {
        RootKeySource::Kms(key) => kms::seal(key, root_key.expose()).map_err(refused)?,
        RootKeySource::Token(key) => token::seal(key, root_key.expose(), random).map_err(refused)?,
        RootKeySource::File { .. } | RootKeySource::Env(_) | RootKeySource::Passphrase(_) => {
            RootKey::new(operators_key(source, argon2id.as_ref())?).wrap(AAD, root_key, random)
        }
    };
    Ok(Wrapped { version: 1, argon2id, key: STANDARD.encode(sealed) })
}

/// Puts the file in the place of the one that is there: whole, or not at all.
fn replace(data: &Path, wrapped: &Wrapped) -> std::io::Result<()> {
    crate::whole_file::replace(data, "root.wrapped", (serde_json::to_string(wrapped)? + "\n").as_bytes())
}

fn operators_key(source: &RootKeySource, stretching: Option<&Stretching>) -> Result<SecretKey, ConfigError> {
    let variable = |name: &str| std::env::var(name).map_err(|_| unusable(source, "the variable is not set"));
    match (source, stretching) {
        (RootKeySource::Env(name), None) => parse(source, &variable(name)?),
        (RootKeySource::File { path, .. }, None) => {
            let text = fs::read_to_string(path).map_err(|error| unusable(source, &error.to_string()))?;
            parse(source, &text)
        }
        (RootKeySource::Passphrase(name), Some(stretching)) => stretch(source, &variable(name)?, stretching),
        (RootKeySource::Kms(_) | RootKeySource::Token(_), None) => {
            Err(unusable(source, "there is no root.wrapped here yet; `sekisho root-key rotate` makes it"))
        }
        (RootKeySource::Passphrase(_), None) => Err(unusable(source, "the root key here is not under a passphrase")),
        (_, Some(_)) => Err(unusable(source, "the root key here is under a passphrase")),
    }
}

fn stretch(source: &RootKeySource, passphrase: &str, stretching: &Stretching) -> Result<SecretKey, ConfigError> {
    let Stretching { salt, memory_kib, passes, lanes } = stretching;
    let damaged = || unusable(source, "root.wrapped is damaged");
    if *memory_kib > MEMORY_KIB_MAX || *passes > PASSES_MAX {
        return Err(damaged());
    }
    if passphrase.is_empty() {
        return Err(unusable(source, "the passphrase is empty"));
    }
    let params = Params::new(*memory_kib, *passes, *lanes, Some(32)).map_err(|_| damaged())?;
    let salt = STANDARD.decode(salt).map_err(|_| damaged())?;
    let mut key = [0; 32];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(passphrase.as_bytes(), &salt, &mut key).map_err(|_| damaged())?;
    Ok(SecretKey::new(key))
}

fn unusable(source: &RootKeySource, problem: &str) -> ConfigError {
    ConfigError::Value { setting: "root_key", value: source.to_string(), problem: problem.into() }
}

fn parse(source: &RootKeySource, text: &str) -> Result<SecretKey, ConfigError> {
    let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.map(SecretKey::new).ok_or_else(|| unusable(source, "not 32 bytes in base64"))
}

/// Makes what a first start makes: the file of the default place, or a token's key, if it is absent.
fn make_default(source: &RootKeySource, random: &mut dyn Random) -> anyhow::Result<()> {
    match source {
        RootKeySource::File { path, beside_data: true } if !path.exists() => Ok(make(path, random)?),
        RootKeySource::Token(key) => token::make_if_absent(key),
        _ => Ok(()),
    }
}

fn make(path: &Path, random: &mut dyn Random) -> std::io::Result<()> {
    let mut key = [0; 32];
    random.fill(&mut key);
    let unfinished = path.with_extension("unfinished");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{}", STANDARD.encode(key))?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(directory: &Path, root_key: RootKeySource) -> Config {
        let data = directory.display().to_string();
        Config { root_key, ..Config::load(crate::config::Flags::of(&data)).unwrap() }
    }

    fn beside(directory: &Path) -> RootKeySource {
        RootKeySource::File { path: directory.join("root.key"), beside_data: true }
    }

    fn filled(byte: u8) -> impl FnMut(&mut [u8]) {
        move |out: &mut [u8]| out.fill(byte)
    }

    #[test]
    fn made_once_and_only_for_a_new_directory() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path(), beside(directory.path()));
        assert!(load(&config, false, &mut filled(7)).is_err());
        let made = load(&config, true, &mut filled(7)).unwrap();
        let found = load(&config, true, &mut filled(8)).unwrap();
        assert_eq!(made.derive("x"), found.derive("x"));
    }

    #[test]
    fn two_first_starts_at_once_make_one_key() {
        for round in 0..20 {
            let directory = tempfile::tempdir().unwrap();
            let config = config(directory.path(), beside(directory.path()));
            let both = std::sync::Barrier::new(2);
            let start = |byte| {
                both.wait();
                load(&config, true, &mut filled(byte)).map(|key| key.derive("x"))
            };
            let made = std::thread::scope(|scope| {
                let starts = [1, 2].map(|byte| scope.spawn(move || start(byte)));
                starts.map(|start| start.join().unwrap().unwrap())
            });
            let found = load(&config, false, &mut filled(3)).unwrap().derive("x");
            assert!(made.iter().all(|key| *key == found), "round {round}");
        }
    }

    #[test]
    fn a_directory_from_before_has_the_operators_key() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("root.key"), STANDARD.encode([5; 32])).unwrap();
        let found = load(&config(directory.path(), beside(directory.path())), false, &mut filled(1)).unwrap();
        assert_eq!(found.derive("x"), RootKey::new(SecretKey::new([5; 32])).derive("x"));
    }

    #[test]
    fn what_wraps_it_is_needed_to_open_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, byte: u8| {
            let path = directory.path().join(name);
            fs::write(&path, STANDARD.encode([byte; 32])).unwrap();
            RootKeySource::File { path, beside_data: false }
        };
        let (one, other) = (file("one", 1), file("other", 2));
        let root_key = SecretKey::new([9; 32]);
        let wrapped = serde_json::to_vec(&wrap(&one, &root_key, &mut filled(3)).unwrap()).unwrap();
        assert_eq!(open(&one, &wrapped).unwrap().derive("x"), RootKey::new(root_key).derive("x"));
        assert!(open(&other, &wrapped).unwrap_err().to_string().contains("does not open"));
        for at in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[at] ^= 1;
            assert!(open(&one, &changed).is_err(), "byte {at} of {}", String::from_utf8_lossy(&wrapped));
        }
        let short = file("short", 1);
        fs::write(directory.path().join("short"), "c2hvcnQ=").unwrap();
        assert!(open(&short, &wrapped).unwrap_err().to_string().contains("not 32 bytes in base64"));
    }
}
