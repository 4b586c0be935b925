//! What is known about a request: values of `${variables}` and condition keys.
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use sekisho_types::{ClientId, Tenant, ThingName, Timestamp};

/// The thing a connection stands for (developer guide, "Thing policy variables").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingContext {
    /// Its name.
    pub thing_name: ThingName,
    /// Its type, if it has one.
    pub thing_type_name: Option<String>,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
    /// Whether the certificate is attached to it. If not, it lends no name, no type and no attribute.
    pub is_attached: bool,
}

/// What is known about a request.
#[derive(Clone, Debug)]
pub struct Context {
    /// Account and region, for resource names.
    pub tenant: Tenant,
    /// The MQTT client id; none over HTTP.
    pub client_id: Option<ClientId>,
    /// The thing; none over HTTP.
    pub thing: Option<ThingContext>,
    /// Where the request comes from.
    pub source_ip: Option<IpAddr>,
    /// The time, for `aws:CurrentTime` and `aws:EpochTime`.
    pub now: Timestamp,
    /// Whether the client asked for a session that outlives the connection.
    pub persistent_connect: bool,
    /// Whether CONNECT carried a will.
    pub last_will: bool,
}

impl Context {
    /// Nothing known but whose account it is and the time.
    pub fn new(tenant: Tenant, now: Timestamp) -> Self {
        Self { tenant, client_id: None, thing: None, source_ip: None, now, persistent_connect: false, last_will: false }
    }

    /// The value of a policy variable, or of a condition key with one value.
    pub(crate) fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        let attached = self.thing.as_ref().filter(|thing| thing.is_attached);
        match name {
            "iot:ClientId" => self.client_id.as_ref().map(|id| Cow::Borrowed(id.as_str())),
            "aws:SourceIp" => self.source_ip.map(|ip| Cow::Owned(ip.to_string())),
            "aws:EpochTime" => Some(Cow::Owned(self.now.seconds().to_string())),
            "iot:Connection.Thing.ThingName" => attached.map(|thing| Cow::Borrowed(thing.thing_name.as_str())),
            "iot:Connection.Thing.ThingTypeName" => attached?.thing_type_name.as_deref().map(Cow::Borrowed),
            "iot:Connection.Thing.IsAttached" => {
                self.thing.as_ref().map(|thing| Cow::Borrowed(if thing.is_attached { "true" } else { "false" }))
            }
            _ => {
                let attribute = name.strip_prefix("iot:Connection.Thing.Attributes[")?.strip_suffix(']')?;
                attached?.attributes.get(attribute).map(|value| Cow::Borrowed(value.as_str()))
            }
        }
    }

    /// The values of a condition key; empty if it is absent from the request.
    pub(crate) fn values(&self, key: &str) -> Vec<Cow<'_, str>> {
        if key.eq_ignore_ascii_case("iot:ConnectAttributes") {
            let attributes = [("PersistentConnect", self.persistent_connect), ("LastWill", self.last_will)];
            return attributes.into_iter().filter(|(_, set)| *set).map(|(name, _)| Cow::Borrowed(name)).collect();
        }
        self.variable(key).into_iter().collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use sekisho_types::{AccountId, Region};

    use super::*;

    pub(crate) fn context(client_id: &str) -> Context {
        let tenant =
            Tenant { account: AccountId::parse("000000000000").unwrap(), region: Region::parse("us-east-1").unwrap() };
        Context {
            client_id: Some(ClientId::parse(client_id).unwrap()),
            ..Context::new(tenant, Timestamp::from_seconds(1000))
        }
    }

    fn thing(is_attached: bool) -> ThingContext {
        ThingContext {
            thing_name: ThingName::parse("pump-7").unwrap(),
            thing_type_name: Some("pump".into()),
            attributes: [("hall".to_owned(), "3".to_owned())].into(),
            is_attached,
        }
    }

    #[test]
    fn thing_variables_need_the_attachment() {
        let attached = Context { thing: Some(thing(true)), ..context("pump-7") };
        let loose = Context { thing: Some(thing(false)), ..context("pump-7") };
        for (name, value) in [
            ("iot:Connection.Thing.ThingName", "pump-7"),
            ("iot:Connection.Thing.ThingTypeName", "pump"),
            ("iot:Connection.Thing.Attributes[hall]", "3"),
        ] {
            assert_eq!(attached.variable(name).as_deref(), Some(value), "{name}");
            assert_eq!(loose.variable(name), None, "{name}");
        }
        assert_eq!(attached.variable("iot:Connection.Thing.IsAttached").as_deref(), Some("true"));
        assert_eq!(loose.variable("iot:Connection.Thing.IsAttached").as_deref(), Some("false"));
        assert_eq!(context("pump-7").variable("iot:Connection.Thing.IsAttached"), None);
    }
}
