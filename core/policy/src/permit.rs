//! Actions, and the proof that one was allowed.
use std::fmt;

use sekisho_types::{CertificateId, ClientId, TopicFilter, TopicName};

/// Something a policy is asked about (developer guide, "AWS IoT Core policy actions").
pub trait Action: fmt::Debug {
    /// As a policy spells it, such as `iot:Publish`.
    const NAME: &'static str;

    /// The resource, without `arn:aws:iot:<region>:<account>:`.
    fn resource(&self) -> String;
}

macro_rules! actions {
    ($($(#[$doc:meta])* $action:ident { $(#[$field_doc:meta])* $field:ident: $type:ty } $name:literal, $resource:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $action {
            $(#[$field_doc])*
            pub $field: $type,
        }

        impl Action for $action {
            const NAME: &'static str = $name;

            fn resource(&self) -> String {
                format!($resource, self.$field.as_str())
            }
        }
    )*};
}

actions! {
    /// CONNECT.
    Connect { /** As whom. */ client_id: ClientId } "iot:Connect", "client/{}";
    /// PUBLISH, a will's topic at CONNECT, or HTTPS publish.
    Publish { /** Where. */ topic: TopicName } "iot:Publish", "topic/{}";
    /// PUBLISH with RETAIN, in addition to [`Publish`].
    RetainPublish { /** Where. */ topic: TopicName } "iot:RetainPublish", "topic/{}";
    /// One filter of a SUBSCRIBE.
    Subscribe { /** What. */ filter: TopicFilter } "iot:Subscribe", "topicfilter/{}";
    /// One delivery.
    Receive { /** From where. */ topic: TopicName } "iot:Receive", "topic/{}";
}

/// What was allowed, and to whom. There is no other way to make one than to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit<A> {
    /// `None`: the account's operator.
    principal: Option<CertificateId>,
    action: A,
}

impl<A> Permit<A> {
    pub(crate) fn new(principal: Option<CertificateId>, action: A) -> Self {
        Self { principal, action }
    }

    /// What was allowed.
    pub fn action(&self) -> &A {
        &self.action
    }

    /// The device's certificate; `None` for the account's operator.
    pub fn principal(&self) -> Option<CertificateId> {
        self.principal
    }
}
