//! What MQTT 5 said of a message, as rules ask for it.
use bytes::Bytes;
use sekisho_actions::Said;
use sekisho_mqtt::{PublishProperties, UserProperty};
use sekisho_rules::MqttProperties;

pub(crate) fn rule_properties(properties: &PublishProperties) -> MqttProperties<'_> {
    fn pair(pair: &UserProperty) -> (&str, &str) {
        (&pair.name, &pair.value)
    }
    MqttProperties {
        content_type: properties.content_type.as_deref(),
        payload_is_utf8: properties.payload_format_indicator == Some(true),
        response_topic: properties.response_topic.as_deref(),
        correlation_data: properties.correlation_data.as_ref().map(|data| &data.bytes()[..]),
        user_properties: properties.user_properties.iter().map(pair).collect(),
    }
}

/// The same, of a message that is kept until a rule can be evaluated.
pub(crate) fn kept_properties(said: &MqttProperties<'_>) -> Said {
    Said {
        content_type: said.content_type.map(str::to_owned),
        payload_is_utf8: said.payload_is_utf8,
        response_topic: said.response_topic.map(str::to_owned),
        correlation_data: said.correlation_data.map(Bytes::copy_from_slice),
        user_properties: said.user_properties.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
    }
}

/// And back.
pub(crate) fn said_properties(kept: &Said) -> MqttProperties<'_> {
    MqttProperties {
        content_type: kept.content_type.as_deref(),
        payload_is_utf8: kept.payload_is_utf8,
        response_topic: kept.response_topic.as_deref(),
        correlation_data: kept.correlation_data.as_deref(),
        user_properties: kept.user_properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use sekisho_mqtt::{BinaryData, Utf8String};
    use sekisho_rules::{Evaluation, Message, SqlVersion, compile};

    use super::*;

    #[test]
    fn a_rule_is_told_what_was_said_now_or_later() {
        let text = |text: &str| Utf8String::copied(text).unwrap();
        let pair = |name: &str, value: &str| UserProperty { name: text(name), value: text(value) };
        let said = PublishProperties {
            content_type: Some(text("text/csv")),
            payload_format_indicator: Some(true),
            response_topic: Some(text("replies/7")),
            correlation_data: Some(BinaryData::new(Bytes::from_static(b"\xff")).unwrap()),
            user_properties: vec![pair("unit", "C"), pair("line", "4"), pair("unit", "K")],
            ..PublishProperties::default()
        };
        #[rustfmt::skip] // expression                              of what was said    of nothing
        let table = [
            ("get_mqtt_property('content_type')",                   r#""text/csv""#,    ""),
            ("get_mqtt_property('format_indicator')",               r#""UTF8_DATA""#,   r#""UNSPECIFIED_BYTES""#),
            ("get_mqtt_property('response_topic')",                 r#""replies/7""#,   ""),
            ("get_mqtt_property('correlation_data')",               r#""/w==""#,        ""),
            ("get_user_properties('unit')",                         r#"["C","K"]"#,     ""),
            ("get_user_properties()",                               r#"[{"unit":"C"},{"line":"4"},{"unit":"K"}]"#, ""),
        ];
        let kept = kept_properties(&rule_properties(&said));
        let (said, nothing) = (said_properties(&kept), PublishProperties::default());
        let nothing = rule_properties(&nothing);
        for (expression, of_said, of_nothing) in table {
            let program = compile(&format!("SELECT VALUE {expression}"), SqlVersion::V2016_03_23).unwrap();
            for (properties, expected) in [(&said, of_said), (&nothing, of_nothing)] {
                let message = Message { mqtt: Some(properties), ..Message::default() };
                let evaluation = program.evaluate(&message, &mut |_: &mut [u8]| {});
                assert_eq!(evaluation, Evaluation::Selected(expected.to_owned().into()), "{expression}");
            }
        }
    }
}
