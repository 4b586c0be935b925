//! Every setting is printed with its default, and what cannot be used is one line.
use super::*;

fn flags(change: impl FnOnce(&mut Flags)) -> Flags {
    let mut flags = Flags { data: Some("/d".into()), ..Flags::default() };
    change(&mut flags);
    flags
}

#[test]
fn the_printed_file_holds_every_setting_at_its_default() {
    let uncommented: String = TEMPLATE
        .lines()
        .filter_map(|line| line.strip_prefix("#"))
        .filter(|line| !line.starts_with(' '))
        .map(|line| format!("{line}\n"))
        .collect();
    let file: ConfigFile = toml::from_str(&uncommented).expect("the template parses once uncommented");
    let ConfigFile {
        data,
        api,
        plain_http,
        mqtt,
        https,
        alpn,
        tls_policy,
        proxy_protocol,
        admin,
        profile,
        quotas,
        limits,
        sessions,
        rule_work,
        plain_mqtt,
        plain_mqtt_as,
        hostnames,
        account,
        region,
        root_key,
        tls_cert,
        tls_key,
        durability,
        first_connection,
        functions,
        authorizer_seconds_min,
        crls,
        audit_mib,
        log,
        bucket,
        service,
        object_store,
    } = file;
    assert!(object_store.is_some());
    assert_eq!((bucket.map(|buckets| buckets.len()), service.map(|services| services.len())), (Some(1), Some(1)));
    assert!(functions.is_some_and(|functions| functions.is_empty()) && crls.is_some_and(|crls| crls.is_empty()));
    assert_eq!((plain_mqtt.as_deref(), plain_mqtt_as.as_deref()), (Some(""), Some("")), "nowhere");
    assert_eq!(alpn.as_deref(), Some(""), "nowhere");
    assert!(tls_policy.as_deref().and_then(TlsPolicy::parse) == Some(TlsPolicy::default()));
    assert!(proxy_protocol.is_some_and(|listeners| listeners.is_empty()));
    let texts = [
        api,
        mqtt,
        https,
        admin,
        account,
        region,
        root_key,
        durability,
        first_connection,
        log,
        plain_http,
        profile,
        quotas,
    ];
    assert!(
        texts.iter().all(Option::is_some)
            && data.is_some()
            && hostnames.is_some()
            && tls_cert.is_some()
            && tls_key.is_some()
    );
    let defaults = Config::load(flags(|_| {})).unwrap();
    assert_eq!(audit_mib, Some(defaults.audit_mib));
    assert_eq!(authorizer_seconds_min, Some(defaults.authorizer_seconds_min));
    assert_eq!(limits, toml::Table::try_from(&defaults.limits).ok());
    assert_eq!(sessions, toml::Table::try_from(defaults.session_limits).ok());
    assert_eq!(rule_work, toml::Table::try_from(defaults.rule_work_limits).ok());
    let mut standard = limits.unwrap();
    for (limit, value) in TEMPLATE.lines().filter_map(|line| line.strip_prefix('#')?.split_once(" # mqtt: ")) {
        let name = limit.split_once(" = ").unwrap().0;
        standard.insert(name.into(), value.parse().unwrap());
    }
    let mqtt = Config::load(flags(|f| f.profile = Some("mqtt".into()))).unwrap();
    assert_eq!(Some(standard), toml::Table::try_from(&mqtt.limits).ok());
    assert_eq!(texts[0].as_deref().map(|text| text.parse().unwrap()), Some(defaults.api));
    assert_eq!(texts[1].as_deref().map(|text| text.parse().unwrap()), Some(defaults.mqtt));
}

/// Spoils the flags in one place.
type Spoil = fn(&mut Flags);

#[rustfmt::skip] // what is wrong                    the line the operator reads
const REFUSED: &[(Spoil, &str)] = &[
    (|f| f.data = None,                              "`data` = ``: say where to keep it: --data DIR"),
    (|f| f.api = Some("4566".into()),                "`api` = `4566`: not an address such as 127.0.0.1:4566"),
    (|f| f.plain_http = Some("no".into()),           "`plain_http` = `no`: `local` or `all`"),
    (|f| f.profile = Some("no".into()),              "`profile` = `no`: `aws` or `mqtt`"),
    (|f| f.quotas = Some("no".into()),               "`quotas` = `no`: `off` or `aws`"),
    (|f| f.plain_mqtt = Some("[::1]:1883".into()),   "`plain_mqtt` = `[::1]:1883`: goes with `plain_mqtt_as`: a thing, or a certificate's id"),
    (|f| f.plain_mqtt_as = Some("lamp".into()),      "`plain_mqtt_as` = `lamp`: goes with `plain_mqtt`"),
    (|f| (f.plain_mqtt, f.plain_mqtt_as) = (Some("0.0.0.0:1883".into()), Some("lamp".into())),
        "`plain_mqtt` = `0.0.0.0:1883`: without TLS everybody on the way could read and speak: an address of this machine alone"),
    (|f| f.account = Some("12".into()),              "`account` = `12`: 12 digits"),
    (|f| f.region = Some("Mars".into()),             "`region` = `Mars`: 1 to 32 of a-z, 0-9 and -"),
    (|f| f.hostnames = vec!["a b".into()],           "`hostnames` = `a b`: not a DNS name or IP address"),
    (|f| f.durability = Some("no".into()),           "`durability` = `no`: `strict` or `relaxed`"),
    (|f| f.first_connection = Some("no".into()),     "`first_connection` = `no`: `close` or `admit`"),
    (|f| f.functions = vec!["arn".into()],               "`functions` = `arn`: ARN=TARGET"),
    (|f| f.functions = vec!["arn=ftp://a".into()],       "`functions` = `ftp://a`: `http://…`, `https://…` or `command:PROGRAM`"),
    (|f| f.authorizer_seconds_min = Some(0),         "`authorizer_seconds_min` = `0`: a number of seconds from 1 to 300"),
    (|f| f.authorizer_seconds_min = Some(301),       "`authorizer_seconds_min` = `301`: a number of seconds from 1 to 300"),
    (|f| f.alpn = Some("443".into()),                "`alpn` = `443`: not an address such as 127.0.0.1:4566"),
    (|f| f.proxy_protocol = vec!["api".into()],      "`proxy_protocol` = `api`: `mqtt`, `https` or `alpn`"),
    (|f| f.tls_policy = Some("TLS13".into()),        "`tls_policy` = `TLS13`: one of IoTSecurityPolicy_TLS13_1_2_2022_10, IoTSecurityPolicy_TLS13_1_3_2022_10, IoTSecurityPolicy_TLS12_1_2_2022_10, IoTSecurityPolicy_TLS12_1_0_2016_01, IoTSecurityPolicy_TLS12_1_0_2015_01, IoTSecurityPolicy_TLS13_1_2_2022_01"),
    (|f| f.tls_cert = Some("c.pem".into()),          "`tls_cert` = `c.pem`: goes with `tls_key`"),
];

#[test]
fn an_unusable_value_is_one_line_that_names_it() {
    for (change, line) in REFUSED {
        assert_eq!(Config::load(flags(change)).unwrap_err().to_string(), *line);
    }
}

#[test]
fn a_limit_is_the_operators_word() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sekisho.toml");
    let load = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Config::load(flags(|f| f.config = Some(path.clone())))
    };
    let limits = load("quotas = \"aws\"\n[limits]\npublishes_per_s = 7\n").unwrap().limits;
    assert_eq!((limits.publishes_per_s, limits.deliveries_per_s, limits.connects_per_client_per_s), (7, 100, 1));
    let refused = |text| load(text).unwrap_err().to_string();
    assert_eq!(
        refused("[limits]\nreceive_maximum = 0\n"),
        "`limits`, `receive_maximum`: at least 1 (MQTT5 §3.2.2.3.3)"
    );
    assert_eq!(refused("[limits]\nslashes = 0\n"), "`limits`, `slashes`: there is no such limit");
    assert_eq!(refused("[rule_work]\nbytes = 0\n"), "`rule_work`, `bytes`: at least 1");
    assert_eq!(load("[sessions]\nbytes = 5\n").unwrap().session_limits.bytes, 5);
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sekisho.toml");
    std::fs::write(&path, "region = \"eu-north-1\"\nmqqt = \"0.0.0.0:1\"\n").unwrap();
    let error = Config::load(flags(|f| f.config = Some(path.clone()))).unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("mqqt") && !error.contains('\n'), "{error}");
}
