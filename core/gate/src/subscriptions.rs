//! The filters of this connection, counted against the quota, and the SUBSCRIBEs that wait for an answer.
use sekisho_mqtt::{PacketIdentifier, PacketType, QoS, ReasonCode, Subscribe, Subscription, SubscriptionIdentifier};
use sekisho_types::TopicFilter;

use crate::close::{Refusal, Violation};
use crate::limits;
use crate::output::SubscribeRequest;
use crate::settings::Settings;

/// Filters subscribed or about to be.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    filters: Vec<TopicFilter>,
    waiting: Vec<Waiting>,
}

/// A SUBSCRIBE without its SUBACK.
#[derive(Debug)]
struct Waiting {
    packet_identifier: PacketIdentifier,
    filters: Vec<TopicFilter>,
}

impl Subscriptions {
    /// What a stored session is subscribed to counts as well.
    pub(crate) fn resumed(filters: Vec<TopicFilter>) -> Self {
        Self { filters, waiting: Vec::new() }
    }

    /// Takes a SUBSCRIBE in, and says what the shell has to decide.
    pub(crate) fn request(&mut self, subscribe: Subscribe, settings: &Settings) -> Result<SubscribeRequest, Violation> {
        let Subscribe { packet_identifier, subscriptions, properties } = subscribe;
        let identifier =
            properties.and_then(|properties| properties.subscription_identifier).map(SubscriptionIdentifier::number);
        if subscriptions.len() > settings.filters_per_subscribe_max {
            let (filters, max) = (subscriptions.len(), settings.filters_per_subscribe_max);
            return Err(Violation::new(
                ReasonCode::QuotaExceeded,
                format!("SUBSCRIBE holds {filters} filters, over {max}"),
            ));
        }
        let mut filters = Vec::with_capacity(subscriptions.len());
        let mut undecided = Vec::with_capacity(subscriptions.len());
        for subscription in subscriptions {
            let filter = &subscription.topic_filter;
            limits::topic_filter(filter.as_str(), settings)?;
            if !self.filters.contains(filter) {
                self.filters.push(filter.clone());
            }
            filters.push(filter.clone());
            undecided.push(Subscription { qos: subscription.qos.min(settings.maximum_qos), ..subscription });
        }
        if self.filters.len() > settings.subscriptions_per_connection_max {
            let max = settings.subscriptions_per_connection_max;
            return Err(Violation::new(ReasonCode::QuotaExceeded, format!("more than {max} subscriptions")));
        }
        self.waiting.push(Waiting { packet_identifier, filters });
        Ok(SubscribeRequest { packet_identifier, subscriptions: undecided, identifier })
    }

    /// The reason codes of a SUBACK, one per filter of the SUBSCRIBE; `None` if it is not waited for. A filter without
    /// an outcome counts as refused.
    pub(crate) fn answer(
        &mut self,
        packet_identifier: PacketIdentifier,
        outcomes: Vec<Result<QoS, Refusal>>,
        settings: &Settings,
    ) -> Option<Vec<ReasonCode>> {
        let at = self.waiting.iter().position(|w| w.packet_identifier == packet_identifier)?;
        let waiting = self.waiting.remove(at);
        let mut outcomes = outcomes.into_iter();
        let mut reason_codes = Vec::with_capacity(waiting.filters.len());
        for filter in waiting.filters {
            reason_codes.push(match outcomes.next().unwrap_or(Err(Refusal::ServerUnavailable)) {
                Ok(QoS::AtMostOnce) => ReasonCode::Success,
                Ok(QoS::AtLeastOnce) => ReasonCode::GrantedQoS1,
                Ok(QoS::ExactlyOnce) => ReasonCode::GrantedQoS2,
                Err(refusal) => {
                    self.remove(&filter);
                    match refusal.reason_code(PacketType::SubAck) {
                        ReasonCode::NotAuthorized if !settings.suback_not_authorized => ReasonCode::UnspecifiedError,
                        told => told,
                    }
                }
            });
        }
        Some(reason_codes)
    }

    /// Forgets a filter.
    pub(crate) fn remove(&mut self, filter: &TopicFilter) {
        self.filters.retain(|held| held != filter);
    }
}
