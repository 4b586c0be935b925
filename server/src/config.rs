//! Settings: a flag beats the environment, which beats the file, which beats the default. Checked once, here; only
//! [`Config`] travels.
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use sekisho_listeners::TlsPolicy;
use sekisho_remote::RemoteBucket;
use sekisho_types::{AccountId, Region, Tenant};
use sekisho_workers::{FunctionTarget, Profile, RemoteService, RuleWorkLimits, SessionLimits, Settings, SettingsError};
use serde::Deserialize;

use crate::buckets::{self, BucketTable};
use crate::limits;
use crate::object_store::{self, ObjectStoreSetting, ObjectStoreTable};
use crate::root_key::RootKeySource;
use crate::services::{self, ServiceTable};

/// What is wrong with what the operator said, in one line that names it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value that cannot be used.
    #[error("`{setting}` = `{value}`: {problem}")]
    Value {
        /// Name as in the file.
        setting: &'static str,
        /// What was given.
        value: String,
        /// Why it cannot be used.
        problem: String,
    },
    /// A file that cannot be read as settings.
    #[error("`{path}`: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// A bucket or service that cannot be used.
    #[error("`{table}` `{name}`, `{setting}`: {problem}")]
    Table {
        /// `bucket` or `service`.
        table: &'static str,
        /// Its name, as given.
        name: String,
        /// Name as in the file.
        setting: &'static str,
        /// Why it cannot be used.
        problem: String,
    },
    /// A place for bodies that cannot be used.
    #[error("`object_store`, `{setting}`: {problem}")]
    ObjectStore {
        /// Name as in the file.
        setting: &'static str,
        /// Why it cannot be used.
        problem: String,
    },
    /// A limit that cannot be one.
    #[error("`{table}`, `{limit}`: {problem}")]
    Limit {
        /// The table of the file.
        table: &'static str,
        /// Name as there.
        limit: String,
        /// Why it cannot be one.
        problem: String,
    },
    /// An address somebody else listens on.
    #[error("`{setting}`: cannot listen on {address}: {source}")]
    Occupied {
        /// Name as in the file.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A data directory that cannot be opened with what was given.
    #[error("`data` = `{path}`: {problem}")]
    Data {
        /// The directory.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

fn bad(setting: &'static str, value: impl Into<String>, problem: impl ToString) -> ConfigError {
    ConfigError::Value { setting, value: value.into(), problem: problem.to_string() }
}

/// The flags of `sekisho serve`, each also a variable of the environment. Text here; checked in [`Config::load`].
#[derive(Args, Clone, Default)]
pub struct Flags {
    /// Directory that holds everything the server keeps
    #[arg(long, value_name = "DIR", env = "SEKISHO_DATA")]
    data: Option<PathBuf>,
    /// File of settings (see `sekisho config`)
    #[arg(long, value_name = "FILE", env = "SEKISHO_CONFIG")]
    config: Option<PathBuf>,
    /// Where every AWS API listens [default: 127.0.0.1:4566]
    #[arg(long, value_name = "ADDR", env = "SEKISHO_API")]
    api: Option<String>,
    /// Who is answered over plain HTTP on the APIs' port: local (this machine) or all [default: local]
    #[arg(long, value_name = "WHO", env = "SEKISHO_PLAIN_HTTP")]
    plain_http: Option<String>,
    /// Where devices speak MQTT over mutual TLS [default: 0.0.0.0:8883]
    #[arg(long, value_name = "ADDR", env = "SEKISHO_MQTT")]
    mqtt: Option<String>,
    /// Where devices speak HTTPS with their certificate [default: 0.0.0.0:8443]
    #[arg(long, value_name = "ADDR", env = "SEKISHO_HTTPS")]
    https: Option<String>,
    /// Where devices speak all of it, as they do on AWS's port 443: ALPN chooses [default: nowhere]
    #[arg(long, value_name = "ADDR", env = "SEKISHO_ALPN")]
    alpn: Option<String>,
    /// Which versions of TLS devices may speak, by AWS's name [default: IoTSecurityPolicy_TLS13_1_2_2022_10]
    #[arg(long, value_name = "NAME", env = "SEKISHO_TLS_POLICY")]
    tls_policy: Option<String>,
    /// A listener (mqtt, https or alpn) that is reached through a load balancer with the PROXY protocol alone; may be repeated
    #[arg(long = "proxy-protocol", value_name = "LISTENER", env = "SEKISHO_PROXY_PROTOCOL", value_delimiter = ',')]
    proxy_protocol: Vec<String>,
    /// Whose word counts where AWS IoT Core differs from MQTT: aws or mqtt [default: aws]
    #[arg(long, value_name = "WHOSE", env = "SEKISHO_PROFILE")]
    profile: Option<String>,
    /// Whether clients are held to AWS's rates, such as 100 messages a second: off or aws [default: off]
    #[arg(long, value_name = "WHOSE", env = "SEKISHO_QUOTAS")]
    quotas: Option<String>,
    /// Where programs on this machine speak MQTT without TLS [default: nowhere]
    #[arg(long, value_name = "ADDR", env = "SEKISHO_PLAIN_MQTT")]
    plain_mqtt: Option<String>,
    /// As whom they do: a thing, or a certificate's id
    #[arg(long, value_name = "THING", env = "SEKISHO_PLAIN_MQTT_AS")]
    plain_mqtt_as: Option<String>,
    /// Where /healthz and /metrics answer [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", env = "SEKISHO_ADMIN")]
    admin: Option<String>,
    /// A name devices reach this server by; may be repeated (localhost and 127.0.0.1 always work)
    #[arg(long = "hostname", value_name = "NAME", env = "SEKISHO_HOSTNAME", value_delimiter = ',')]
    hostnames: Vec<String>,
    /// The account this server answers for [default: 000000000000]
    #[arg(long, env = "SEKISHO_ACCOUNT")]
    account: Option<String>,
    /// The region this server answers for [default: us-east-1]
    #[arg(long, env = "SEKISHO_REGION")]
    region: Option<String>,
    /// What every KMS key is wrapped under: file:PATH, env:NAME, passphrase:NAME, kms:KEY or a PKCS#11 URI [default: file:DIR/root.key]
    #[arg(long, value_name = "SOURCE", env = "SEKISHO_ROOT_KEY")]
    root_key: Option<String>,
    /// Certificate chain of your own for the device listeners, PEM
    #[arg(long, value_name = "FILE", env = "SEKISHO_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", env = "SEKISHO_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// strict: acknowledged means synced to disk; relaxed: a power cut may lose the last moments [default: strict]
    #[arg(long, env = "SEKISHO_DURABILITY")]
    durability: Option<String>,
    /// What becomes of a connection that has just provisioned its device (JITP): close or admit [default: close]
    #[arg(long, value_name = "WHAT", env = "SEKISHO_FIRST_CONNECTION")]
    first_connection: Option<String>,
    /// What stands in the place of a Lambda function: ARN=http://… or ARN=command:PROGRAM; may be repeated
    #[arg(long = "function", value_name = "ARN=TARGET", env = "SEKISHO_FUNCTIONS", value_delimiter = ',')]
    functions: Vec<String>,
    /// The shortest time in seconds that a custom authorizer's answer may speak of; AWS: 300 [default: 300]
    #[arg(long, value_name = "SECONDS", env = "SEKISHO_AUTHORIZER_SECONDS_MIN")]
    authorizer_seconds_min: Option<u32>,
    /// A revocation list of a registered CA, watched for changes; may be repeated
    #[arg(long = "crl", value_name = "FILE", env = "SEKISHO_CRLS", value_delimiter = ',')]
    crls: Vec<PathBuf>,
    /// MiB of the record of API calls and key uses to keep, 0 for none [default: 1024]
    #[arg(long, value_name = "MIB", env = "SEKISHO_AUDIT_MIB")]
    audit_mib: Option<u64>,
    /// What to log, such as `info` or `sekisho_api=debug,info` [default: info]
    #[arg(long, env = "SEKISHO_LOG")]
    log: Option<String>,
}

/// What a command needs that reads the directory of a server that is stopped.
#[derive(Args, Clone)]
pub struct Offline {
    /// Directory that holds everything the server keeps
    #[arg(long, value_name = "DIR", env = "SEKISHO_DATA")]
    data: Option<PathBuf>,
    /// File of settings (see `sekisho config`)
    #[arg(long, value_name = "FILE", env = "SEKISHO_CONFIG")]
    config: Option<PathBuf>,
    /// What every KMS key is wrapped under: file:PATH, env:NAME, passphrase:NAME, kms:KEY or a PKCS#11 URI [default: file:DIR/root.key]
    #[arg(long, value_name = "SOURCE", env = "SEKISHO_ROOT_KEY")]
    root_key: Option<String>,
}

#[cfg(test)]
impl Flags {
    /// A directory, and nothing else said.
    pub fn of(data: &str) -> Self {
        Self { data: Some(data.into()), ..Self::default() }
    }
}

impl From<Offline> for Flags {
    fn from(Offline { data, config, root_key }: Offline) -> Self {
        let from_environment = |name: &str| std::env::var(name).ok();
        let (account, region) = (from_environment("SEKISHO_ACCOUNT"), from_environment("SEKISHO_REGION"));
        Self { data, config, root_key, account, region, ..Self::default() }
    }
}

/// The file's format.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    data: Option<PathBuf>,
    api: Option<String>,
    plain_http: Option<String>,
    mqtt: Option<String>,
    https: Option<String>,
    alpn: Option<String>,
    tls_policy: Option<String>,
    proxy_protocol: Option<Vec<String>>,
    admin: Option<String>,
    profile: Option<String>,
    quotas: Option<String>,
    limits: Option<toml::Table>,
    sessions: Option<toml::Table>,
    rule_work: Option<toml::Table>,
    plain_mqtt: Option<String>,
    plain_mqtt_as: Option<String>,
    hostnames: Option<Vec<String>>,
    account: Option<String>,
    region: Option<String>,
    root_key: Option<String>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    durability: Option<String>,
    first_connection: Option<String>,
    functions: Option<BTreeMap<String, String>>,
    authorizer_seconds_min: Option<u32>,
    crls: Option<Vec<PathBuf>>,
    audit_mib: Option<u64>,
    log: Option<String>,
    bucket: Option<Vec<BucketTable>>,
    service: Option<Vec<ServiceTable>>,
    object_store: Option<ObjectStoreTable>,
}

/// Settings that can be used as they are.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data directory.
    pub data: PathBuf,
    /// AWS APIs.
    pub api: SocketAddr,
    /// Whether plain HTTP is answered when it comes from another machine.
    pub plain_http_from_anywhere: bool,
    /// MQTT.
    pub mqtt: SocketAddr,
    /// Device HTTPS.
    pub https: SocketAddr,
    /// All that devices speak, chosen by ALPN.
    pub alpn: Option<SocketAddr>,
    /// Which versions of TLS devices may speak.
    pub tls_policy: TlsPolicy,
    /// Which listeners are reached through a proxy that says whom it speaks for.
    pub proxied: Proxied,
    /// Health and metrics.
    pub admin: SocketAddr,
    /// Whose word counts.
    pub profile: Profile,
    /// What a connection is held to.
    pub limits: Settings,
    /// How much stored sessions hold.
    pub session_limits: SessionLimits,
    /// How much work of rules may wait.
    pub rule_work_limits: RuleWorkLimits,
    /// MQTT without TLS, and as whom.
    pub plain_mqtt: Option<(SocketAddr, String)>,
    /// Names devices reach us by, the first answered by DescribeEndpoint.
    pub hostnames: Vec<String>,
    /// Account and region.
    pub tenant: Tenant,
    /// The root key's source.
    pub root_key: RootKeySource,
    /// The operator's own certificate and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// When an acknowledgement is given.
    pub durability: sekisho_journal::Durability,
    /// Whether a device that its first connection has provisioned is let in by the same.
    pub admit_first_connection: bool,
    /// What stands in the place of Lambda functions, by ARN.
    pub functions: HashMap<String, FunctionTarget>,
    /// The shortest time that a custom authorizer's answer may speak of.
    pub authorizer_seconds_min: u32,
    /// Revocation lists that are watched.
    pub crls: Vec<PathBuf>,
    /// Buckets that another S3 keeps.
    pub buckets: Vec<RemoteBucket>,
    /// AWS services that rules call.
    pub services: Vec<RemoteService>,
    /// MiB of the record of API calls and key uses that are kept; 0 for no record.
    pub audit_mib: u64,
    /// Another S3 that keeps the bodies of our own buckets; `DIR/objects` without.
    pub object_store: Option<ObjectStoreSetting>,
    /// The log filter.
    pub log: String,
}

/// Listeners that are reached through a proxy that says whom it speaks for, and by nobody else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proxied {
    /// MQTT.
    pub mqtt: bool,
    /// Device HTTPS.
    pub https: bool,
    /// All that devices speak.
    pub alpn: bool,
}

/// What can be counted in bytes; nobody has such a disk.
const AUDIT_MIB_MAX: u64 = u64::MAX >> 20;

/// `sekisho.toml` as `sekisho config` prints it: every setting with its default, commented out.
const TEMPLATE: &str = include_str!("sekisho.toml");

/// Prints the commented file.
pub fn print_template() -> anyhow::Result<()> {
    std::io::stdout().write_all(TEMPLATE.as_bytes()).context("cannot write to standard output")
}

impl Config {
    /// Puts flags, environment (clap has merged it into the flags) and file together, and checks everything.
    pub fn load(flags: Flags) -> Result<Self, ConfigError> {
        let file = flags.config.as_deref().map_or(Ok(ConfigFile::default()), read_file)?;
        let data = flags.data.or(file.data).ok_or_else(|| bad("data", "", "say where to keep it: --data DIR"))?;
        let hostnames = if flags.hostnames.is_empty() { file.hostnames.unwrap_or_default() } else { flags.hostnames };
        let mut names = Vec::new();
        for name in hostnames.into_iter().chain(["localhost".into(), "127.0.0.1".into()]) {
            check_hostname(&name)?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let account = flags.account.or(file.account).unwrap_or_else(|| "000000000000".into());
        let region = flags.region.or(file.region).unwrap_or_else(|| "us-east-1".into());
        let tenant = Tenant {
            account: AccountId::parse(&account).map_err(|error| bad("account", &account, error.rule))?,
            region: Region::parse(&region).map_err(|error| bad("region", &region, error.rule))?,
        };
        let durability = match flags.durability.or(file.durability).as_deref() {
            None | Some("strict") => sekisho_journal::Durability::Strict,
            Some("relaxed") => sekisho_journal::Durability::Relaxed,
            Some(other) => return Err(bad("durability", other, "`strict` or `relaxed`")),
        };
        let admit_first_connection = match flags.first_connection.or(file.first_connection).as_deref() {
            None | Some("close") => false,
            Some("admit") => true,
            Some(other) => return Err(bad("first_connection", other, "`close` or `admit`")),
        };
        let plain_http_from_anywhere = match flags.plain_http.or(file.plain_http).as_deref() {
            None | Some("local") => false,
            Some("all") => true,
            Some(other) => return Err(bad("plain_http", other, "`local` or `all`")),
        };
        let profile = match flags.profile.or(file.profile).as_deref() {
            None | Some("aws") => Profile::Aws,
            Some("mqtt") => Profile::Mqtt,
            Some(other) => return Err(bad("profile", other, "`aws` or `mqtt`")),
        };
        let limits = match flags.quotas.or(file.quotas).as_deref() {
            None | Some("off") => profile.settings(),
            Some("aws") => profile.settings().with_rates_of_aws(),
            Some(other) => return Err(bad("quotas", other, "`off` or `aws`")),
        };
        let limits = limits::over("limits", &limits, file.limits)?;
        limits.check().map_err(|SettingsError { name, problem }| ConfigError::Limit {
            table: "limits",
            limit: name.into(),
            problem: problem.into(),
        })?;
        let plain_mqtt = plain_mqtt(flags.plain_mqtt.or(file.plain_mqtt), flags.plain_mqtt_as.or(file.plain_mqtt_as))?;
        let functions = functions(flags.functions, file.functions)?;
        let crls = if flags.crls.is_empty() { file.crls.unwrap_or_default() } else { flags.crls };
        let tls = match (flags.tls_cert.or(file.tls_cert), flags.tls_key.or(file.tls_key)) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (Some(certificate), None) => {
                return Err(bad("tls_cert", certificate.to_string_lossy(), "goes with `tls_key`"));
            }
            (None, Some(key)) => return Err(bad("tls_key", key.to_string_lossy(), "goes with `tls_cert`")),
        };
        Ok(Self {
            api: address("api", flags.api.or(file.api), "127.0.0.1:4566")?,
            plain_http_from_anywhere,
            mqtt: address("mqtt", flags.mqtt.or(file.mqtt), "0.0.0.0:8883")?,
            https: address("https", flags.https.or(file.https), "0.0.0.0:8443")?,
            alpn: optional_address("alpn", flags.alpn.or(file.alpn))?,
            tls_policy: tls_policy(flags.tls_policy.or(file.tls_policy))?,
            proxied: proxied(flags.proxy_protocol, file.proxy_protocol)?,
            admin: address("admin", flags.admin.or(file.admin), "127.0.0.1:8080")?,
            profile,
            limits,
            session_limits: limits::over("sessions", &SessionLimits::default(), file.sessions)?,
            rule_work_limits: rule_work(file.rule_work)?,
            plain_mqtt,
            root_key: RootKeySource::parse(flags.root_key.or(file.root_key), &data)?,
            audit_mib: flags.audit_mib.or(file.audit_mib).unwrap_or(1024).min(AUDIT_MIB_MAX),
            log: flags.log.or(file.log).unwrap_or_else(|| "info".into()),
            hostnames: names,
            data,
            tenant,
            tls,
            durability,
            admit_first_connection,
            functions,
            authorizer_seconds_min: authorizer_seconds_min(
                flags.authorizer_seconds_min.or(file.authorizer_seconds_min),
            )?,
            crls,
            buckets: buckets::parse(file.bucket.unwrap_or_default())?,
            services: services::parse(file.service.unwrap_or_default())?,
            object_store: file.object_store.map(object_store::parse).transpose()?,
        })
    }
}

fn read_file(path: &Path) -> Result<ConfigFile, ConfigError> {
    let unusable = |problem: String| ConfigError::File { path: path.into(), problem };
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        unusable(format!("line {line}: {}", error.message().lines().next().unwrap_or("not TOML")))
    })
}

fn address(setting: &'static str, given: Option<String>, default: &str) -> Result<SocketAddr, ConfigError> {
    let text = given.unwrap_or_else(|| default.into());
    let resolved = text.to_socket_addrs().map_err(|_| bad(setting, &text, "not an address such as 127.0.0.1:4566"))?;
    resolved.into_iter().next().ok_or_else(|| bad(setting, &text, "the name has no address"))
}

fn optional_address(setting: &'static str, given: Option<String>) -> Result<Option<SocketAddr>, ConfigError> {
    given.filter(|text| !text.is_empty()).map(|text| address(setting, Some(text), "")).transpose()
}

/// With none of one, nothing would ever be done, and who waits for that would wait for ever.
fn rule_work(said: Option<toml::Table>) -> Result<RuleWorkLimits, ConfigError> {
    let limits = limits::over("rule_work", &RuleWorkLimits::default(), said)?;
    let RuleWorkLimits { executions, bytes, comfortable_executions, comfortable_bytes } = limits;
    let each = [
        ("executions", executions),
        ("bytes", bytes),
        ("comfortable_executions", comfortable_executions),
        ("comfortable_bytes", comfortable_bytes),
    ];
    match each.into_iter().find(|(_, value)| *value == 0) {
        None => Ok(limits),
        Some((limit, _)) => {
            Err(ConfigError::Limit { table: "rule_work", limit: limit.into(), problem: "at least 1".into() })
        }
    }
}

fn tls_policy(given: Option<String>) -> Result<TlsPolicy, ConfigError> {
    let Some(name) = given else { return Ok(TlsPolicy::default()) };
    let problem = || format!("one of {}", TlsPolicy::names().collect::<Vec<_>>().join(", "));
    TlsPolicy::parse(&name).ok_or_else(|| bad("tls_policy", &name, problem()))
}

fn proxied(flags: Vec<String>, file: Option<Vec<String>>) -> Result<Proxied, ConfigError> {
    let mut proxied = Proxied::default();
    for name in if flags.is_empty() { file.unwrap_or_default() } else { flags } {
        match name.as_str() {
            "mqtt" => proxied.mqtt = true,
            "https" => proxied.https = true,
            "alpn" => proxied.alpn = true,
            _ => return Err(bad("proxy_protocol", name, "`mqtt`, `https` or `alpn`")),
        }
    }
    Ok(proxied)
}

fn authorizer_seconds_min(given: Option<u32>) -> Result<u32, ConfigError> {
    let seconds = given.unwrap_or(sekisho_workers::AUTHORIZER_SECONDS_MIN);
    let problem = "a number of seconds from 1 to 300";
    let fits = (1..=sekisho_workers::AUTHORIZER_SECONDS_MIN).contains(&seconds);
    if fits { Ok(seconds) } else { Err(bad("authorizer_seconds_min", seconds.to_string(), problem)) }
}

/// MQTT without TLS: on this machine only, and as somebody.
fn plain_mqtt(listen: Option<String>, who: Option<String>) -> Result<Option<(SocketAddr, String)>, ConfigError> {
    match (listen.filter(|text| !text.is_empty()), who.filter(|text| !text.is_empty())) {
        (None, None) => Ok(None),
        (None, Some(who)) => Err(bad("plain_mqtt_as", who, "goes with `plain_mqtt`")),
        (Some(listen), None) => {
            Err(bad("plain_mqtt", listen, "goes with `plain_mqtt_as`: a thing, or a certificate's id"))
        }
        (Some(listen), Some(who)) => {
            let at = address("plain_mqtt", Some(listen.clone()), "")?;
            if !at.ip().is_loopback() {
                let problem = "without TLS everybody on the way could read and speak: an address of this machine alone";
                return Err(bad("plain_mqtt", listen, problem));
            }
            Ok(Some((at, who)))
        }
    }
}

/// What stands in the place of Lambda functions: the file's, and the flags' over them.
fn functions(
    flags: Vec<String>,
    file: Option<BTreeMap<String, String>>,
) -> Result<HashMap<String, FunctionTarget>, ConfigError> {
    let mut table: BTreeMap<String, String> = file.unwrap_or_default();
    for flag in flags {
        let (arn, target) = flag.split_once('=').ok_or_else(|| bad("functions", &flag, "ARN=TARGET"))?;
        table.insert(arn.to_owned(), target.to_owned());
    }
    let parse = |(arn, target): (String, String)| match FunctionTarget::parse(&target) {
        Some(parsed) => Ok((arn, parsed)),
        None => Err(bad("functions", target, "`http://…`, `https://…` or `command:PROGRAM`")),
    };
    table.into_iter().map(parse).collect()
}

fn check_hostname(name: &str) -> Result<(), ConfigError> {
    let fits = !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        });
    if fits || name.parse::<std::net::IpAddr>().is_ok() {
        Ok(())
    } else {
        Err(bad("hostnames", name, "not a DNS name or IP address"))
    }
}

#[cfg(test)]
mod tests;
