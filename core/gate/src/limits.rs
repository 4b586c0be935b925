//! Topics within AWS's limits, which are narrower than MQTT's.
use sekisho_mqtt::ReasonCode;
use sekisho_types::{TOPIC_LEVELS_MAX, basic_ingest};

use crate::close::Violation;
use crate::settings::Settings;

/// What follows `$aws/` in topics that AWS has (iot dev guide: "Reserved topics").
const SERVICES: [&str; 10] = [
    "certificates",
    "commands",
    "device_location",
    "events",
    "iotfleetwise",
    "iotwireless",
    "provisioning-templates",
    "rules",
    "sitewise",
    "things",
];

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
    // AWS's own have up to eight (`$aws/commands/things/…/response/accepted/json`).
    let is_awss = counted.starts_with("$aws/");
    let slashes = counted.bytes().filter(|&b| b == b'/').count();
    if settings.reserved_topics && is_reserved_for_nobody(counted) {
        let explanation =
            format!("{what} `{whole}` begins with $, and AWS has none such (iot dev guide: reserved topics)");
        return Err(Violation::new(reason_code, explanation));
    }
    let max = if is_awss { settings.topic_slashes_max.max(8) } else { settings.topic_slashes_max };
    if slashes > max {
        return Err(Violation::new(reason_code, format!("{what} `{whole}` has {slashes} slashes, over {max}")));
    }
    if whole.bytes().filter(|&b| b == b'/').count() >= TOPIC_LEVELS_MAX {
        return Err(Violation::new(reason_code, format!("{what} has over {TOPIC_LEVELS_MAX} levels")));
    }
    if counted.len() > settings.topic_bytes_max {
        let (bytes, max) = (counted.len(), settings.topic_bytes_max);
        return Err(Violation::new(reason_code, format!("{what} has {bytes} bytes, over {max}")));
    }
    Ok(())
}

/// A wildcard may stand for any of AWS's.
fn is_reserved_for_nobody(topic: &str) -> bool {
    let Some(reserved) = topic.strip_prefix('$') else { return false };
    let mut levels = reserved.split('/');
    let is_awss = levels.next() == Some("aws");
    !is_awss || !levels.next().is_some_and(|service| SERVICES.contains(&service) || matches!(service, "+" | "#"))
}
