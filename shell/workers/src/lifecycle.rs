//! What the server tells of connections and subscriptions (iot dev guide: life-cycle-events), and of changes of the registry
//! (registry-events), on `$aws/events/…`.
//!
//! Whether anybody listens is asked before anything is written down: a fleet that connects while nobody does costs a walk of the
//! topic trie each.
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use sekisho_gate::{CloseReason, ConnectRequest};
use sekisho_journal::Sequence;
use sekisho_state::{Cores, Event};
use sekisho_types::{ClientId, Random};
use serde_json::{Value, json};

use crate::gateway::{Gateway, Session};
use crate::links::{Beginning, Link};
use crate::peer::Peer;

/// How long after its last connection a client's next is counted on from there (iot dev guide: life-cycle-events, "about an hour").
const VERSION_KEPT: Duration = Duration::from_secs(60 * 60);

/// Clients without a connection whose version is known. And then: whoever has been away longest begins at 0 again.
const VERSIONS_MAX: usize = 64 * 1024;

/// How often clients have connected that are not connected now. Those that are have it in their links.
#[derive(Default)]
pub(crate) struct Versions {
    by_client: HashMap<Arc<str>, (u32, Instant)>,
    by_end: BTreeSet<(Instant, Arc<str>)>,
}

impl Versions {
    fn take(&mut self, client_id: &str, now: Instant) -> Option<u32> {
        let (client_id, (version, until)) = self.by_client.remove_entry(client_id)?;
        self.by_end.remove(&(until, client_id));
        (until > now).then_some(version)
    }

    fn keep(&mut self, client_id: &str, version: u32, now: Instant, until: Instant) {
        let version = self.take(client_id, now).map_or(version, |known| known.max(version));
        let client_id: Arc<str> = client_id.into();
        self.by_client.insert(client_id.clone(), (version, until));
        self.by_end.insert((until, client_id));
        while self.by_end.first().is_some_and(|(until, _)| *until <= now || self.by_end.len() > VERSIONS_MAX) {
            let Some((_, client_id)) = self.by_end.pop_first() else { return };
            self.by_client.remove(&client_id);
        }
    }
}

/// What happened to subscriptions.
#[derive(Clone, Copy)]
pub(crate) enum Change {
    Subscribed,
    Unsubscribed,
}

impl Gateway {
    /// Takes in a change of the registry that is about to be applied, to tell of it once it is durable.
    pub fn witness(&self, sequence: Sequence, event: &Event, cores: &Cores) {
        let Event::Registry(event) = event else { return };
        for told in cores.registry.told_of(event, self.state.now(), &mut self.state.random()) {
            if self.is_heard(&told.topic) {
                self.events.tell(sequence, told.topic, &told.payload);
            }
        }
    }

    /// A client has been let in; `older` had its client id until now.
    pub(crate) fn begin(&self, link: &Link, client_id: &ClientId, request: &ConnectRequest, older: Option<&Link>) {
        link.begin(Beginning {
            client_id: client_id.clone(),
            since: self.state.now(),
            protocol_version: request.protocol_version,
            keep_alive_s: request.keep_alive_s,
            version_number: self.next_version(client_id, older),
        });
    }

    /// The number of a client's new connection: one more than its last one's, which `older` may still be.
    fn next_version(&self, client_id: &ClientId, older: Option<&Link>) -> u32 {
        let kept =
            self.versions.lock().unwrap_or_else(PoisonError::into_inner).take(client_id.as_str(), Instant::now());
        let live = older.and_then(Link::beginning).map(|beginning| beginning.version_number);
        kept.max(live).map_or(0, |version| version.saturating_add(1))
    }

    pub(crate) fn tell_connected(&self, session: &Session, owed: Sequence) {
        self.tell_of(session, "presence", "connected", owed, |said| {
            said["ipAddress"] = session.peer().address.ip().to_string().into();
            said["versionNumber"] = version_of(session).into();
        });
    }

    /// Its session stays for `expiry_s`, and so long is its version known at least.
    pub(crate) fn tell_disconnected(&self, session: &Session, expiry_s: u32, reason: CloseReason) {
        let now = Instant::now();
        let until = now + VERSION_KEPT.max(Duration::from_secs(expiry_s.into()));
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions.keep(session.client_id.as_str(), version_of(session), now, until);
        drop(versions);
        self.tell_of(session, "presence", "disconnected", self.state.applied(), |said| {
            said["clientInitiatedDisconnect"] = (reason == CloseReason::ClientInitiatedDisconnect).into();
            said["disconnectReason"] = reason.as_str().into();
            said["versionNumber"] = version_of(session).into();
        });
    }

    /// A client that its certificate's policies do not let in.
    pub(crate) fn tell_connect_failed(&self, peer: &Peer, client_id: &ClientId) {
        let Some(topic) = self.heard_topic("presence", "connect_failed", client_id) else { return };
        let mut said = self.said("connect_failed", client_id, peer, self.state.random().array());
        said["connectFailureReason"] = "AUTHORIZATION_FAILED".into();
        said["ipAddress"] = peer.address.ip().to_string().into();
        self.events.tell(Sequence(0), topic, &said);
    }

    pub(crate) fn tell_subscriptions<'a>(
        &self,
        session: &Session,
        change: Change,
        filters: impl Iterator<Item = &'a str>,
        owed: Sequence,
    ) {
        let mut filters = filters.peekable();
        if filters.peek().is_none() {
            return;
        }
        let kind = match change {
            Change::Subscribed => "subscribed",
            Change::Unsubscribed => "unsubscribed",
        };
        self.tell_of(session, "subscriptions", kind, owed, |said| said["topics"] = filters.collect());
    }

    fn tell_of(&self, session: &Session, group: &str, kind: &str, owed: Sequence, add: impl FnOnce(&mut Value)) {
        let Some(topic) = self.heard_topic(group, kind, &session.client_id) else { return };
        let mut said = self.said(kind, &session.client_id, session.peer(), session.identifier);
        add(&mut said);
        self.events.tell(owed, topic, &said);
    }

    /// The topic of an event of a client, if anybody listens there. Of client ids that would be wildcards nothing is told.
    fn heard_topic(&self, group: &str, kind: &str, client_id: &ClientId) -> Option<String> {
        if client_id.as_str().contains(['#', '+']) {
            return None;
        }
        let topic = format!("$aws/events/{group}/{kind}/{client_id}");
        self.is_heard(&topic).then_some(topic)
    }

    fn is_heard(&self, topic: &str) -> bool {
        self.broker.read().unwrap_or_else(PoisonError::into_inner).is_heard(topic)
    }

    /// What all events of a client say.
    fn said(&self, kind: &str, client_id: &ClientId, peer: &Peer, identifier: [u8; 16]) -> Value {
        let mut said = json!({
            "clientId": client_id,
            "timestamp": self.state.now().millis(),
            "eventType": kind,
            "sessionIdentifier": uuid::Builder::from_random_bytes(identifier).into_uuid().to_string(),
            "principalIdentifier": self.principal_of(peer),
        });
        let registry = &self.state.read().registry;
        if let Some(thing_name) = peer.certificate_id().and_then(|shown| registry.exclusive_thing_of(shown)) {
            said["thingName"] = thing_name.as_str().into();
        }
        said
    }
}

fn version_of(session: &Session) -> u32 {
    session.link.beginning().map_or(0, |beginning| beginning.version_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_known_for_a_while_and_not_of_everybody() {
        let (mut versions, now) = (Versions::default(), Instant::now());
        let after = |s| now + Duration::from_secs(s);
        versions.keep("pump-7", 3, now, after(10));
        versions.keep("pump-7", 2, now, after(20)); // the connection that was taken over ends last
        assert_eq!(versions.take("pump-7", after(15)), Some(3));
        assert_eq!(versions.take("pump-7", after(15)), None, "it is the link's now");
        versions.keep("pump-7", 4, now, after(10));
        assert_eq!(versions.take("pump-7", after(10)), None, "an hour later it begins at 0");
        for number in 0..VERSIONS_MAX as u64 + 2 {
            versions.keep(&format!("pump-{number}"), 1, now, after(100 + number));
        }
        assert_eq!((versions.by_client.len(), versions.by_end.len()), (VERSIONS_MAX, VERSIONS_MAX));
        assert_eq!((versions.take("pump-1", now), versions.take("pump-2", now)), (None, Some(1)));
        versions.keep("late", 0, after(1_000_000), after(1_000_010));
        assert_eq!(versions.by_client.len(), 1, "who was away too long is forgotten");
    }
}
