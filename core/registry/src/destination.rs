//! Destinations of rules: HTTP endpoints whose owner has agreed to be called (developer guide, "Working with HTTP action destinations").
use sekisho_types::{HttpUrl, Random, Timestamp};
use serde::{Deserialize, Serialize};

use crate::registry::{hex, uuid};
use crate::{Event, Registry, RegistryError, Resource};

/// Destinations of an account. And then: InvalidRequestException. Ours: as many as rules.
pub const DESTINATIONS_MAX: usize = 1000;

/// Whether a destination is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DestinationStatus {
    /// Its owner has confirmed it.
    Enabled,
    /// Its owner was asked, and has not answered.
    InProgress,
    /// It was confirmed once, and is not to be called.
    Disabled,
    /// Its owner could not be asked.
    Error,
}

/// A destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The last part of its ARN.
    pub id: String,
    /// Where its owner is asked. What begins with it may be called.
    pub confirmation_url: HttpUrl,
    /// Whether it is called.
    pub status: DestinationStatus,
    /// Why it cannot be.
    pub status_reason: Option<String>,
    /// What its owner was sent, and gives back.
    pub confirmation_token: String,
    /// Its owner has given it back.
    pub is_confirmed: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub last_updated_at: Timestamp,
}

impl Registry {
    /// A destination by the last part of its ARN.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn destination(&self, id: &str) -> Result<&Destination, RegistryError> {
        self.destinations.get(id).ok_or_else(|| RegistryError::not_found(Resource::TopicRuleDestination, id))
    }

    /// All of them, by that part, ascending.
    pub fn destinations(&self) -> impl Iterator<Item = &Destination> {
        self.destinations.values()
    }

    /// `arn:aws:iot:<region>:<account>:ruledestination/http/<id>`.
    pub fn destination_arn(&self, id: &str) -> String {
        self.tenant.arn("iot", format_args!("ruledestination/http/{id}"))
    }

    /// The one of this ARN.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn destination_of_arn(&self, arn: &str) -> Result<&Destination, RegistryError> {
        let id = arn.rsplit('/').next().unwrap_or_default();
        let found = self.destinations.get(id).filter(|_| self.destination_arn(id) == arn);
        found.ok_or_else(|| RegistryError::not_found(Resource::TopicRuleDestination, arn))
    }

    /// The one whose owner is asked there.
    pub fn destination_at(&self, confirmation_url: &HttpUrl) -> Option<&Destination> {
        self.destinations.values().find(|destination| destination.confirmation_url == *confirmation_url)
    }

    /// Whether rules may call an address.
    pub fn may_call(&self, url: &HttpUrl) -> bool {
        let mut enabled = self.destinations.values().filter(|found| found.status == DestinationStatus::Enabled);
        enabled.any(|destination| destination.confirmation_url.covers(url))
    }

    /// `CreateTopicRuleDestination`: its owner is to be asked.
    ///
    /// # Errors
    /// [`RegistryError::AlreadyExists`] for an address that is one already, [`RegistryError::InvalidRequest`] beyond
    /// [`DESTINATIONS_MAX`].
    pub fn create_destination(
        &self,
        now: Timestamp,
        random: &mut dyn Random,
        confirmation_url: HttpUrl,
    ) -> Result<(Vec<Event>, Destination), RegistryError> {
        if let Some(known) = self.destination_at(&confirmation_url) {
            return Err(RegistryError::AlreadyExists {
                message: format!("A destination for {confirmation_url} already exists"),
                resource_id: known.id.clone(),
                resource_arn: self.destination_arn(&known.id),
            });
        }
        if self.destinations.len() >= DESTINATIONS_MAX {
            let message = format!("An account can have at most {DESTINATIONS_MAX} topic rule destinations");
            return Err(RegistryError::InvalidRequest(message));
        }
        let destination = Destination {
            id: uuid(random),
            confirmation_url,
            status: DestinationStatus::InProgress,
            status_reason: None,
            confirmation_token: new_token(random),
            is_confirmed: false,
            created_at: now,
            last_updated_at: now,
        };
        Ok((vec![Event::DestinationPut { destination: destination.clone() }], destination))
    }

    /// `ConfirmTopicRuleDestination`. A second time changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::InvalidRequest`] for a token that belongs to none.
    pub fn confirm_destination(&self, now: Timestamp, token: &str) -> Result<(Vec<Event>, ()), RegistryError> {
        let mut all = self.destinations.values();
        let Some(known) = all.find(|destination| destination.confirmation_token == token) else {
            return Err(RegistryError::InvalidRequest("The confirmation token is not valid".into()));
        };
        if known.is_confirmed {
            return Ok((Vec::new(), ()));
        }
        // Who could not be asked, or refused, has agreed to nothing, whoever has the token.
        if known.status != DestinationStatus::InProgress {
            let message = "The destination's owner could not be asked; set it to IN_PROGRESS to ask again".to_owned();
            return Err(RegistryError::InvalidRequest(message));
        }
        let confirmed = Destination { is_confirmed: true, ..known.clone() };
        Ok((changed(confirmed, DestinationStatus::Enabled, None, now), ()))
    }

    /// `UpdateTopicRuleDestination`. With `InProgress` its owner is to be asked again, and the token that was sent is good no more.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], and [`RegistryError::InvalidRequest`] for one that nobody has confirmed and that is to be called.
    pub fn update_destination(
        &self,
        now: Timestamp,
        random: &mut dyn Random,
        arn: &str,
        status: DestinationStatus,
    ) -> Result<(Vec<Event>, Destination), RegistryError> {
        let mut destination = self.destination_of_arn(arn)?.clone();
        match status {
            DestinationStatus::Enabled | DestinationStatus::Disabled if !destination.is_confirmed => {
                let message = "The destination has not been confirmed".to_owned();
                return Err(RegistryError::InvalidRequest(message));
            }
            DestinationStatus::Enabled | DestinationStatus::Disabled => {}
            DestinationStatus::InProgress => {
                destination.is_confirmed = false;
                destination.confirmation_token = new_token(random);
            }
            DestinationStatus::Error => {
                let message = "The status is ENABLED, DISABLED or IN_PROGRESS".to_owned();
                return Err(RegistryError::InvalidRequest(message));
            }
        }
        Ok((changed(destination.clone(), status, None, now), destination))
    }

    /// Its owner could not be asked. Nothing changes if there is another token by now, or it was confirmed.
    pub fn unreached_destination(&self, now: Timestamp, asked: &Destination, reason: String) -> Vec<Event> {
        let known = self.destinations.get(&asked.id);
        let known = known.filter(|known| known.confirmation_token == asked.confirmation_token && !known.is_confirmed);
        let event = |known: &Destination| changed(known.clone(), DestinationStatus::Error, Some(reason), now);
        known.map(event).unwrap_or_default()
    }

    /// `DeleteTopicRuleDestination`.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn delete_destination(&self, arn: &str) -> Result<(Vec<Event>, ()), RegistryError> {
        let id = self.destination_of_arn(arn)?.id.clone();
        Ok((vec![Event::DestinationDeleted { id }], ()))
    }
}

fn changed(
    destination: Destination,
    status: DestinationStatus,
    status_reason: Option<String>,
    now: Timestamp,
) -> Vec<Event> {
    vec![Event::DestinationPut {
        destination: Destination { status, status_reason, last_updated_at: now, ..destination },
    }]
}

fn new_token(random: &mut dyn Random) -> String {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    hex(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, tenant};

    fn apply<T>(registry: &mut Registry, outcome: Result<(Vec<Event>, T), RegistryError>) -> T {
        let (events, output) = outcome.unwrap();
        events.iter().for_each(|event| registry.apply(event));
        output
    }

    fn url(text: &str) -> HttpUrl {
        HttpUrl::parse(text).unwrap()
    }

    #[test]
    fn only_what_its_owner_confirmed_is_called() {
        let (mut registry, mut next) = (Registry::new(tenant()), 0);
        let mut random = |bytes: &mut [u8]| {
            next += 1;
            bytes.fill(next);
        };
        let made = registry.create_destination(NOW, &mut random, url("https://a.example/in"));
        let made = apply(&mut registry, made);
        let arn = registry.destination_arn(&made.id);
        let called = url("https://a.example/in/7");
        assert!(!registry.may_call(&called));
        let again = registry.create_destination(NOW, &mut random, url("https://a.example/in"));
        assert!(matches!(again, Err(RegistryError::AlreadyExists { .. })));
        let early = registry.update_destination(NOW, &mut random, &arn, DestinationStatus::Enabled);
        assert!(matches!(early, Err(RegistryError::InvalidRequest(_))), "not by who called for it");
        assert!(registry.confirm_destination(NOW, "guessed").is_err());

        let asked_again = registry.update_destination(NOW, &mut random, &arn, DestinationStatus::InProgress);
        let asked_again = apply(&mut registry, asked_again);
        assert!(registry.confirm_destination(NOW, &made.confirmation_token).is_err(), "there is another");
        assert!(registry.unreached_destination(NOW, &made, "gone".into()).is_empty());
        for event in registry.unreached_destination(NOW, &asked_again, "gone".into()) {
            registry.apply(&event);
        }
        let found = registry.destination_of_arn(&arn).unwrap();
        assert_eq!((found.status, found.status_reason.as_deref()), (DestinationStatus::Error, Some("gone")));
        let refused = registry.confirm_destination(NOW, &asked_again.confirmation_token);
        assert!(matches!(refused, Err(RegistryError::InvalidRequest(_))), "who could not be asked has not agreed");
        let asked_again = registry.update_destination(NOW, &mut random, &arn, DestinationStatus::InProgress);
        let asked_again = apply(&mut registry, asked_again);
        let confirmed = registry.confirm_destination(NOW, &asked_again.confirmation_token);
        apply(&mut registry, confirmed);
        assert!(registry.may_call(&called) && !registry.may_call(&url("https://b.example")));
        assert_eq!(registry.confirm_destination(NOW, &asked_again.confirmation_token), Ok((Vec::new(), ())), "again");
        assert!(registry.unreached_destination(NOW, &asked_again, "late".into()).is_empty());

        let mut copy = Registry::new(tenant());
        registry.snapshot().iter().for_each(|event| copy.apply(event));
        assert!(copy.destinations().eq(registry.destinations()));

        let off = registry.update_destination(NOW, &mut random, &arn, DestinationStatus::Disabled);
        apply(&mut registry, off);
        assert!(!registry.may_call(&called));
        let on = registry.update_destination(NOW, &mut random, &arn, DestinationStatus::Enabled);
        apply(&mut registry, on);
        assert!(registry.may_call(&called));
        let gone = registry.delete_destination(&arn);
        apply(&mut registry, gone);
        assert!(!registry.may_call(&called) && registry.destination_of_arn(&arn).is_err());
    }
}
