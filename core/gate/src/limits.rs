//! Topics within AWS's limits, which are narrower than MQTT's.
use sekisho_mqtt::ReasonCode;
use sekisho_types::{TOPIC_LEVELS_MAX, basic_ingest, is_reserved_for_nobody};

use crate::close::Violation;
use crate::settings::Settings;

/// Checks what a PUBLISH or a will names.
pub(crate) fn topic_name(topic: &str, settings: &Settings) -> Result<(), Violation> {
    let counted = basic_ingest(topic).map_or(topic, |(_rule, topic)| topic);
    check("topic name", ReasonCode::TopicNameInvalid, topic, counted, settings)
}

impl Settings {
    /// Checks what somebody names who publishes otherwise than over MQTT.
    ///
    /// # Errors
    /// What it is too long in, for people.
    pub fn check_topic_name(&self, topic: &str) -> Result<(), String> {
        topic_name(topic, self).map_err(|violation| violation.explanation.into_owned())
    }
}

/// Checks what a SUBSCRIBE names.
pub(crate) fn topic_filter(filter: &str, settings: &Settings) -> Result<(), Violation> {
    let shared = filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/'));
    let counted = shared.map_or(filter, |(_name, filter)| filter);
    check("topic filter", ReasonCode::TopicFilterInvalid, filter, counted, settings)
}

fn check(
    what: &str,
    reason_code: ReasonCode,
    whole: &str,
    counted: &str,
    settings: &Settings,
) -> Result<(), Violation> {
    if settings.reserved_topics && is_reserved_for_nobody(counted) {
        let explanation =
            format!("{what} `{whole}` begins with $, and AWS has none such (iot dev guide: reserved topics)");
        return Err(Violation::new(reason_code, explanation));
    }
    let slashes = |text: &str| text.bytes().filter(|&b| b == b'/').count();
    let (slashes, levels) = (slashes(counted), slashes(whole) + 1);
    // AWS's own have up to eight (`$aws/commands/things/…/response/accepted/json`).
    let max = settings.topic_slashes_max.max(if counted.starts_with("$aws/") { 8 } else { 0 });
    if slashes > max {
        return Err(Violation::new(reason_code, format!("{what} `{whole}` has {slashes} slashes, over {max}")));
    }
    if levels > TOPIC_LEVELS_MAX {
        return Err(Violation::new(reason_code, format!("{what} has {levels} levels, over {TOPIC_LEVELS_MAX}")));
    }
    if counted.len() > settings.topic_bytes_max {
        let (bytes, max) = (counted.len(), settings.topic_bytes_max);
        return Err(Violation::new(reason_code, format!("{what} has {bytes} bytes, over {max}")));
    }
    Ok(())
}
