//! Actions, and the proof that one was allowed.
use std::fmt;

use sekisho_types::{CertificateId, ClientId, RoleAliasName, ShadowId, ThingName, TopicFilter, TopicName};

/// An action as a policy spells it (iot dev guide: "AWS IoT Core policy actions").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActionName {
    /// `iot:Connect`
    Connect,
    /// `iot:Publish`
    Publish,
    /// `iot:RetainPublish`
    RetainPublish,
    /// `iot:Subscribe`
    Subscribe,
    /// `iot:Receive`
    Receive,
    /// `iot:GetThingShadow`
    GetThingShadow,
    /// `iot:UpdateThingShadow`
    UpdateThingShadow,
    /// `iot:DeleteThingShadow`
    DeleteThingShadow,
    /// `iot:ListNamedShadowsForThing`
    ListNamedShadowsForThing,
    /// `iot:GetRetainedMessage`
    GetRetainedMessage,
    /// `iot:ListRetainedMessages`
    ListRetainedMessages,
    /// `iot:DeleteConnection`
    DeleteConnection,
    /// `iot:AssumeRoleWithCertificate`
    AssumeRoleWithCertificate,
}

impl ActionName {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Connect,
        Self::Publish,
        Self::RetainPublish,
        Self::Subscribe,
        Self::Receive,
        Self::GetThingShadow,
        Self::UpdateThingShadow,
        Self::DeleteThingShadow,
        Self::ListNamedShadowsForThing,
        Self::GetRetainedMessage,
        Self::ListRetainedMessages,
        Self::DeleteConnection,
        Self::AssumeRoleWithCertificate,
    ];

    /// `iot:Publish`, for example.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "iot:Connect",
            Self::Publish => "iot:Publish",
            Self::RetainPublish => "iot:RetainPublish",
            Self::Subscribe => "iot:Subscribe",
            Self::Receive => "iot:Receive",
            Self::GetThingShadow => "iot:GetThingShadow",
            Self::UpdateThingShadow => "iot:UpdateThingShadow",
            Self::DeleteThingShadow => "iot:DeleteThingShadow",
            Self::ListNamedShadowsForThing => "iot:ListNamedShadowsForThing",
            Self::GetRetainedMessage => "iot:GetRetainedMessage",
            Self::ListRetainedMessages => "iot:ListRetainedMessages",
            Self::DeleteConnection => "iot:DeleteConnection",
            Self::AssumeRoleWithCertificate => "iot:AssumeRoleWithCertificate",
        }
    }
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something a policy is asked about.
pub trait Action: fmt::Debug {
    /// What a policy calls it.
    const NAME: ActionName;

    /// The resource, without `arn:aws:iot:<region>:<account>:`.
    fn resource(&self) -> String;
}

macro_rules! actions {
    ($($(#[$doc:meta])* $action:ident { $(#[$field_doc:meta])* $field:ident: $type:ty } $resource:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $action {
            $(#[$field_doc])*
            pub $field: $type,
        }

        impl Action for $action {
            const NAME: ActionName = ActionName::$action;

            fn resource(&self) -> String {
                format!($resource, self.$field)
            }
        }
    )*};
}

actions! {
    /// CONNECT.
    Connect { /** As whom. */ client_id: ClientId } "client/{}";
    /// PUBLISH, a will's topic at CONNECT, or HTTPS publish.
    Publish { /** Where. */ topic: TopicName } "topic/{}";
    /// PUBLISH with RETAIN, in addition to [`Publish`].
    RetainPublish { /** Where. */ topic: TopicName } "topic/{}";
    /// One filter of a SUBSCRIBE.
    Subscribe { /** What. */ filter: TopicFilter } "topicfilter/{}";
    /// One delivery.
    Receive { /** From where. */ topic: TopicName } "topic/{}";
    /// A shadow over HTTPS; over MQTT its topics are published and subscribed to.
    GetThingShadow { /** Which. */ shadow: ShadowId } "thing/{}";
    /// The same.
    UpdateThingShadow { /** Which. */ shadow: ShadowId } "thing/{}";
    /// The same.
    DeleteThingShadow { /** Which. */ shadow: ShadowId } "thing/{}";
    /// The names of a thing's shadows, over HTTPS.
    ListNamedShadowsForThing { /** Whose. */ thing: ThingName } "thing/{}";
    /// What a topic holds, over HTTPS.
    GetRetainedMessage { /** Which. */ topic: TopicName } "topic/{}";
    /// The end of another client's connection, over HTTPS.
    DeleteConnection { /** Whose. */ client_id: ClientId } "client/{}";
    /// Credentials of a role, over HTTPS.
    AssumeRoleWithCertificate { /** By which alias. */ role_alias: RoleAliasName } "rolealias/{}";
}

/// What all topics hold, over HTTPS. There is no resource to name but all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRetainedMessages;

impl Action for ListRetainedMessages {
    const NAME: ActionName = ActionName::ListRetainedMessages;

    fn resource(&self) -> String {
        "*".to_owned()
    }
}

/// What was allowed, and to whom. There is no other way to make one than to ask. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit<A> {
    /// `None`: no certificate; the account's operator, or somebody a custom authorizer knows.
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

    /// The device's certificate; `None` for who has shown none.
    pub fn principal(&self) -> Option<CertificateId> {
        self.principal
    }
}
