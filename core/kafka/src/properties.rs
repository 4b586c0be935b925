//! `clientProperties` of the `kafka` action (developer guide, "Apache Kafka"): a producer's configuration, by Kafka's names.
use std::collections::BTreeMap;

/// Values that hold templates, such as `${get_secret(…)}`, are read when they are filled in.
const TEMPLATE: &str = "${";

/// Who is asked, and how.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClientProperties {
    /// `bootstrap.servers`: some of the brokers, who know the others.
    pub bootstrap: Vec<Address>,
    /// `security.protocol`: whether by TLS.
    pub is_tls: bool,
    /// `security.protocol` and `sasl.*`: as whom.
    pub sasl: Option<Sasl>,
    /// `ssl.truststore`: the authorities of the brokers' certificates, in PEM. Without, the system's.
    pub truststore: Option<String>,
    /// `ssl.keystore`: a certificate and its key, in PEM, for brokers that ask for one.
    pub keystore: Option<String>,
    /// `acks`
    pub acks: Acks,
    /// `compression.type`
    pub compression: Compression,
}

/// Of a broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// A name or an IP address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// Who asks.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sasl {
    /// How that is shown.
    pub mechanism: Mechanism,
    /// Who.
    pub username: String,
    /// What shows it.
    pub password: String,
}

/// `sasl.mechanism`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// RFC 4616; inside of TLS.
    Plain,
    /// RFC 7677.
    ScramSha256,
    /// The same with SHA-512.
    ScramSha512,
}

/// When a broker says that it has a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Acks {
    /// Never.
    None,
    /// Once the partition's leader has it.
    #[default]
    Leader,
    /// Once all replicas in sync have it.
    All,
}

/// Of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// None.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// LZ4's frame format.
    Lz4,
}

impl Mechanism {
    /// As SASL calls it.
    pub fn name(self) -> &'static str {
        MECHANISMS.iter().find(|(_, mechanism)| *mechanism == self).map_or("", |(name, _)| name)
    }
}

impl Acks {
    pub(crate) const fn code(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

impl Address {
    /// Whether it is on this machine, as far as its name says.
    pub fn is_here(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

/// Whose username and password: a password that SCRAM never sends is not for PLAIN to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Plain,
    Scram,
}

/// One property, read.
enum Property {
    Bootstrap(Vec<Address>),
    Security {
        is_tls: bool,
        is_sasl: bool,
    },
    Mechanism(Mechanism),
    /// Of SASL's `plain` or `scram`.
    Username(Family, String),
    Password(Family, String),
    Truststore(String),
    Keystore(String),
    Acks(Acks),
    Compression(Compression),
    /// It says what is done anyway.
    Given,
}

impl ClientProperties {
    /// Looks at properties as a rule has them: values with templates in them are not known yet.
    ///
    /// # Errors
    /// What is wrong with which.
    pub fn check(properties: &BTreeMap<String, String>) -> Result<(), String> {
        Self::gathered(properties, true).map(drop)
    }

    /// Reads properties whose templates are filled in.
    ///
    /// # Errors
    /// What is wrong with which; never a secret.
    pub fn read(properties: &BTreeMap<String, String>) -> Result<Self, String> {
        Self::gathered(properties, false)
    }

    fn gathered(properties: &BTreeMap<String, String>, with_templates: bool) -> Result<Self, String> {
        let (mut is_tls, mut is_sasl) = (true, false);
        let mut mechanism = None;
        let mut pairs = [(Family::Plain, None, None), (Family::Scram, None, None)];
        let mut gathered = Self {
            bootstrap: Vec::new(),
            is_tls,
            sasl: None,
            truststore: None,
            keystore: None,
            acks: Acks::default(),
            compression: Compression::default(),
        };
        for (name, value) in properties {
            let known =
                Property::read(name, if with_templates && value.contains(TEMPLATE) { None } else { Some(value) });
            match known.map_err(|problem| format!("clientProperties: {name}: {problem}"))? {
                Property::Bootstrap(bootstrap) => gathered.bootstrap = bootstrap,
                Property::Security { is_tls: tls, is_sasl: sasl } => (is_tls, is_sasl) = (tls, sasl),
                Property::Mechanism(named) => mechanism = Some(named),
                Property::Username(family, name) => pairs[family as usize].1 = Some(name),
                Property::Password(family, word) => pairs[family as usize].2 = Some(word),
                Property::Truststore(pem) => gathered.truststore = Some(pem),
                Property::Keystore(pem) => gathered.keystore = Some(pem),
                Property::Acks(acks) => gathered.acks = acks,
                Property::Compression(compression) => gathered.compression = compression,
                Property::Given => {}
            }
        }
        let required = |name: &str| format!("clientProperties: {name} is required");
        if !properties.contains_key("bootstrap.servers") {
            return Err(required("bootstrap.servers"));
        }
        if is_sasl {
            let mechanism = mechanism.ok_or_else(|| required("sasl.mechanism"))?;
            let (family, name) =
                if mechanism == Mechanism::Plain { (Family::Plain, "plain") } else { (Family::Scram, "scram") };
            let (_, username, password) = std::mem::replace(&mut pairs[family as usize], (family, None, None));
            let username = username.ok_or_else(|| required(&format!("sasl.{name}.username")))?;
            let password = password.ok_or_else(|| required(&format!("sasl.{name}.password")))?;
            gathered.sasl = Some(Sasl { mechanism, username, password });
        }
        gathered.is_tls = is_tls;
        if !is_tls && !gathered.bootstrap.iter().all(Address::is_here) {
            let problem = "clientProperties: security.protocol: without TLS messages and passwords cross the network as they are: SSL or \
                           SASL_SSL, unless every bootstrap server is this machine";
            return Err(problem.to_owned());
        }
        Ok(gathered)
    }
}

impl Property {
    /// `None` is a value that is not known yet.
    fn read(name: &str, value: Option<&str>) -> Result<Self, String> {
        let text = || value.unwrap_or_default().to_owned();
        Ok(match (name, value) {
            ("bootstrap.servers", Some(value)) => Self::Bootstrap(addresses(value)?),
            ("bootstrap.servers", None) => Self::Bootstrap(Vec::new()),
            ("security.protocol", _) => {
                let (is_tls, is_sasl) = chosen(value, PROTOCOLS, &[])?;
                Self::Security { is_tls, is_sasl }
            }
            ("sasl.mechanism", _) => Self::Mechanism(chosen(value, MECHANISMS, &["AWS_MSK_IAM", "GSSAPI"])?),
            ("sasl.plain.username", _) => Self::Username(Family::Plain, text()),
            ("sasl.scram.username", _) => Self::Username(Family::Scram, text()),
            ("sasl.plain.password", _) => Self::Password(Family::Plain, text()),
            ("sasl.scram.password", _) => Self::Password(Family::Scram, text()),
            ("ssl.truststore", Some(value)) => Self::Truststore(pem(value)?),
            ("ssl.keystore", Some(value)) => Self::Keystore(pem(value)?),
            ("ssl.truststore" | "ssl.keystore", None) => Self::Given,
            ("ssl.truststore.type" | "ssl.keystore.type", _) => {
                chosen(value, &[("PEM", ())], &[])?;
                Self::Given
            }
            ("ssl.truststore.password" | "ssl.keystore.password" | "ssl.key.password", _) => {
                return Err("it belongs to Java's keystores, which are not offered by this server yet: PEM is".into());
            }
            ("acks", _) => Self::Acks(chosen(value, ACKS, &[])?),
            ("compression.type", _) => Self::Compression(chosen(value, COMPRESSIONS, &["snappy", "zstd"])?),
            ("key.serializer" | "value.serializer", _) => {
                let class = value.map(|class| class.strip_prefix(SERIALIZERS_PACKAGE).unwrap_or(class));
                chosen(class, SERIALIZERS, &[])?;
                Self::Given
            }
            _ => return Err("it is not known".into()),
        })
    }
}

const PROTOCOLS: &[(&str, (bool, bool))] = &[
    ("SSL", (true, false)),
    ("SASL_SSL", (true, true)),
    ("PLAINTEXT", (false, false)),
    ("SASL_PLAINTEXT", (false, true)),
];
const MECHANISMS: &[(&str, Mechanism)] = &[
    ("PLAIN", Mechanism::Plain),
    ("SCRAM-SHA-256", Mechanism::ScramSha256),
    ("SCRAM-SHA-512", Mechanism::ScramSha512),
];
const ACKS: &[(&str, Acks)] = &[("0", Acks::None), ("1", Acks::Leader), ("all", Acks::All), ("-1", Acks::All)];
const COMPRESSIONS: &[(&str, Compression)] =
    &[("none", Compression::None), ("gzip", Compression::Gzip), ("lz4", Compression::Lz4)];
const SERIALIZERS_PACKAGE: &str = "org.apache.kafka.common.serialization.";
/// They write the bytes as they are.
const SERIALIZERS: &[(&str, ())] =
    &[("StringSerializer", ()), ("ByteBufferSerializer", ()), ("ByteArraySerializer", ())];

/// What a value stands for, where there is a choice; `later` are those that Kafka has beside.
fn chosen<T: Copy>(value: Option<&str>, choices: &[(&str, T)], later: &[&str]) -> Result<T, String> {
    let value = value.unwrap_or_default();
    match choices.iter().find(|(name, _)| *name == value) {
        Some((_, chosen)) => Ok(*chosen),
        None if later.contains(&value) => Err(format!("`{value}` is not offered by this server yet")),
        None => {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            Err(format!("`{value}`: one of {}", names.join(", ")))
        }
    }
}

fn addresses(list: &str) -> Result<Vec<Address>, String> {
    let address = |text: &str| {
        let (host, port) = text.trim().rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_name =
            !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte));
        is_name.then_some(Address { host: host.to_owned(), port: port.parse().ok()? })
    };
    // Not quoted: it may come of a secret.
    list.split(',').map(|text| address(text).ok_or_else(|| "one of them is no host:port".to_owned())).collect()
}

/// As it is, or in base64: a secret may be binary.
fn pem(text: &str) -> Result<String, String> {
    use base64::Engine as _;
    const BEGIN: &str = "-----BEGIN ";
    if text.contains(BEGIN) {
        return Ok(text.to_owned());
    }
    let decoded =
        base64::prelude::BASE64_STANDARD.decode(text.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded
        .filter(|text| text.contains(BEGIN))
        .ok_or_else(|| "it is no PEM; Java's keystores are not offered by this server yet".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_a_producer_is_told_to_be() {
        let read = ClientProperties::read(&map(&[
            ("bootstrap.servers", "b-1.example:9094, [::1]:9,b-2.example:9094"),
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.scram.username", "u"),
            ("sasl.scram.password", "p"),
            ("ssl.truststore", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t"),
            ("acks", "all"),
            ("compression.type", "lz4"),
            ("key.serializer", "org.apache.kafka.common.serialization.StringSerializer"),
            ("value.serializer", "org.apache.kafka.common.serialization.ByteBufferSerializer"),
        ]));
        let read = read.unwrap_or_else(|problem| panic!("{problem}"));
        let hosts: Vec<_> = read.bootstrap.iter().map(|address| (address.host.as_str(), address.port)).collect();
        assert_eq!(hosts, [("b-1.example", 9094), ("::1", 9), ("b-2.example", 9094)]);
        assert_eq!((read.is_tls, read.acks, read.compression), (true, Acks::All, Compression::Lz4));
        assert_eq!(read.truststore.as_deref(), Some("-----BEGIN CERTIFICATE-----"));
        assert!(read.sasl.is_some_and(|sasl| sasl.mechanism == Mechanism::ScramSha512 && sasl.username == "u"));
    }

    #[test]
    fn what_is_wrong_is_said_by_its_name() {
        const B: (&str, &str) = ("bootstrap.servers", "b:9092");
        #[rustfmt::skip] // properties                                                              what is wrong
        let table: &[(&[(&str, &str)], &str)] = &[
            (&[],                                                                                   "bootstrap.servers is required"),
            (&[("bootstrap.servers", "b")],                                                         "bootstrap.servers: one of them is no host:port"),
            (&[("bootstrap.servers", "b:99999")],                                                   "bootstrap.servers: one of them is no host:port"),
            (&[("bootstrap.servers", "a b:9")],                                                     "bootstrap.servers: one of them is no host:port"),
            (&[B, ("security.protocol", "TLS")],                                                    "security.protocol: `TLS`: one of SSL, SASL_SSL, PLAINTEXT, SASL_PLAINTEXT"),
            (&[B, ("security.protocol", "PLAINTEXT")],                                              "security.protocol: without TLS messages and passwords cross the network"),
            (&[B, ("security.protocol", "SASL_SSL")],                                               "sasl.mechanism is required"),
            (&[B, ("security.protocol", "SASL_SSL"), ("sasl.mechanism", "PLAIN")],                  "sasl.plain.username is required"),
            (&[B, ("sasl.mechanism", "AWS_MSK_IAM")],                                               "sasl.mechanism: `AWS_MSK_IAM` is not offered"),
            (&[B, ("ssl.truststore", "/u3+7Q==")],                                                  "ssl.truststore: it is no PEM; Java's keystores are not offered"),
            (&[B, ("ssl.keystore.password", "p")],                                                  "ssl.keystore.password: it belongs to Java's keystores"),
            (&[B, ("acks", "2")],                                                                   "acks: `2`: one of 0, 1, all, -1"),
            (&[B, ("compression.type", "zstd")],                                                    "compression.type: `zstd` is not offered"),
            (&[B, ("key.serializer", "LongSerializer")],                                            "key.serializer: `LongSerializer`: one of StringSerializer"),
            (&[B, ("linger.ms", "5")],                                                              "linger.ms: it is not known"),
        ];
        for (properties, wrong) in table {
            let problem = ClientProperties::read(&map(properties)).map(drop).unwrap_err();
            assert!(problem.starts_with(&format!("clientProperties: {wrong}")), "{problem}");
        }
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            let servers = format!("{host}:9092");
            ClientProperties::read(&map(&[("bootstrap.servers", &servers), ("security.protocol", "PLAINTEXT")]))
                .map(drop)
                .unwrap();
        }
    }

    #[test]
    fn each_mechanism_has_its_own_password() {
        let both = |mechanism| {
            let read = ClientProperties::read(&map(&[
                ("bootstrap.servers", "b:9094"),
                ("security.protocol", "SASL_SSL"),
                ("sasl.mechanism", mechanism),
                ("sasl.plain.username", "a"),
                ("sasl.plain.password", "pa"),
                ("sasl.scram.username", "b"),
                ("sasl.scram.password", "pb"),
            ]));
            let sasl = read.unwrap_or_else(|problem| panic!("{problem}")).sasl.unwrap();
            (sasl.username, sasl.password)
        };
        assert_eq!(both("PLAIN"), ("a".into(), "pa".into()));
        assert_eq!(both("SCRAM-SHA-512"), ("b".into(), "pb".into()));
    }

    #[test]
    fn what_templates_will_say_is_not_known_yet() {
        let properties = map(&[
            ("bootstrap.servers", "b:9094"),
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.scram.username", "${get_secret('k', 'SecretString', 'user', 'r')}"),
            ("sasl.scram.password", "${get_secret('k', 'SecretString', 'password', 'r')}"),
            ("ssl.truststore", "${get_secret('t', 'SecretBinary', 'r')}"),
        ]);
        ClientProperties::check(&properties).unwrap();
        assert!(ClientProperties::read(&properties).is_err());
    }
}
