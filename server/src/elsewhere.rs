//! What the tables of places elsewhere have in common: `[[bucket]]`, `[[service]]` and `[object_store]`.
use std::collections::BTreeSet;
use std::time::Duration;

use sekisho_remote::{Endpoint, EndpointError};
use sekisho_sigv4::Credentials;
use sekisho_types::Secret;

use crate::config::ConfigError;

/// What is wrong with a setting.
pub(crate) type Bad = (&'static str, String);

/// Reads all tables of a kind; each has a name of its own.
///
/// # Errors
/// [`ConfigError::Table`], one line that names the table, the setting and the reason; never a secret.
pub(crate) fn all_of<T, R>(
    kind: &'static str,
    tables: Vec<T>,
    name: impl Fn(&T) -> &String,
    parse: impl Fn(T) -> Result<R, Bad>,
) -> Result<Vec<R>, ConfigError> {
    let mut names = BTreeSet::new();
    let read = tables.into_iter().map(|table| {
        let name = name(&table).clone();
        let is_new = names.insert(name.clone());
        let read = parse(table).and_then(|read| match is_new {
            true => Ok(read),
            false => Err(("name", format!("two {kind}s have this name"))),
        });
        read.map_err(|(setting, problem)| ConfigError::Table { table: kind, name, setting, problem })
    });
    read.collect()
}

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
fn secret(source: &str) -> Result<Secret, Bad> {
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

fn from_environment(setting: &'static str, variable: &str) -> Result<String, Bad> {
    std::env::var(variable).map_err(|_| (setting, format!("the environment has no `{variable}`")))
}
