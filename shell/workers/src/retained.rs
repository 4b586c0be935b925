//! Retained messages: kept before their publisher is told, given to whoever subscribes to their topic by its name.
use std::sync::Arc;
use std::time::Instant;

use sekisho_broker::{HashMatch, TopicTrie};
use sekisho_gate::{Delivery, Refusal};
use sekisho_journal::Sequence;
use sekisho_mqtt::{QoS, RetainHandling, Subscription, SubscriptionIdentifier, Utf8String};
use sekisho_policy::{Permit, RetainPublish};
use sekisho_retained::{Retained, RetainedMessage};
use sekisho_sessions::Addressee;
use sekisho_types::{Grant, Timestamp, TopicFilter};

use crate::gateway::Gateway;
use crate::kept::{given_properties, kept_properties};
use crate::links::Link;
use crate::profile::Profile;
use crate::publish::Message;

impl Gateway {
    /// Keeps a message in the place of the one its topic has; an empty one takes that away.
    pub(crate) fn keep(&self, permit: &Permit<RetainPublish>, message: &Message<'_>) -> Result<Sequence, Refusal> {
        if !self.state.journal().has_room() {
            return Err(Refusal::NoRoom);
        }
        let now = self.state.now();
        let kept = RetainedMessage {
            payload: message.payload.to_vec().into(), // it outlives the buffer it came in
            qos: message.qos,
            kept_at: now,
            properties: message.properties.map(|properties| kept_properties(properties, now)).unwrap_or_default(),
        };
        let topic = &permit.action().topic;
        let kept = self.state.enqueue(|cores| {
            let events = cores.retained.keep(topic, kept, now)?;
            Ok::<_, sekisho_retained::Full>((events.into_iter().map(Into::into).collect(), ()))
        });
        match kept {
            Ok(()) => Ok(self.state.applied()),
            Err(sekisho_state::CommitError::Command(full)) => {
                tracing::warn!(topic = topic.as_str(), %full, "a message is not kept");
                Err(Refusal::QuotaExceeded)
            }
            Err(sekisho_state::CommitError::Journal(_)) => Err(Refusal::ServerUnavailable),
        }
    }

    /// Gives a new subscriber what its filter's topics hold; what has to be durable before it is told that it has subscribed. AWS looks
    /// only where the filter is a topic's name (iot dev guide: "MQTT").
    pub(crate) fn give_retained(
        &self,
        link: &Link,
        subscription: &Subscription,
        grant: Grant,
        is_new: bool,
    ) -> Result<Sequence, Refusal> {
        let wanted = match subscription.retain_handling {
            RetainHandling::AtSubscribe => true,
            RetainHandling::IfNew => is_new,
            RetainHandling::Never => false,
        };
        let filter = &subscription.topic_filter;
        if !wanted || filter.shared().is_some() || filter.has_wildcard() && self.profile == Profile::Aws {
            return Ok(Sequence(0));
        }
        let (now, instant) = (self.state.now(), Instant::now());
        let mut stored = Vec::new();
        {
            // Until it is delivered: else who keeps another meanwhile could deliver that first, and this would look newer.
            let cores = self.state.read();
            for (topic, message) in held(&cores.retained, filter, now) {
                let qos = grant.qos.min(message.qos);
                if link.session().is_some() && qos > QoS::AtMostOnce {
                    stored.push((topic.to_owned(), message.clone(), qos));
                    continue;
                }
                let Ok(topic) = Utf8String::copied(topic) else { continue };
                let mut properties = given_properties(&message.properties, now);
                properties.subscription_identifiers.extend(grant.identifier.and_then(SubscriptionIdentifier::new));
                let delivery = Delivery::new(instant, &topic, &message.payload, Some(&properties), true);
                if !link.deliver(Arc::new(delivery), qos) {
                    break; // nor would the rest be: none of it is made, while others wait for the state
                }
            }
        }
        let mut owed = Sequence(0);
        for (topic, RetainedMessage { payload, properties, .. }, qos) in stored {
            let Some(session) = link.session() else { continue };
            let message = sekisho_sessions::Message { topic, payload, properties };
            let subscriptions = grant.identifier.into_iter().collect();
            let addressee = Addressee { session, qos, retain: true, subscriptions };
            owed = owed.max(self.queue(message, &[addressee])?);
        }
        Ok(owed)
    }
}

/// What the topics of a filter hold.
fn held<'a>(
    retained: &'a Retained,
    filter: &TopicFilter,
    now: Timestamp,
) -> impl Iterator<Item = (&'a str, &'a RetainedMessage)> {
    let mut matches = TopicTrie::new(HashMatch::Standard);
    matches.insert(filter, (), ());
    let by_name = (!filter.has_wildcard()).then(|| retained.get_key_value(filter.as_str(), now)).flatten();
    let all = filter.has_wildcard().then(|| retained.after(None, now)).into_iter().flatten();
    let by_wildcard = all.filter(move |(topic, _)| {
        let mut found = false;
        matches.for_each_match(topic, &mut |(), ()| found = true);
        found
    });
    by_name.into_iter().chain(by_wildcard)
}
