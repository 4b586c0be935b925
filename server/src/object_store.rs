//! `[object_store]`: where the bodies of our own buckets' objects lie. Said nothing, in `DIR/objects`.
//!
//! `DIR/object-store` keeps where this directory's bodies are, and the name of its own part of the bucket there: two servers that
//! share bucket and prefix never see, and so never sweep away, each other's.
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use sekisho_blobs::{Bodies, Directory, Elsewhere, ObjectStore, Told};
use sekisho_remote::RemoteBucket;
use sekisho_state::State;
use sekisho_types::{Random, with_causes};
use sekisho_workers::{Decision, Decisions};
use serde::{Deserialize, Serialize};

use crate::buckets::{self, BucketTable};
use crate::config::{Config, ConfigError};
use crate::whole_file;

/// The file that says where the bodies are.
const FILE: &str = "object-store";
/// An instance's name and a body's take 69 bytes more, and a key has at most 1,024.
const PREFIX_BYTES_MAX: usize = 512;
/// `timeout_s`. Somebody waits for the answer, and most clients wait a minute; a part of 8 MiB asks for 420 KB/s.
const TIMEOUT_S_DEFAULT: u64 = 20;
/// Between two attempts to sweep while the store does not answer.
const SWEEP_AGAIN: Duration = Duration::from_secs(10);

/// The table of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObjectStoreTable {
    endpoint: String,
    region: Option<String>,
    bucket: String,
    prefix: Option<String>,
    access_key_id: String,
    secret_access_key: String,
    allow_http: Option<bool>,
    addressing_style: Option<String>,
    timeout_s: Option<u64>,
}

/// Another S3 that keeps our bodies.
#[derive(Clone, Debug)]
pub struct ObjectStoreSetting {
    /// Where.
    pub bucket: RemoteBucket,
    /// Below what. Empty, or it ends with `/`.
    pub prefix: String,
}

/// `DIR/object-store`
#[derive(Serialize, Deserialize, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u32,
    bucket: String,
    prefix: String,
    /// 32 hexadecimal digits, made when the directory's first server began to keep bodies there.
    instance: String,
}

/// Reads the table.
///
/// # Errors
/// [`ConfigError::ObjectStore`], one line that names the setting and the reason; never a secret.
pub(crate) fn parse(table: ObjectStoreTable) -> Result<ObjectStoreSetting, ConfigError> {
    let prefix = table.prefix.unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/!-_.*'()".contains(&byte);
    if prefix.len() > PREFIX_BYTES_MAX || !prefix.bytes().all(plain) || !(prefix.is_empty() || prefix.ends_with('/')) {
        let rule = "at most 512 of a-z A-Z 0-9 / ! - _ . * ' ( ), ending with /";
        return Err(bad("prefix", format!("`{prefix}`: {rule}")));
    }
    let bucket = buckets::parse_one(BucketTable {
        name: table.bucket,
        endpoint: table.endpoint,
        region: table.region,
        access_key_id: table.access_key_id,
        secret_access_key: table.secret_access_key,
        allow_http: table.allow_http,
        addressing_style: table.addressing_style,
        timeout_s: Some(table.timeout_s.unwrap_or(TIMEOUT_S_DEFAULT)),
    });
    let bucket =
        bucket.map_err(|(setting, problem)| bad(if setting == "name" { "bucket" } else { setting }, problem))?;
    Ok(ObjectStoreSetting { bucket, prefix })
}

fn bad(setting: &'static str, problem: String) -> ConfigError {
    ConfigError::ObjectStore { setting, problem }
}

/// Opens the store, and sweeps away what a crash left: at once on the disk, in its own time elsewhere, which nobody waits for.
pub fn open(
    config: &Config,
    state: &Arc<State>,
    decisions: &Arc<Decisions>,
    random: &mut dyn Random,
) -> Result<Arc<ObjectStore>> {
    let begun = !state.read().objects.blobs().is_empty();
    let Some((bucket, prefix)) = place(config, begun, Some(random))? else {
        let store = ObjectStore::open(&config.data.join("objects"), state.clone());
        return Ok(Arc::new(store.context("cannot open the object store")?));
    };
    let (decisions, clock) = (decisions.clone(), state.clone());
    let told: Told = Box::new(move |error| {
        decisions.record(Decision::unavailable(clock.now(), "object_store", with_causes(error)));
    });
    let store = Arc::new(ObjectStore::over(Arc::new(Elsewhere::new(bucket, prefix, told)), state.clone()));
    let swept = store.clone();
    tokio::spawn(async move {
        while swept.sweep().await.is_err() {
            tokio::time::sleep(SWEEP_AGAIN).await;
        }
    });
    Ok(store)
}

/// The bodies of a server that is stopped. Called within a runtime.
pub fn bodies(config: &Config, begun: bool) -> Result<Arc<dyn Bodies>> {
    Ok(match place(config, begun, None)? {
        Some((bucket, prefix)) => Arc::new(Elsewhere::new(bucket, prefix, Box::new(|_| {}))),
        None => Arc::new(Directory::open(&config.data.join("objects"))?),
    })
}

/// The bucket elsewhere, and what is ours in it; none if bodies lie in the directory. `begun` says whether there are any. Without
/// randomness nothing is begun elsewhere.
fn place(
    config: &Config,
    begun: bool,
    random: Option<&mut dyn Random>,
) -> Result<Option<(RemoteBucket, String)>, ConfigError> {
    let kept = read(&config.data)?;
    let lie = |kept: &Kept| {
        let Kept { bucket, prefix, .. } = kept;
        bad(
            "bucket",
            format!("the bodies of this directory lie in the bucket `{bucket}` below `{prefix}`; nothing moves them"),
        )
    };
    let ours = |setting: &ObjectStoreSetting, instance: &str| {
        (setting.bucket.clone(), format!("{}{instance}/", setting.prefix))
    };
    match (&config.object_store, kept) {
        (None, None) => Ok(None),
        (Some(setting), Some(kept)) if setting.bucket.name.as_str() == kept.bucket && setting.prefix == kept.prefix => {
            Ok(Some(ours(setting, &kept.instance)))
        }
        (_, Some(kept)) => Err(lie(&kept)),
        (Some(_), None) if begun => {
            let path = config.data.join("objects");
            Err(bad("bucket", format!("the bodies of this directory lie in `{}`; nothing moves them", path.display())))
        }
        (Some(setting), None) => {
            let Some(random) = random else { return Ok(None) };
            let mut instance = [0; 16];
            random.fill(&mut instance);
            let kept = Kept {
                version: 1,
                bucket: setting.bucket.name.to_string(),
                prefix: setting.prefix.clone(),
                instance: instance.iter().map(|byte| format!("{byte:02x}")).collect(),
            };
            let text = serde_json::to_string(&kept).map_err(|error| unusable(&config.data, &error))? + "\n";
            whole_file::replace(&config.data, FILE, text.as_bytes()).map_err(|error| unusable(&config.data, &error))?;
            Ok(Some(ours(setting, &kept.instance)))
        }
    }
}

fn read(data: &Path) -> Result<Option<Kept>, ConfigError> {
    let bytes = match std::fs::read(data.join(FILE)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|error| unusable(data, &error))?,
    };
    let kept: Kept = serde_json::from_slice(&bytes).map_err(|error| unusable(data, &error))?;
    let is_name = kept.instance.len() == 32 && kept.instance.bytes().all(|byte| byte.is_ascii_hexdigit());
    if kept.version != 1 || !is_name {
        return Err(unusable(data, &"not one this version wrote"));
    }
    Ok(Some(kept))
}

fn unusable(data: &Path, problem: &dyn std::fmt::Display) -> ConfigError {
    ConfigError::File { path: data.join(FILE), problem: problem.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;

    fn table(changes: &str) -> ObjectStoreTable {
        let good = r#"bucket = "bodies"
            endpoint = "https://s3.example"
            access_key_id = "AKID"
            secret_access_key = "env:PATH""#;
        let mut table: toml::Table = toml::from_str(good).unwrap();
        table.extend(toml::from_str::<toml::Table>(changes).unwrap());
        table.try_into().unwrap()
    }

    #[rustfmt::skip] // change                         the line the operator reads
    const REFUSED: &[(&str, &str)] = &[
        (r#"bucket = "B""#,                            "`object_store`, `bucket`: 3 to 63 of a-z 0-9 . -, beginning and ending with a letter or digit, not an IP address"),
        (r#"endpoint = "http://s3.example""#,          "`object_store`, `endpoint`: `http://s3.example`: plain HTTP shows the records to the network; `allow_http = true` allows it"),
        (r#"prefix = "ours""#,                         "`object_store`, `prefix`: `ours`: at most 512 of a-z A-Z 0-9 / ! - _ . * ' ( ), ending with /"),
        (r#"prefix = "a b/""#,                         "`object_store`, `prefix`: `a b/`: at most 512 of a-z A-Z 0-9 / ! - _ . * ' ( ), ending with /"),
        (r#"secret_access_key = "wJalrXUtnFEMI""#,     "`object_store`, `secret_access_key`: `file:PATH` or `env:NAME`"),
    ];

    #[test]
    fn what_is_wrong_is_one_line_that_names_the_setting() {
        for (change, line) in REFUSED {
            assert_eq!(parse(table(change)).unwrap_err().to_string(), *line, "{change}");
        }
    }

    #[test]
    fn a_directory_stays_with_the_place_it_began_with() {
        let directory = tempfile::tempdir().unwrap();
        let config = |object_store: Option<&str>| {
            let object_store = object_store.map(|changes| parse(table(changes)).unwrap());
            Config { object_store, ..Config::load(Flags::of(&directory.path().display().to_string())).unwrap() }
        };
        let found = |config: &Config, begun: bool, byte: Option<u8>| {
            let mut random = byte.map(|byte| move |out: &mut [u8]| out.fill(byte));
            let random = random.as_mut().map(|random| random as &mut dyn Random);
            place(config, begun, random).map(|place| place.map(|(_, prefix)| prefix)).map_err(|error| error.to_string())
        };
        let here = config(None);
        let there = config(Some(r#"prefix = "p/""#));
        assert_eq!(found(&here, true, Some(1)), Ok(None));
        assert!(found(&there, true, Some(1)).unwrap_err().contains("/objects`; nothing moves them"));
        assert_eq!(found(&there, false, None), Ok(None), "an audit begins nothing");
        let first = Ok(Some(format!("p/{}/", "01".repeat(16))));
        assert_eq!(found(&there, false, Some(1)), first);
        assert_eq!(found(&there, true, Some(2)), first, "its own part stays");
        assert_eq!(found(&there, true, None), first);
        let moved = config(Some("prefix = \"p/\"\nendpoint = \"https://other.example\""));
        assert_eq!(found(&moved, true, None), first, "an endpoint may get another name");
        for other in [&here, &config(Some(r#"prefix = "q/""#)), &config(Some("prefix = \"p/\"\nbucket = \"other\""))] {
            let refusal = found(other, false, Some(3)).unwrap_err();
            assert!(refusal.contains("lie in the bucket `bodies` below `p/`"), "{refusal}");
        }
        std::fs::write(directory.path().join(FILE), "{}").unwrap();
        assert!(found(&there, false, Some(1)).unwrap_err().contains("object-store"));
    }
}
