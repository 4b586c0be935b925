//! Destinations of rules: HTTP endpoints whose owner has agreed to be called (developer guide, "Working with HTTP action destinations"), and
//! private networks, which need nobody's word ("Working with VPC action destinations").
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
    /// What it is.
    #[serde(flatten)]
    pub place: Place,
    /// Whether it is called.
    pub status: DestinationStatus,
    /// Why it cannot be.
    pub status_reason: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub last_updated_at: Timestamp,
}

/// What a destination is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Place {
    /// HTTP endpoints.
    Http(Endpoint),
    /// A private network.
    Vpc(Vpc),
}

/// HTTP endpoints of one owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Where its owner is asked. What begins with it may be called.
    pub confirmation_url: HttpUrl,
    /// What its owner was sent, and gives back.
    pub confirmation_token: String,
    /// Its owner has given it back.
    pub is_confirmed: bool,
}

/// A private network, as it was described. This server is in whatever network it is in: nothing is made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// Its id.
    pub vpc_id: String,
    /// Its subnets.
    pub subnet_ids: Vec<String>,
    /// Security groups.
    pub security_groups: Vec<String>,
    /// A role, which nobody assumes.
    pub role_arn: String,
}

impl Destination {
    /// Its endpoints, if it is some.
    pub const fn endpoint(&self) -> Option<&Endpoint> {
        match &self.place {
            Place::Http(endpoint) => Some(endpoint),
            Place::Vpc(_) => None,
        }
    }
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

    /// `arn:aws:iot:<region>:<account>:ruledestination/http/<id>`, or `…/vpc/<id>`.
    pub fn destination_arn(&self, destination: &Destination) -> String {
        let kind = if destination.endpoint().is_some() { "http" } else { "vpc" };
        self.tenant.arn("iot", format_args!("ruledestination/{kind}/{}", destination.id))
    }

    /// The one of this ARN.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn destination_of_arn(&self, arn: &str) -> Result<&Destination, RegistryError> {
        let id = arn.rsplit('/').next().unwrap_or_default();
        let found = self.destinations.get(id).filter(|found| self.destination_arn(found) == arn);
        found.ok_or_else(|| RegistryError::not_found(Resource::TopicRuleDestination, arn))
    }

    /// The one whose owner is asked there.
    pub fn destination_at(&self, confirmation_url: &HttpUrl) -> Option<&Destination> {
        let is_asked_there = |endpoint: &Endpoint| endpoint.confirmation_url == *confirmation_url;
        self.destinations.values().find(|destination| destination.endpoint().is_some_and(is_asked_there))
    }

    /// Whether rules may call an address.
    pub fn may_call(&self, url: &HttpUrl) -> bool {
        let mut enabled = self.destinations.values().filter(|found| found.status == DestinationStatus::Enabled);
        enabled.any(|destination| destination.endpoint().is_some_and(|endpoint| endpoint.confirmation_url.covers(url)))
    }

    /// Whether rules may reach into the private network of this ARN.
    pub fn may_reach(&self, arn: &str) -> bool {
        let found = self.destination_of_arn(arn);
        found.is_ok_and(|found| found.endpoint().is_none() && found.status == DestinationStatus::Enabled)
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
                resource_arn: self.destination_arn(known),
            });
        }
        let endpoint = Endpoint { confirmation_url, confirmation_token: new_token(random), is_confirmed: false };
        self.new_destination(now, random, Place::Http(endpoint), DestinationStatus::InProgress)
    }

    /// `CreateTopicRuleDestination` for a private network: rules reach into it at once.
    ///
    /// # Errors
    /// [`RegistryError::InvalidRequest`] beyond [`DESTINATIONS_MAX`].
    pub fn create_vpc_destination(
        &self,
        now: Timestamp,
        random: &mut dyn Random,
        vpc: Vpc,
    ) -> Result<(Vec<Event>, Destination), RegistryError> {
        self.new_destination(now, random, Place::Vpc(vpc), DestinationStatus::Enabled)
    }

    fn new_destination(
        &self,
        now: Timestamp,
        random: &mut dyn Random,
        place: Place,
        status: DestinationStatus,
    ) -> Result<(Vec<Event>, Destination), RegistryError> {
        if self.destinations.len() >= DESTINATIONS_MAX {
            let message = format!("An account can have at most {DESTINATIONS_MAX} topic rule destinations");
            return Err(RegistryError::InvalidRequest(message));
        }
        let id = uuid(random);
        let destination = Destination { id, place, status, status_reason: None, created_at: now, last_updated_at: now };
        Ok((vec![Event::DestinationPut { destination: destination.clone() }], destination))
    }

    /// `ConfirmTopicRuleDestination`. A second time changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::InvalidRequest`] for a token that belongs to none.
    pub fn confirm_destination(&self, now: Timestamp, token: &str) -> Result<(Vec<Event>, ()), RegistryError> {
        let mut all = self.destinations.values().filter_map(|found| Some((found, found.endpoint()?)));
        let Some((known, endpoint)) = all.find(|(_, endpoint)| endpoint.confirmation_token == token) else {
            return Err(RegistryError::InvalidRequest("The confirmation token is not valid".into()));
        };
        if endpoint.is_confirmed {
            return Ok((Vec::new(), ()));
        }
        // Who could not be asked, or refused, has agreed to nothing, whoever has the token.
        if known.status != DestinationStatus::InProgress {
            let message = "The destination's owner could not be asked; set it to IN_PROGRESS to ask again".to_owned();
            return Err(RegistryError::InvalidRequest(message));
        }
        let place = Place::Http(Endpoint { is_confirmed: true, ..endpoint.clone() });
        let confirmed = Destination { place, ..known.clone() };
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
        let refuse = |message: &str| Err(RegistryError::InvalidRequest(message.to_owned()));
        let mut destination = self.destination_of_arn(arn)?.clone();
        match (status, &mut destination.place) {
            (DestinationStatus::Enabled | DestinationStatus::Disabled, Place::Http(endpoint))
                if !endpoint.is_confirmed =>
            {
                return refuse("The destination has not been confirmed");
            }
            (DestinationStatus::Enabled | DestinationStatus::Disabled, _) => {}
            (DestinationStatus::InProgress, Place::Http(endpoint)) => {
                endpoint.is_confirmed = false;
                endpoint.confirmation_token = new_token(random);
            }
            (DestinationStatus::InProgress, Place::Vpc(_)) => {
                return refuse("A VPC destination is not confirmed: the status is ENABLED or DISABLED");
            }
            (DestinationStatus::Error, _) => return refuse("The status is ENABLED, DISABLED or IN_PROGRESS"),
        }
        Ok((changed(destination.clone(), status, None, now), destination))
    }

    /// Its owner could not be asked. Nothing changes if there is another token by now, or it was confirmed.
    pub fn unreached_destination(&self, now: Timestamp, asked: &Destination, reason: String) -> Vec<Event> {
        let known = self.destinations.get(&asked.id).filter(|known| {
            let (known, asked) = (known.endpoint(), asked.endpoint());
            known.is_some_and(|known| {
                !known.is_confirmed && asked.is_some_and(|asked| asked.confirmation_token == known.confirmation_token)
            })
        });
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
        let arn = registry.destination_arn(&made);
        let token = |destination: &Destination| destination.endpoint().unwrap().confirmation_token.clone();
        let called = url("https://a.example/in/7");
        assert!(!registry.may_call(&called));
        let again = registry.create_destination(NOW, &mut random, url("https://a.example/in"));
        assert!(matches!(again, Err(RegistryError::AlreadyExists { .. })));
        let early = registry.update_destination(NOW, &mut random, &arn, DestinationStatus::Enabled);
        assert!(matches!(early, Err(RegistryError::InvalidRequest(_))), "not by who called for it");
        assert!(registry.confirm_destination(NOW, "guessed").is_err());

        let asked_again = registry.update_destination(NOW, &mut random, &arn, DestinationStatus::InProgress);
        let asked_again = apply(&mut registry, asked_again);
        assert!(registry.confirm_destination(NOW, &token(&made)).is_err(), "there is another");
        assert!(registry.unreached_destination(NOW, &made, "gone".into()).is_empty());
        for event in registry.unreached_destination(NOW, &asked_again, "gone".into()) {
            registry.apply(&event);
        }
        let found = registry.destination_of_arn(&arn).unwrap();
        assert_eq!((found.status, found.status_reason.as_deref()), (DestinationStatus::Error, Some("gone")));
        let refused = registry.confirm_destination(NOW, &token(&asked_again));
        assert!(matches!(refused, Err(RegistryError::InvalidRequest(_))), "who could not be asked has not agreed");
        let asked_again = registry.update_destination(NOW, &mut random, &arn, DestinationStatus::InProgress);
        let asked_again = apply(&mut registry, asked_again);
        let confirmed = registry.confirm_destination(NOW, &token(&asked_again));
        apply(&mut registry, confirmed);
        assert!(registry.may_call(&called) && !registry.may_call(&url("https://b.example")));
        assert_eq!(registry.confirm_destination(NOW, &token(&asked_again)), Ok((Vec::new(), ())), "again");
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

    #[test]
    fn a_private_network_is_reached_while_it_is_enabled() {
        let mut registry = Registry::new(tenant());
        let vpc = Vpc {
            vpc_id: "vpc-1".into(),
            subnet_ids: vec!["subnet-1".into()],
            security_groups: Vec::new(),
            role_arn: "arn:aws:iam::000000000000:role/r".into(),
        };
        let made = registry.create_vpc_destination(NOW, &mut |bytes: &mut [u8]| bytes.fill(7), vpc);
        let made = apply(&mut registry, made);
        let arn = registry.destination_arn(&made);
        assert!(arn.contains(":ruledestination/vpc/") && registry.may_reach(&arn));
        assert!(!registry.may_reach(&arn.replace("/vpc/", "/http/")) && !registry.may_call(&url("https://a.example")));
        let update = |status| registry.update_destination(NOW, &mut |_: &mut [u8]| {}, &arn, status);
        assert!(matches!(update(DestinationStatus::InProgress), Err(RegistryError::InvalidRequest(_))));
        let off = update(DestinationStatus::Disabled);
        apply(&mut registry, off);
        assert!(!registry.may_reach(&arn));
        let text = serde_json::to_string(&registry.snapshot()).unwrap();
        let mut again = Registry::new(tenant());
        serde_json::from_str::<Vec<Event>>(&text).unwrap().iter().for_each(|event| again.apply(event));
        assert!(again.destinations().eq(registry.destinations()));
    }
}
