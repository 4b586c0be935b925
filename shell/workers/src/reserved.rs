//! Topics that begin with `$aws/`: where only the server speaks, and where nobody answers yet.
use crate::provisioning::FleetTopic;

/// Whether no device may publish to a topic, whatever its policies say: it is where the server tells of events, or answers.
pub fn only_the_server_publishes(topic: &str) -> bool {
    is_servers_own(topic) || matches!(FleetTopic::parse(topic), Some(FleetTopic::Reply))
}

/// On these topics the server tells what happened in it; a device may listen there, and never speak.
pub(crate) fn is_servers_own(topic: &str) -> bool {
    topic.starts_with("$aws/events/")
}

/// The service of AWS that would answer on a topic, and is not here.
pub(crate) fn service_not_offered(topic: &str) -> Option<&'static str> {
    let mut levels = topic.strip_prefix("$aws/")?.split('/');
    match levels.next()? {
        "things" => match levels.nth(1)? {
            "jobs" => Some("AWS IoT Jobs"),
            "defender" => Some("AWS IoT Device Defender"),
            "streams" => Some("MQTT-based file delivery"),
            _ => None,
        },
        "commands" => Some("commands"),
        "iotfleetwise" => Some("AWS IoT FleetWise"),
        "iotwireless" => Some("AWS IoT Wireless"),
        "device_location" => Some("AWS IoT Core Device Location"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_would_answer_and_is_not_here() {
        for (topic, service) in [
            ("$aws/things/pump-7/jobs/get", Some("AWS IoT Jobs")),
            ("$aws/things/pump-7/defender/metrics/json", Some("AWS IoT Device Defender")),
            ("$aws/things/pump-7/streams/firmware/get/json", Some("MQTT-based file delivery")),
            ("$aws/commands/things/pump-7/executions/7/response/json", Some("commands")),
            ("$aws/things/pump-7/shadow/get", None),
            ("$aws/things/jobs", None),
            ("$aws/rules/things/pump-7/jobs", None),
            ("things/pump-7/jobs/get", None),
        ] {
            assert_eq!(service_not_offered(topic), service, "{topic}");
        }
    }
}
