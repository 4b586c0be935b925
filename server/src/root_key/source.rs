//! What opens the root key, as the operator says it: who keeps the key, and where.
use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use crate::config::ConfigError;

/// Who keeps the operator's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootKeySource {
    /// A file; made if it is the default one and absent.
    File {
        /// Its path.
        path: PathBuf,
        /// Whether it lies beside the data it protects.
        beside_data: bool,
    },
    /// A variable of the environment.
    Env(String),
    /// A variable of the environment that holds a passphrase.
    Passphrase(String),
    /// A key of a KMS, by id, ARN or alias; where it is and who asks, the AWS_… variables say.
    Kms(String),
    /// A key in a token behind a PKCS#11 module.
    Token(TokenKey),
}

/// A key in a token (RFC 7512).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenKey {
    /// The library that speaks to it.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// The key's label.
    pub object: String,
    /// Where its PIN is.
    pub pin: PinSource,
}

/// Where a PIN is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinSource {
    /// In a file.
    File(PathBuf),
    /// In a variable of the environment.
    Env(String),
}

/// What the setting may be.
const FORMS: &str =
    "`file:PATH`, `env:NAME`, `passphrase:NAME`, `kms:KEY` or `pkcs11:token=…;object=…?module-path=…&pin-source=…`";

impl RootKeySource {
    /// Reads what the setting holds.
    pub fn parse(given: Option<String>, data: &Path) -> Result<Self, ConfigError> {
        let Some(text) = given else {
            return Ok(Self::File { path: data.join("root.key"), beside_data: true });
        };
        // The value itself may be a key that was put here by mistake: it is not repeated.
        let bad = |problem: &str| {
            Err(ConfigError::Value { setting: "root_key", value: "…".into(), problem: problem.into() })
        };
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => {
                let path = PathBuf::from(path);
                let beside_data = path.starts_with(data);
                Ok(Self::File { path, beside_data })
            }
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.into())),
            Some(("passphrase", name)) if !name.is_empty() => Ok(Self::Passphrase(name.into())),
            Some(("kms", key)) if !key.is_empty() => Ok(Self::Kms(key.into())),
            Some(("pkcs11", uri)) => TokenKey::parse(uri).map(Self::Token).or_else(|problem| bad(&problem)),
            _ => bad(FORMS),
        }
    }
}

impl fmt::Display for RootKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, .. } => write!(f, "file:{}", path.display()),
            Self::Env(name) => write!(f, "env:{name}"),
            Self::Passphrase(name) => write!(f, "passphrase:{name}"),
            Self::Kms(key) => write!(f, "kms:{key}"),
            Self::Token(key) => write!(f, "pkcs11:token={};object={}", key.token, key.object),
        }
    }
}

impl TokenKey {
    /// Reads a PKCS#11 URI (RFC 7512 §2.3) behind its scheme.
    fn parse(uri: &str) -> Result<Self, String> {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let (mut token, mut object, mut module, mut pin) = (None, None, None, None);
        for part in path.split(';').chain(query.split('&')).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| format!("`{part}` is not NAME=VALUE"))?;
            let value = percent_decode_str(value).decode_utf8().map_err(|_| format!("`{name}` is not UTF-8"))?;
            let slot = match name {
                "token" => &mut token,
                "object" => &mut object,
                "module-path" => &mut module,
                "pin-source" => &mut pin,
                "type" if value == "secret-key" => continue,
                "pin-value" => {
                    return Err("a PIN does not belong into a setting: `pin-source=file:PATH` or `env:NAME`".into());
                }
                _ => return Err(format!("`{name}` is not known; token, object, module-path and pin-source are")),
            };
            *slot = Some(value.into_owned());
        }
        let needed = |name: &str, value: Option<String>| {
            value.filter(|value| !value.is_empty()).ok_or_else(|| format!("`{name}` is missing"))
        };
        let pin = needed("pin-source", pin)?;
        let pin = match pin.split_once(':') {
            Some(("env", name)) => PinSource::Env(name.into()),
            Some(("file", path)) => PinSource::File(path.into()),
            _ => return Err("`pin-source` is `file:PATH` or `env:NAME`".into()),
        };
        Ok(Self {
            module: needed("module-path", module)?.into(),
            token: needed("token", token)?,
            object: needed("object", object)?,
            pin,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_says_who_keeps_the_key() {
        let token = "pkcs11:token=My%20HSM;object=root;type=secret-key?module-path=/usr/lib/p11.so&pin-source=env:PIN";
        #[rustfmt::skip] // the setting                      what it is
        const SOURCES: &[(&str,                              &str)] = &[
            ("file:/k",                                      "file:/k"),
            ("env:KEY",                                      "env:KEY"),
            ("passphrase:PASS",                              "passphrase:PASS"),
            ("kms:alias/sekisho",                            "kms:alias/sekisho"),
            ("kms:arn:aws:kms:us-east-1:1:key/k",            "kms:arn:aws:kms:us-east-1:1:key/k"),
            ("c2VjcmV0",                                     "not one"),
            ("env:",                                         "not one"),
            ("kms:",                                         "not one"),
            ("pkcs11:token=a;object=b?module-path=/m",       "`pin-source` is missing"),
            ("pkcs11:token=a?module-path=/m&pin-source=env:P", "`object` is missing"),
            ("pkcs11:token=a;object=b?module-path=/m&pin-value=1234", "a PIN does not belong into a setting: `pin-source=file:PATH` or `env:NAME`"),
            ("pkcs11:serial=1;object=b",                     "`serial` is not known; token, object, module-path and pin-source are"),
            ("pkcs11:token",                                 "`token` is not NAME=VALUE"),
        ];
        for (setting, expected) in SOURCES {
            let told = match RootKeySource::parse(Some((*setting).into()), Path::new("/d")) {
                Ok(source) => source.to_string(),
                Err(error) => error.to_string().replace("`root_key` = `…`: ", "").replace(FORMS, "not one"),
            };
            assert_eq!(told, *expected, "{setting}");
        }
        let RootKeySource::Token(key) = RootKeySource::parse(Some(token.into()), Path::new("/d")).unwrap() else {
            panic!("a token");
        };
        assert_eq!((key.token.as_str(), key.pin), ("My HSM", PinSource::Env("PIN".into())));
    }
}
