//! All shadows of an account.
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use sekisho_types::{ShadowId, ShadowName, ThingName, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::request::STATE_BYTES_MAX;
use crate::{Rejected, Shadow, ShadowError, Told, Update, client_token};

/// Shadows an account may have. Ours: they are in memory. And then: one more is refused, code 429.
pub const SHADOWS_MAX: usize = 1_000_000;
/// Bytes all of them take in memory. Ours, as above. And then: what would be larger is refused, code 429.
pub const BYTES_MAX: usize = 1024 * 1024 * 1024;
/// How long a deleted shadow's version is remembered (iot dev guide: "Interacting with shadows").
pub const REMEMBERED: Duration = Duration::from_secs(48 * 3_600);
/// Deleted shadows that are remembered. And then: the one that was deleted first is forgotten.
pub const DELETED_MAX: usize = 100_000;

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// An update was accepted.
    Updated {
        /// Which.
        shadow: ShadowId,
        /// Its version from here on.
        version: u64,
        /// When.
        at: Timestamp,
        /// The sections the update brings.
        state: Map<String, Value>,
    },
    /// A shadow is deleted.
    Deleted {
        /// Which.
        shadow: ShadowId,
        /// The last version it had.
        version: u64,
        /// When.
        at: Timestamp,
    },
    /// A shadow is this one: in snapshots.
    Kept {
        /// Which.
        shadow: ShadowId,
        /// It.
        is: Arc<Shadow>,
    },
}

/// All shadows, and the versions of those deleted not long ago.
#[derive(Clone, Debug, Default)]
pub struct Shadows {
    shadows: BTreeMap<ShadowId, Arc<Shadow>>,
    bytes: usize,
    deleted: BTreeMap<ShadowId, (u64, Timestamp)>,
    by_deletion: BTreeSet<(Timestamp, ShadowId)>,
}

impl Shadows {
    /// All of a shadow, as a get answers it and a rule's `get_thing_shadow` reads it.
    ///
    /// # Errors
    /// [`ShadowError::NotFound`].
    pub fn get(&self, shadow: &ShadowId, now: Timestamp) -> Result<Value, ShadowError> {
        Ok(self.find(shadow)?.document(now, None))
    }

    /// The same for a request over MQTT, whose payload may bring a token.
    ///
    /// # Errors
    /// [`ShadowError::NotFound`], or a payload that is no JSON.
    pub fn handle_get(&self, shadow: &ShadowId, payload: &[u8], now: Timestamp) -> Result<Value, Rejected> {
        let client_token = client_token(payload)?;
        match self.find(shadow) {
            Ok(found) => Ok(found.document(now, client_token.as_deref())),
            Err(error) => Err(Rejected { error, client_token }),
        }
    }

    /// The named shadows of a thing, in the order of their names, behind `after`.
    pub fn names<'a>(
        &'a self,
        thing: &'a ThingName,
        after: Option<&ShadowName>,
    ) -> impl Iterator<Item = &'a ShadowName> {
        let begin = ShadowId { thing: thing.clone(), name: after.cloned() };
        let found = self.shadows.range((Bound::Excluded(begin), Bound::Unbounded)).map(|(shadow, _)| shadow);
        found.take_while(move |shadow| shadow.thing == *thing).filter_map(|shadow| shadow.name.as_ref())
    }

    fn find(&self, shadow: &ShadowId) -> Result<&Shadow, ShadowError> {
        self.shadows.get(shadow).map(Arc::as_ref).ok_or_else(|| ShadowError::NotFound(shadow.called().into()))
    }

    /// Merges what `payload` brings, or makes the shadow.
    ///
    /// # Errors
    /// A payload that is no update, [`ShadowError::VersionConflict`], [`ShadowError::TooLarge`], [`ShadowError::Full`].
    pub fn update(&self, shadow: &ShadowId, update: &Update, now: Timestamp) -> Result<(Event, Told), Rejected> {
        let refused = |error| Rejected { error, client_token: update.client_token.clone() };
        let before = self.shadows.get(shadow).map(Arc::as_ref);
        let seen = match (before, self.deleted.get(shadow)) {
            (Some(before), _) => before.version,
            (None, Some((version, at))) if now.since(*at) < REMEMBERED => *version,
            (None, _) => 0,
        };
        if update.version.is_some_and(|version| version != seen) {
            return Err(refused(ShadowError::VersionConflict));
        }
        let mut after = before.cloned().unwrap_or_default();
        after.update(&update.state, seen + 1, now);
        if after.state_bytes > STATE_BYTES_MAX {
            return Err(refused(ShadowError::TooLarge));
        }
        let (grows, weight) = (before.is_none(), before.map_or(0, Shadow::weight));
        let is_full = grows && self.shadows.len() >= SHADOWS_MAX;
        if is_full || after.weight() > weight && self.bytes - weight + after.weight() > BYTES_MAX {
            return Err(refused(ShadowError::Full));
        }
        let told = Told::new(before, &after, update, now);
        let state = update.state.clone();
        Ok((Event::Updated { shadow: shadow.clone(), version: after.version, at: now, state }, told))
    }

    /// Deletes a shadow; `payload` may bring a token, and means nothing else.
    ///
    /// # Errors
    /// [`ShadowError::NotFound`].
    pub fn delete(&self, shadow: &ShadowId, payload: &[u8], now: Timestamp) -> Result<(Event, Value), Rejected> {
        let client_token = client_token(payload).unwrap_or_default();
        match self.find(shadow) {
            Ok(found) => {
                let event = Event::Deleted { shadow: shadow.clone(), version: found.version, at: now };
                Ok((event, found.obituary(now, client_token.as_deref())))
            }
            Err(error) => Err(Rejected { error, client_token }),
        }
    }

    /// Takes in what happened.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Updated { shadow, version, at, state } => {
                let before = self.shadows.get(shadow).map_or(0, |before| before.weight());
                let known = Arc::make_mut(self.shadows.entry(shadow.clone()).or_default());
                known.update(state, *version, *at);
                self.bytes = self.bytes - before + known.weight();
                self.forget(shadow);
            }
            Event::Deleted { shadow, version, at } => {
                if let Some(gone) = self.shadows.remove(shadow) {
                    self.bytes -= gone.weight();
                }
                self.forget(shadow);
                self.deleted.insert(shadow.clone(), (*version, *at));
                self.by_deletion.insert((*at, shadow.clone()));
                while let Some((first, _)) = self.by_deletion.first()
                    && (at.since(*first) >= REMEMBERED || self.by_deletion.len() > DELETED_MAX)
                {
                    let oldest = self.by_deletion.pop_first().expect("there is a first one");
                    self.deleted.remove(&oldest.1);
                }
            }
            Event::Kept { shadow, is } => {
                self.bytes += is.weight();
                let before = self.shadows.insert(shadow.clone(), is.clone());
                self.bytes -= before.map_or(0, |before| before.weight());
            }
        }
    }

    fn forget(&mut self, shadow: &ShadowId) {
        if let Some((_, at)) = self.deleted.remove(shadow) {
            self.by_deletion.remove(&(at, shadow.clone()));
        }
    }

    /// The events that fold to this.
    pub fn snapshot(&self) -> Vec<Event> {
        let kept = self.shadows.iter().map(|(shadow, is)| Event::Kept { shadow: shadow.clone(), is: is.clone() });
        let deleted = self.by_deletion.iter().filter_map(|(at, shadow)| {
            let (version, _) = self.deleted.get(shadow)?;
            Some(Event::Deleted { shadow: shadow.clone(), version: *version, at: *at })
        });
        kept.chain(deleted).collect()
    }
}
