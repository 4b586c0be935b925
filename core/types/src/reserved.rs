//! Topics that begin with `$`: which AWS has (iot dev guide: "Reserved topics"), and which of its services is not here.

/// What follows `$aws/`, and the service that would answer there, if this server does not have it.
const SERVICES: [(&str, Option<&str>); 10] = [
    ("certificates", None),
    ("commands", Some("commands")),
    ("device_location", Some("AWS IoT Core Device Location")),
    ("events", None),
    ("iotfleetwise", Some("AWS IoT FleetWise")),
    ("iotwireless", Some("AWS IoT Wireless")),
    ("provisioning-templates", None),
    ("rules", None),
    ("sitewise", None),
    ("things", None),
];

/// The same behind `$aws/things/<thing>/`.
const OF_THINGS: [(&str, &str); 3] =
    [("defender", "AWS IoT Device Defender"), ("jobs", "AWS IoT Jobs"), ("streams", "MQTT-based file delivery")];

/// Whether a topic name or filter begins with `$` and is none of AWS's. A wildcard may stand for any of those.
pub fn is_reserved_for_nobody(topic: &str) -> bool {
    let Some(reserved) = topic.strip_prefix('$') else { return false };
    let mut levels = reserved.split('/');
    let is_awss = levels.next() == Some("aws");
    let is_service = |level: &str| matches!(level, "+" | "#") || SERVICES.iter().any(|(service, _)| *service == level);
    !is_awss || !levels.next().is_some_and(is_service)
}

/// The service of AWS that would answer on a topic, and is not here.
pub fn service_not_offered(topic: &str) -> Option<&'static str> {
    let mut levels = topic.strip_prefix("$aws/")?.split('/');
    let first = levels.next()?;
    if first == "things" {
        let of_thing = levels.nth(1)?;
        return OF_THINGS.iter().find(|(name, _)| *name == of_thing).map(|(_, service)| *service);
    }
    SERVICES.iter().find(|(name, _)| *name == first)?.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip] // topic                                              nobody's  who would answer and is not here
    const TOPICS: &[(&str, bool, Option<&str>)] = &[
        ("$SYS/#",                                                   true,  None),
        ("$aws",                                                     true,  None),
        ("$aws/nothing/of/the/kind",                                 true,  None),
        ("$aws/+/pump-7/shadow/get/accepted",                        false, None),
        ("$aws/#",                                                   false, None),
        ("$aws/things/pump-7/jobs/get",                              false, Some("AWS IoT Jobs")),
        ("$aws/things/pump-7/defender/metrics/json",                 false, Some("AWS IoT Device Defender")),
        ("$aws/things/pump-7/streams/firmware/get/json",             false, Some("MQTT-based file delivery")),
        ("$aws/commands/things/pump-7/executions/7/response/json",   false, Some("commands")),
        ("$aws/things/pump-7/shadow/get",                            false, None),
        ("$aws/things/jobs",                                         false, None),
        ("$aws/rules/things/pump-7/jobs",                            false, None),
        ("things/pump-7/jobs/get",                                   false, None),
    ];

    #[test]
    fn topics_are_nobodys_or_somebodys_who_may_not_be_here() {
        for (topic, nobodys, service) in TOPICS {
            assert_eq!((is_reserved_for_nobody(topic), service_not_offered(topic)), (*nobodys, *service), "{topic}");
        }
    }
}
