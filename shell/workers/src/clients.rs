//! Clients, for who looks after them: who is connected and from where, whose session is stored, what waits; and how a connection is
//! ended from here (iot-data `DeleteConnection`).
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use sekisho_broker::Subscriber;
use sekisho_journal::JournalError;
use sekisho_state::Cores;
use sekisho_types::{AuthorizerName, CertificateId, ClientId, ProtocolVersion, SessionId, ThingName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::gateway::Gateway;
use crate::links::{Beginning, Link};

/// A client that is connected, or whose session is stored, or both.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct ClientInsight {
    /// Who.
    pub client_id: ClientId,
    /// Its connection, if it has one.
    pub connection: Option<ConnectionInsight>,
    /// Its stored session, if it has one.
    pub session: Option<SessionInsight>,
    /// What it is subscribed to, by filter.
    pub subscriptions: Vec<SubscriptionInsight>,
}

/// A live connection.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct ConnectionInsight {
    /// Where it comes from.
    pub address: SocketAddr,
    /// The certificate it showed.
    pub certificate_id: Option<CertificateId>,
    /// The access key it signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// As whom a custom authorizer knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// Which one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorizer: Option<AuthorizerName>,
    /// What its handshake agreed on: version, cipher suite and group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
    /// The thing it is, as policy variables know it.
    pub thing: Option<ThingName>,
    /// `3.1.1` or `5`.
    pub protocol_version: String,
    /// How often it has to be heard of, in seconds; 0 is never.
    pub keep_alive_s: u16,
    /// Since when.
    pub since: Timestamp,
    /// As lifecycle events tell it.
    pub version_number: u32,
    /// Messages in its mailbox.
    pub waiting: usize,
    /// Their bytes.
    pub waiting_bytes: usize,
}

/// A stored session.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct SessionInsight {
    /// Since when it has no connection.
    pub left_at: Option<Timestamp>,
    /// When it ends if nobody comes.
    pub ends_at: Option<Timestamp>,
    /// `3.1.1` or `5`: who comes back with the other begins anew.
    pub protocol_version: String,
    /// Messages that wait for its client's acknowledgement.
    pub waiting: usize,
    /// Their bytes.
    pub waiting_bytes: usize,
}

/// A subscription.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionInsight {
    /// To what.
    pub topic_filter: String,
    /// 0, 1 or 2.
    pub qos: u8,
}

/// Which clients are asked for; the default asks for all.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientFilter {
    /// Those that are this thing.
    pub thing: Option<ThingName>,
    /// Those that came with this certificate.
    pub certificate_id: Option<CertificateId>,
}

/// Some of those that were asked for.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Clients {
    /// By client id.
    pub clients: Vec<ClientInsight>,
    /// How many more there are.
    pub more: usize,
}

/// Why a connection was not ended.
#[derive(Debug, thiserror::Error)]
pub enum DeleteConnectionError {
    /// Nobody has this client id.
    #[error("client `{0}` is not connected and has no session")]
    NotFound(ClientId),
    /// Its session could not be ended.
    #[error("the session cannot be ended now")]
    Journal(#[from] JournalError),
}

/// What is known of a client by its id.
#[derive(Default)]
struct Found {
    link: Option<Arc<Link>>,
    session: Option<SessionId>,
}

impl Gateway {
    /// The connection of a client, if it has one.
    pub(crate) fn link_of(&self, client_id: &ClientId) -> Option<Arc<Link>> {
        let subscriber = self.broker.read().unwrap_or_else(PoisonError::into_inner).subscriber_of(client_id)?;
        self.links.of(subscriber)
    }

    /// Ends a client's connection, and its session if `clean_session`; its will is not published if `prevent_will_message`, not even one
    /// that waits for its delay. What it did is durable once the state has settled.
    ///
    /// # Errors
    /// [`DeleteConnectionError`].
    pub fn delete_connection(
        &self,
        client_id: &ClientId,
        clean_session: bool,
        prevent_will_message: bool,
    ) -> Result<(), DeleteConnectionError> {
        let link = self.link_of(client_id);
        let session = self.state.read().sessions.of_client(client_id).map(|(session, _)| session);
        if link.is_none() && session.is_none() {
            return Err(DeleteConnectionError::NotFound(client_id.clone()));
        }
        if let Some(link) = link {
            link.signal(|signals| {
                signals.deleted = true;
                signals.will_prevented = prevent_will_message;
            });
        }
        if let Some(session) = session.filter(|_| prevent_will_message) {
            self.wills.forget(session);
        }
        if clean_session {
            self.change_sessions(|sessions| sessions.end(client_id))?;
        }
        Ok(())
    }

    /// The first `most` clients that a filter selects.
    pub fn clients(&self, filter: &ClientFilter, most: usize) -> Clients {
        let mut found: BTreeMap<ClientId, Found> = BTreeMap::new();
        for link in self.links.all() {
            let Some(Beginning { client_id, version_number, .. }) = link.beginning() else { continue };
            let known = &mut found.entry(client_id.clone()).or_default().link;
            let newer =
                |known: &Arc<Link>| known.beginning().is_some_and(|known| known.version_number > *version_number);
            if !known.as_ref().is_some_and(newer) {
                *known = Some(link);
            }
        }
        let cores = self.state.read();
        for (session, stored) in cores.sessions.iter() {
            found.entry(stored.client_id().clone()).or_default().session = Some(session);
        }
        found.retain(|client_id, found| selects(filter, &cores, client_id, found));
        let more = found.len().saturating_sub(most);
        let first = found.into_iter().take(most);
        let clients = first.map(|(client_id, found)| self.insight(&cores, client_id, &found)).collect();
        Clients { clients, more }
    }

    /// One client, if there is such a one.
    pub fn client(&self, client_id: &ClientId) -> Option<ClientInsight> {
        let link = self.link_of(client_id).filter(|link| link.beginning().is_some());
        let cores = self.state.read();
        let session = cores.sessions.of_client(client_id).map(|(session, _)| session);
        let found = Found { link, session };
        let is_there = found.link.is_some() || found.session.is_some();
        is_there.then(|| self.insight(&cores, client_id.clone(), &found))
    }

    fn insight(&self, cores: &Cores, client_id: ClientId, found: &Found) -> ClientInsight {
        let link = found.link.as_ref();
        let connection = link.and_then(|link| {
            let beginning = link.beginning()?;
            let (waiting, waiting_bytes) = link.waiting();
            let (principal_id, authorizer) = link.peer.known_as().unzip();
            Some(ConnectionInsight {
                address: link.peer.address,
                certificate_id: link.peer.certificate_id(),
                access_key_id: link.peer.access_key_id().map(str::to_owned),
                principal_id,
                authorizer,
                tls: link.peer.tls.map(|tls| tls.to_string()),
                thing: link.peer.certificate_id().and_then(|shown| thing_of(cores, shown, &client_id)),
                protocol_version: version(beginning.protocol_version),
                keep_alive_s: beginning.keep_alive_s,
                since: beginning.since,
                version_number: beginning.version_number,
                waiting,
                waiting_bytes,
            })
        });
        let session = found.session.and_then(|session| cores.sessions.get(session)).map(|stored| {
            let (waiting, waiting_bytes) = stored.waits();
            SessionInsight {
                left_at: stored.left_at(),
                ends_at: stored.deadline(),
                protocol_version: version(stored.protocol_version()),
                waiting,
                waiting_bytes,
            }
        });
        let subscriber = found.session.map(Subscriber::Session).or_else(|| link.map(|link| link.subscriber()));
        let broker = self.broker.read().unwrap_or_else(PoisonError::into_inner);
        let held = subscriber.and_then(|subscriber| broker.subscriptions(subscriber)).into_iter().flatten();
        let mut subscriptions: Vec<_> = held
            .map(|(filter, grant)| SubscriptionInsight {
                topic_filter: filter.as_str().into(),
                qos: grant.qos.number(),
            })
            .collect();
        subscriptions.sort_by(|a, b| a.topic_filter.cmp(&b.topic_filter));
        ClientInsight { client_id, connection, session, subscriptions }
    }
}

/// Whether a client is asked for. Who is not connected shows no certificate; the thing it is told as is the one of its name.
fn selects(filter: &ClientFilter, cores: &Cores, client_id: &ClientId, found: &Found) -> bool {
    let certificate_id = found.link.as_ref().and_then(|link| link.peer.certificate_id());
    let thing_fits = filter.thing.as_ref().is_none_or(|thing| match certificate_id {
        Some(certificate_id) => thing_of(cores, certificate_id, client_id).as_ref() == Some(thing),
        None => thing.as_str() == client_id.as_str(),
    });
    thing_fits && filter.certificate_id.is_none_or(|wanted| certificate_id == Some(wanted))
}

fn thing_of(cores: &Cores, certificate_id: CertificateId, client_id: &ClientId) -> Option<ThingName> {
    let thing = cores.registry.thing_of(certificate_id, client_id.as_str())?;
    thing.is_attached.then_some(thing.thing_name)
}

fn version(version: ProtocolVersion) -> String {
    match version {
        ProtocolVersion::V311 => "3.1.1",
        ProtocolVersion::V5 => "5",
    }
    .into()
}
