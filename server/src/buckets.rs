//! `[[bucket]]`: buckets that another S3 keeps, read and checked.
use sekisho_remote::{AddressingStyle, RemoteBucket};
use sekisho_types::BucketName;
use serde::Deserialize;

use crate::config::ConfigError;
use crate::elsewhere::{Bad, all_of, credentials, endpoint, timeout};

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
    all_of("bucket", tables, |table| &table.name, parse_one)
}

/// What is wrong with a bucket.
pub(crate) fn bad(bucket: &str, setting: &'static str, problem: String) -> ConfigError {
    ConfigError::Table { table: "bucket", name: bucket.to_owned(), setting, problem }
}

/// Reads one; what is wrong with it is a setting and a reason.
pub(crate) fn parse_one(table: BucketTable) -> Result<RemoteBucket, Bad> {
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
