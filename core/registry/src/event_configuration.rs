//! Which kinds of registry events are told: none, until somebody asks for them (iot dev guide: iot-events).
use std::collections::{BTreeMap, BTreeSet};

use sekisho_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Event, Registry, RegistryError};

/// A kind of event, as `UpdateEventConfigurations` names it (iot model: EventType).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are the model's")]
pub enum EventType {
    Thing,
    ThingGroup,
    ThingType,
    ThingGroupMembership,
    ThingGroupHierarchy,
    ThingTypeAssociation,
    Job,
    JobExecution,
    Policy,
    Certificate,
    CaCertificate,
}

impl EventType {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Thing,
        Self::ThingGroup,
        Self::ThingType,
        Self::ThingGroupMembership,
        Self::ThingGroupHierarchy,
        Self::ThingTypeAssociation,
        Self::Job,
        Self::JobExecution,
        Self::Policy,
        Self::Certificate,
        Self::CaCertificate,
    ];
}

/// Which kinds are told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventConfigurations {
    /// These.
    #[serde(default)]
    pub enabled: BTreeSet<EventType>,
    /// When they were first set, if they ever were.
    #[serde(default)]
    pub creation_date: Option<Timestamp>,
    /// When they were last set.
    #[serde(default)]
    pub last_modified_date: Option<Timestamp>,
}

impl Registry {
    /// `DescribeEventConfigurations`.
    pub fn event_configurations(&self) -> &EventConfigurations {
        &self.event_configurations
    }

    /// `UpdateEventConfigurations`: kinds that are not named stay as they are.
    ///
    /// # Errors
    /// None that is known; the commands of the registry look alike.
    pub fn update_event_configurations(
        &self,
        now: Timestamp,
        changes: &BTreeMap<EventType, bool>,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        let mut configurations = self.event_configurations.clone();
        for (kind, is_enabled) in changes {
            if *is_enabled {
                configurations.enabled.insert(*kind);
            } else {
                configurations.enabled.remove(kind);
            }
        }
        configurations.creation_date.get_or_insert(now);
        configurations.last_modified_date = Some(now);
        Ok((vec![Event::EventConfigurationsSet { configurations }], ()))
    }
}
