//! What is known about a request: the values of variables and condition keys.
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use sekisho_types::{CertificateId, ClientId, Tenant, ThingName, Timestamp};

use crate::CertificateVariables;
use crate::variable::Variable;

/// The thing a connection stands for (iot dev guide: "Thing policy variables").
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

/// What is known about a request. What is not known, such as the address of a client that only might come, is absent from it.
#[derive(Clone, Debug)]
pub struct Context {
    /// Account and region, for resource names.
    pub tenant: Tenant,
    /// The MQTT client id; none over HTTP.
    pub client_id: Option<ClientId>,
    /// The thing; none over HTTP.
    pub thing: Option<ThingContext>,
    /// What the certificate says; needed only where [`crate::PolicySet::asks_for_certificate`].
    pub certificate: Option<Arc<CertificateVariables>>,
    /// The certificate's id.
    pub certificate_id: Option<CertificateId>,
    /// Where the request comes from.
    pub source_ip: Option<IpAddr>,
    /// By which of the server's names it came.
    pub domain_name: Option<Arc<str>>,
    /// When.
    pub now: Option<Timestamp>,
    /// Whether the client asked for a session that outlives the connection.
    pub persistent_connect: bool,
    /// Whether CONNECT carried a will.
    pub last_will: bool,
}

impl Context {
    /// Nothing known but whose account it is.
    pub fn new(tenant: Tenant) -> Self {
        Self {
            tenant,
            client_id: None,
            thing: None,
            certificate: None,
            certificate_id: None,
            source_ip: None,
            domain_name: None,
            now: None,
            persistent_connect: false,
            last_will: false,
        }
    }

    /// The value of a policy variable, such as `iot:ClientId`; `None` if it is absent from the request or no variable.
    pub fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.value(&Variable::parse(name)?)
    }

    pub(crate) fn value(&self, variable: &Variable) -> Option<Cow<'_, str>> {
        let attached = self.thing.as_ref().filter(|thing| thing.is_attached);
        match variable {
            Variable::ClientId => self.client_id.as_ref().map(|id| id.as_str().into()),
            // A socket that takes both versions of IP tells of version 4 as of ::ffff:10.1.2.3.
            Variable::SourceIp => self.source_ip.map(|ip| ip.to_canonical().to_string().into()),
            Variable::ThingName => attached.map(|thing| thing.thing_name.as_str().into()),
            Variable::ThingTypeName => attached?.thing_type_name.as_deref().map(Cow::Borrowed),
            Variable::ThingAttribute(name) => attached?.attributes.get(&**name).map(|value| value.as_str().into()),
            Variable::IsAttached => {
                self.thing.as_ref().map(|thing| if thing.is_attached { "true" } else { "false" }.into())
            }
            Variable::ConnectAttributes => None,
            Variable::DomainName => self.domain_name.as_deref().map(Cow::Borrowed),
            Variable::CurrentTime => self.now.map(|now| now.to_string().into()),
            Variable::EpochTime => self.now.map(|now| now.seconds().to_string().into()),
            Variable::CertificateId => self.certificate_id.map(|id| id.to_string().into()),
            Variable::Certificate(variable) => self.certificate.as_ref()?.value(variable).map(Cow::Borrowed),
        }
    }

    /// The values of a condition key, none if it is absent from the request; `None` if that is not known.
    pub(crate) fn values(&self, key: &Variable) -> Option<Vec<Cow<'_, str>>> {
        match key {
            Variable::ConnectAttributes => {
                let attributes = [("PersistentConnect", self.persistent_connect), ("LastWill", self.last_will)];
                Some(attributes.into_iter().filter(|(_, set)| *set).map(|(name, _)| name.into()).collect())
            }
            Variable::Certificate(variable) => Some(self.certificate.as_ref()?.values(variable)),
            Variable::ClientId
            | Variable::SourceIp
            | Variable::ThingName
            | Variable::ThingTypeName
            | Variable::ThingAttribute(_)
            | Variable::IsAttached
            | Variable::DomainName
            | Variable::CurrentTime
            | Variable::EpochTime
            | Variable::CertificateId => Some(self.value(key).into_iter().collect()),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use sekisho_types::{AccountId, Region};

    use super::*;

    pub(crate) fn context(client_id: &str) -> Context {
        let tenant =
            Tenant { account: AccountId::parse("000000000000").unwrap(), region: Region::parse("us-east-1").unwrap() };
        Context { client_id: Some(ClientId::parse(client_id).unwrap()), ..Context::new(tenant) }
    }

    pub(crate) fn thing(is_attached: bool) -> Option<ThingContext> {
        Some(ThingContext {
            thing_name: ThingName::parse("pump-7").unwrap(),
            thing_type_name: Some("pump".into()),
            attributes: [("hall".to_owned(), "3".to_owned())].into(),
            is_attached,
        })
    }

    #[test]
    fn variables() {
        let http = Context { client_id: None, ..context("c") };
        let stranger = Context { source_ip: Some([10, 1, 2, 3].into()), ..context("pump-7") };
        let loose = Context { thing: thing(false), ..stranger.clone() };
        let attached = Context { thing: thing(true), ..stranger.clone() };
        let mapped = Context { source_ip: Some("::ffff:10.1.2.3".parse().unwrap()), ..context("c") };
        let certificate =
            Context { certificate: Some(Arc::new(crate::certificate::tests::variables())), ..context("c") };
        let told = Context {
            certificate_id: Some(CertificateId::new([0xab; 32])),
            domain_name: Some("iot.example".into()),
            now: Some(Timestamp::from_millis(1_795_524_805_999)),
            ..context("c")
        };
        #[rustfmt::skip] // source                           context       name                                           value
        let table: &[(&str, &Context, &str, Option<&str>)] = &[
            ("iot dev guide: basic policy variables",        &stranger,    "iot:ClientId",                                Some("pump-7")),
            ("iot dev guide: basic policy variables",        &http,        "iot:ClientId",                                None),
            ("iot dev guide: basic policy variables",        &stranger,    "aws:SourceIp",                                Some("10.1.2.3")),
            ("RFC 4291 §2.5.5.2",                            &mapped,      "aws:SourceIp",                                Some("10.1.2.3")),
            ("IAM: key names are case-insensitive",          &stranger,    "IOT:clientid",                                Some("pump-7")),
            ("iot dev guide: thing policy variables",        &attached,    "iot:Connection.Thing.ThingName",              Some("pump-7")),
            ("iot dev guide: thing policy variables",        &attached,    "iot:Connection.Thing.ThingTypeName",          Some("pump")),
            ("iot dev guide: thing policy variables",        &attached,    "iot:Connection.Thing.Attributes[hall]",       Some("3")),
            ("iot: attribute names keep their case",         &attached,    "iot:Connection.Thing.Attributes[Hall]",       None),
            ("iot dev guide: thing policy variables",        &attached,    "iot:Connection.Thing.IsAttached",             Some("true")),
            ("ours: no loan from a thing not attached",      &loose,       "iot:Connection.Thing.ThingName",              None),
            ("ours: no loan from a thing not attached",      &loose,       "iot:Connection.Thing.ThingTypeName",          None),
            ("ours: no loan from a thing not attached",      &loose,       "iot:Connection.Thing.Attributes[hall]",       None),
            ("iot dev guide: thing policy variables",        &loose,       "iot:Connection.Thing.IsAttached",             Some("false")),
            ("iot dev guide: thing policy variables",        &stranger,    "iot:Connection.Thing.IsAttached",             None),
            ("iot dev guide: certificate policy variables",  &certificate, "iot:Certificate.Subject.CommonName",          Some("pump-7")),
            ("iot dev guide: the bare name is the first",    &certificate, "iot:Certificate.Subject.OrganizationalUnit",  Some("north")),
            ("iot dev guide: .1 is the second value",        &certificate, "iot:Certificate.Subject.OrganizationalUnit.1", Some("hall 3")),
            ("iot dev guide: missing index, no value",       &certificate, "iot:Certificate.Subject.OrganizationalUnit.2", None),
            ("iot dev guide: .1 is the second value",        &certificate, "iot:Certificate.Subject.OrganizationalUnit.0", None),
            ("iot dev guide: certificate policy variables",  &certificate, "iot:Certificate.Issuer.Organization",         Some("Works\\, Inc")),
            ("iot dev guide: certificate policy variables",  &stranger,    "iot:Certificate.Subject.CommonName",          None),
            ("iot dev guide: certificate serial number",     &certificate, "iot:Certificate.SerialNumber",                Some("17")),
            ("iot dev guide: AvailableKeys is a list",       &certificate, "iot:Certificate.AvailableKeys",               None),
            ("IAM: aws:CurrentTime",                         &told,        "aws:CurrentTime",                             Some("2026-11-24T12:53:25Z")),
            ("IAM: aws:EpochTime",                           &told,        "aws:EpochTime",                               Some("1795524805")),
            ("service authorization reference",              &told,        "iot:DomainName",                              Some("iot.example")),
            ("well-architected, IoT lens: IOTSEC05",         &told,        "iot:CertificateId",                           Some(&*"ab".repeat(32))),
            ("ours: what is not told has no value",          &stranger,    "aws:CurrentTime",                             None),
            ("ours: what is not told has no value",          &stranger,    "iot:DomainName",                              None),
            ("ours: not a variable",                         &attached,    "iot:Nothing",                                 None),
            ("ours: not a variable",                         &certificate, "iot:Certificate.Subject.Shoe",                None),
            ("ours: not a variable",                         &certificate, "iot:Certificate.Subject.CommonName.x",        None),
        ];
        for (source, context, name, value) in table {
            assert_eq!(context.variable(name).as_deref(), *value, "{source}: {name}");
        }
    }
}
