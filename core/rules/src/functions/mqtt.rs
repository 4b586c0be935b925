//! get_mqtt_property, get_user_properties: what MQTT 5 says of a message.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Arity, Function, Run};
use crate::SqlVersion;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "get_mqtt_property",
        since: SqlVersion::V2016_03_23,
        arity: Arity::exactly(1),
        doc: "A property of the message: `content_type`, `format_indicator`, `response_topic`, or `correlation_data` in base64.",
        examples: &[
            ("get_mqtt_property('content_type')", r#""text/plain""#),
            ("get_mqtt_property('format_indicator')", r#""UTF8_DATA""#),
            ("get_mqtt_property('response_topic')", r#""replies/oven-7""#),
            ("get_mqtt_property('correlation_data')", r#""AP8=""#),
            ("get_mqtt_property('contentType')", "Undefined"),
            ("get_mqtt_property(missing)", "Undefined"),
        ],
        run: Run::Values(|context, args| {
            let (Some(properties), Value::String(name)) = (context.message.mqtt, &args[0]) else {
                return Value::Undefined;
            };
            let text = |text: Option<&'_ str>| text.map_or(Value::Undefined, |text| Value::string(text.to_owned()));
            match &**name {
                "content_type" => text(properties.content_type),
                "format_indicator" if properties.payload_is_utf8 => Value::string("UTF8_DATA"),
                "format_indicator" => Value::string("UNSPECIFIED_BYTES"),
                "response_topic" => text(properties.response_topic),
                "correlation_data" => {
                    properties.correlation_data.map_or(Value::Undefined, |data| Value::string(STANDARD.encode(data)))
                }
                _ => Value::Undefined,
            }
        }),
    },
    Function {
        name: "get_user_properties",
        since: SqlVersion::V2016_03_23,
        arity: Arity::between(0, 1),
        doc: "The values of the user properties of a name in their order, or all user properties, each an object with one member.",
        examples: &[
            ("get_user_properties('unit')", r#"["C","K"]"#),
            ("get_user_properties('zone')", "Undefined"),
            ("get(get_user_properties('line'), 0)", r#""4""#),
            ("get_user_properties()", r#"[{"unit":"C"},{"line":"4"},{"unit":"K"}]"#),
        ],
        run: Run::Values(|context, args| {
            let properties = context.message.mqtt.map(|mqtt| mqtt.user_properties.as_slice()).unwrap_or_default();
            if !context.takes(properties.iter().map(|(name, value)| name.len() + value.len()).sum()) {
                return Value::Undefined;
            }
            let values: Vec<Value<'_>> = match args.first() {
                None => properties
                    .iter()
                    .map(|(name, value)| Value::Object(vec![((*name).into(), Value::string(*value))]))
                    .collect(),
                Some(Value::String(wanted)) => {
                    let named = properties.iter().filter(|(name, _)| name == wanted);
                    named.map(|(_, value)| Value::string(*value)).collect()
                }
                Some(_) => Vec::new(),
            };
            if values.is_empty() { Value::Undefined } else { Value::Array(values) }
        }),
    },
];
