//! topic, clientid, principal, accountid, timestamp, traceid, sourceip, sql_version: what is known beside the payload.
use super::random::new_uuid;
use super::{Arity, Function, Run};
use crate::SqlVersion;
use crate::value::{Value, int};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "topic",
        since: SqlVersion::V2015_10_08,
        arity: Arity::between(0, 1),
        doc: "The topic of the message, without the prefix of Basic Ingest, or one of its levels counted from 1.",
        examples: &[
            ("topic()", r#""factory/oven-7/telemetry""#),
            ("topic(2)", r#""oven-7""#),
            ("topic(4)", "Undefined"),
            ("topic(0)", "Undefined"),
        ],
        run: Run::Values(|context, args| {
            let topic = context.message.rule_topic();
            let Some(level) = args.first() else { return Value::string(topic) };
            let level = level.number().and_then(|level| usize::try_from(level.floor()).ok()?.checked_sub(1));
            level.and_then(|level| topic.split('/').nth(level)).map_or(Value::Undefined, Value::string)
        }),
    },
    Function {
        name: "clientid",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(0),
        doc: "The client id of the MQTT client that published the message, or `n/a`.",
        examples: &[("clientid()", r#""oven-7""#)],
        run: Run::Values(|context, _| Value::string(context.message.client_id.unwrap_or("n/a"))),
    },
    Function {
        name: "principal",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(0),
        doc: "Who published the message: the id of a device's certificate, or a role or user id.",
        examples: &[("principal()", r#""8f2c""#)],
        run: Run::Values(|context, _| Value::string(context.message.principal)),
    },
    Function {
        name: "accountid",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(0),
        doc: "The account that owns the rule.",
        examples: &[("accountid()", r#""123456789012""#)],
        run: Run::Values(|context, _| Value::string(context.message.account)),
    },
    Function {
        name: "timestamp",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(0),
        doc: "When the message came, in milliseconds since 1970-01-01T00:00:00Z.",
        examples: &[("timestamp()", "1481825251155")],
        run: Run::Values(|context, _| int(context.message.received.millis().into())),
    },
    Function {
        name: "traceid",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(0),
        doc: "The trace id of a message that came by MQTT.",
        examples: &[("traceid()", r#""11111111-1111-4111-9111-111111111111""#)],
        run: Run::Values(|context, _| {
            let Some(trace_id) = context.message.trace_id else { return Value::Undefined };
            Value::string(trace_id.get_or_init(|| new_uuid(context.random)).as_str())
        }),
    },
    Function {
        name: "sourceip",
        since: SqlVersion::V2016_03_23,
        arity: Arity::exactly(0),
        doc: "The address the message came from.",
        examples: &[("sourceip()", r#""192.0.2.1""#)],
        run: Run::Values(|context, _| {
            context.message.source_ip.map_or(Value::Undefined, |ip| Value::string(ip.to_canonical().to_string()))
        }),
    },
    Function {
        name: "sql_version",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(0),
        doc: "The version of the language the rule is written in.",
        examples: &[("sql_version()", r#""2016-03-23""#)],
        run: Run::Values(|context, _| Value::string(context.version.as_str())),
    },
];
