//! `[[service]]`: AWS services that rules call, read and checked.
use sekisho_calls::SERVICES;
use sekisho_workers::RemoteService;
use serde::Deserialize;

use crate::config::ConfigError;
use crate::elsewhere::{Bad, all_of, credentials, endpoint, timeout};

/// One table of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceTable {
    name: String,
    endpoint: String,
    region: Option<String>,
    access_key_id: String,
    secret_access_key: String,
    allow_http: Option<bool>,
    timeout_s: Option<u64>,
}

/// `timeout_s`. A message of a rule has 256 KB at most, and nobody waits for it.
const TIMEOUT_S_DEFAULT: u64 = 20;

/// Reads all of them.
///
/// # Errors
/// [`ConfigError::Table`], one line that names the service, the setting and the reason; never a secret.
pub(crate) fn parse(tables: Vec<ServiceTable>) -> Result<Vec<RemoteService>, ConfigError> {
    all_of("service", tables, |table| &table.name, parse_one)
}

fn parse_one(table: ServiceTable) -> Result<RemoteService, Bad> {
    let known = SERVICES.iter().find(|known| **known == table.name);
    Ok(RemoteService {
        name: known.ok_or_else(|| ("name", format!("one of {}", SERVICES.join(", "))))?,
        endpoint: endpoint(&table.endpoint, table.allow_http)?,
        region: table.region.unwrap_or_else(|| "us-east-1".into()),
        credentials: credentials(table.access_key_id, &table.secret_access_key)?,
        request_max: timeout(table.timeout_s.unwrap_or(TIMEOUT_S_DEFAULT))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"name = "sqs"
        endpoint = "https://sqs.example"
        access_key_id = "AKID"
        secret_access_key = "env:PATH""#;

    /// The table with some of its lines replaced.
    fn table(changes: &str) -> Vec<ServiceTable> {
        let mut table: toml::Table = toml::from_str(GOOD).unwrap();
        table.extend(toml::from_str::<toml::Table>(changes).unwrap());
        vec![table.try_into().unwrap()]
    }

    #[test]
    fn what_is_wrong_is_one_line_that_names_the_setting() {
        #[rustfmt::skip] // change                                 the line the operator reads
        let refused = [
            (r#"name = "SQS""#,                                    "`service` `SQS`, `name`: one of dynamodb, es, execute-api, kinesis, lambda, logs, monitoring, secretsmanager, sns, sqs, states, timestream"),
            (r#"endpoint = "http://sqs.example""#,                 "`service` `sqs`, `endpoint`: `http://sqs.example`: plain HTTP shows the records to the network; `allow_http = true` allows it"),
            (r#"secret_access_key = "wJalrXUtnFEMI""#,             "`service` `sqs`, `secret_access_key`: `file:PATH` or `env:NAME`"),
            (r#"timeout_s = 0"#,                                   "`service` `sqs`, `timeout_s`: `0`: 1 to 3600"),
        ];
        for (change, line) in refused {
            assert_eq!(parse(table(change)).unwrap_err().to_string(), line, "{change}");
        }
        let twice = parse(table("").into_iter().chain(table("")).collect());
        assert_eq!(twice.unwrap_err().to_string(), "`service` `sqs`, `name`: two services have this name");
        let service = parse(table("")).unwrap().remove(0);
        assert_eq!((service.name, &*service.region, service.request_max.as_secs()), ("sqs", "us-east-1", 20));
    }
}
