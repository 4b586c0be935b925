//! `[[bucket]]`: buckets that another S3 keeps, read and checked.
use std::collections::BTreeSet;
use std::time::Duration;

use sekisho_remote::{AddressingStyle, Endpoint, EndpointError, RemoteBucket};
use sekisho_sigv4::Credentials;
use sekisho_types::{BucketName, Secret};
use serde::Deserialize;

use crate::config::ConfigError;

/// One table of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BucketTable {
    pub(crate) name: String,
    pub(crate) endpoint: String,
    pub(crate) region: Option<String>,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) allow_http: Option<bool>,
    pub(crate) addressing_style: Option<String>,
    pub(crate) timeout_s: Option<u64>,
}

/// `timeout_s`. A part has 8 MiB, so this asks for 140 KB/s.
const TIMEOUT_S_DEFAULT: u64 = 60;

/// Reads all of them.
///
/// # Errors
/// [`ConfigError::Table`], one line that names the bucket, the setting and the reason; never a secret.
pub(crate) fn parse(tables: Vec<BucketTable>) -> Result<Vec<RemoteBucket>, ConfigError> {
    let mut names = BTreeSet::new();
    let mut buckets = Vec::new();
    for table in tables {
        let name = table.name.clone();
        let bucket = parse_one(table).map_err(|(setting, problem)| bad(&name, setting, problem))?;
        if !names.insert(bucket.name.clone()) {
            return Err(bad(&name, "name", "two buckets have this name".into()));
        }
        buckets.push(bucket);
    }
    Ok(buckets)
}

/// What is wrong with a bucket.
pub(crate) fn bad(bucket: &str, setting: &'static str, problem: String) -> ConfigError {
    ConfigError::Table { table: "bucket", name: bucket.to_owned(), setting, problem }
}

/// Reads one; what is wrong with it is a setting and a reason.
pub(crate) fn parse_one(table: BucketTable) -> Result<RemoteBucket, (&'static str, String)> {
    Ok(RemoteBucket {
        name: BucketName::parse(&table.name).map_err(|error| ("name", error.rule.to_string()))?,
        endpoint: endpoint(&table.endpoint, table.allow_http)?,
        region: table.region.unwrap_or_else(|| "us-east-1".into()),
        credentials: credentials(table.access_key_id, &table.secret_access_key)?,
        style: match table.addressing_style.as_deref() {
            None | Some("path") => AddressingStyle::Path,
            Some("virtual") => AddressingStyle::Virtual,
            Some(other) => return Err(("addressing_style", format!("`{other}`: `path` or `virtual`"))),
        },
        request_max: timeout(table.timeout_s.unwrap_or(TIMEOUT_S_DEFAULT))?,
    })
}

/// What is wrong with a setting.
type Bad = (&'static str, String);

/// `endpoint`, as `allow_http` has it.
pub(crate) fn endpoint(text: &str, allow_http: Option<bool>) -> Result<Endpoint, Bad> {
    Endpoint::parse(text, allow_http.unwrap_or(false))
        .map_err(|error: EndpointError| ("endpoint", format!("`{text}`: {error}")))
}

/// `timeout_s`
pub(crate) fn timeout(seconds: u64) -> Result<Duration, Bad> {
    match seconds {
        1..=3600 => Ok(Duration::from_secs(seconds)),
        other => Err(("timeout_s", format!("`{other}`: 1 to 3600"))),
    }
}

/// `access_key_id` and `secret_access_key`
pub(crate) fn credentials(access_key_id: String, secret_access_key: &str) -> Result<Credentials, Bad> {
    let access_key_id = match access_key_id.strip_prefix("env:") {
        Some(variable) => from_environment("access_key_id", variable)?,
        None => access_key_id,
    };
    if access_key_id.is_empty() || !access_key_id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/') {
        return Err(("access_key_id", "not an access key id".into()));
    }
    Ok(Credentials { access_key_id, secret_access_key: secret(secret_access_key)?, session_token: None })
}

/// The secret is not in the file itself, which people copy, mail and commit.
fn secret(source: &str) -> Result<Secret, (&'static str, String)> {
    const SETTING: &str = "secret_access_key";
    let text = match source.split_once(':') {
        Some(("file", path)) if !path.is_empty() => {
            std::fs::read_to_string(path).map_err(|error| (SETTING, format!("`{path}`: {error}")))?
        }
        Some(("env", variable)) if !variable.is_empty() => from_environment(SETTING, variable)?,
        // It may be the secret itself that was put here: it is not repeated.
        _ => return Err((SETTING, "`file:PATH` or `env:NAME`".into())),
    };
    match text.trim() {
        "" => Err((SETTING, format!("`{source}` is empty"))),
        text => Ok(Secret::new(text.as_bytes().to_vec())),
    }
}

fn from_environment(setting: &'static str, variable: &str) -> Result<String, (&'static str, String)> {
    std::env::var(variable).map_err(|_| (setting, format!("the environment has no `{variable}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"name = "lake"
        endpoint = "https://s3.example"
        access_key_id = "AKID"
        secret_access_key = "env:PATH""#;

    /// The table with some of its lines replaced.
    fn table(changes: &str) -> Vec<BucketTable> {
        let mut table: toml::Table = toml::from_str(GOOD).unwrap();
        table.extend(toml::from_str::<toml::Table>(changes).unwrap());
        vec![table.try_into().unwrap()]
    }

    #[rustfmt::skip] // change                                     the line the operator reads
    const REFUSED: &[(&str, &str)] = &[
        (r#"name = "La""#,                                         "`bucket` `La`, `name`: 3 to 63 of a-z 0-9 . -, beginning and ending with a letter or digit, not an IP address"),
        (r#"endpoint = "http://s3.example""#,                      "`bucket` `lake`, `endpoint`: `http://s3.example`: plain HTTP shows the records to the network; `allow_http = true` allows it"),
        (r#"endpoint = "s3.example""#,                             "`bucket` `lake`, `endpoint`: `s3.example`: not an endpoint such as https://s3.eu-central-1.amazonaws.com"),
        (r#"access_key_id = "env:SEKISHO_NOT_SET""#,               "`bucket` `lake`, `access_key_id`: the environment has no `SEKISHO_NOT_SET`"),
        (r#"access_key_id = "two words""#,                         "`bucket` `lake`, `access_key_id`: not an access key id"),
        (r#"secret_access_key = "wJalrXUtnFEMI""#,                 "`bucket` `lake`, `secret_access_key`: `file:PATH` or `env:NAME`"),
        (r#"secret_access_key = "file:/nowhere""#,                 "`bucket` `lake`, `secret_access_key`: `/nowhere`: No such file or directory (os error 2)"),
        (r#"secret_access_key = "file:/dev/null""#,                "`bucket` `lake`, `secret_access_key`: `file:/dev/null` is empty"),
        (r#"addressing_style = "auto""#,                           "`bucket` `lake`, `addressing_style`: `auto`: `path` or `virtual`"),
        (r#"timeout_s = 0"#,                                       "`bucket` `lake`, `timeout_s`: `0`: 1 to 3600"),
    ];

    #[test]
    fn what_is_wrong_is_one_line_that_names_the_setting() {
        for (change, line) in REFUSED {
            assert_eq!(parse(table(change)).unwrap_err().to_string(), *line, "{change}");
        }
        let twice = table("").into_iter().chain(table(""));
        assert_eq!(
            parse(twice.collect()).unwrap_err().to_string(),
            "`bucket` `lake`, `name`: two buckets have this name"
        );
    }

    #[test]
    fn defaults() {
        let bucket = parse(table("")).unwrap().remove(0);
        assert_eq!((bucket.style, bucket.request_max.as_secs()), (AddressingStyle::Path, 60));
        assert_eq!(bucket.region, "us-east-1");
    }
}
