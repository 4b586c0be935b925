//! Topics on which only the server speaks.
use crate::provisioning::FleetTopic;

/// Whether no device may publish to a topic, whatever its policies say: it is where the server tells of events, or answers.
pub fn only_the_server_publishes(topic: &str) -> bool {
    is_servers_own(topic) || matches!(FleetTopic::parse(topic), Some(FleetTopic::Reply))
}

/// On these topics the server tells what happened in it; a device may listen there, and never speak.
pub(crate) fn is_servers_own(topic: &str) -> bool {
    topic.starts_with("$aws/events/")
}
