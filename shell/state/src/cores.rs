//! The cores with memory, as one fold.
use sekisho_actions::Actions;
use sekisho_catalog::Catalog;
use sekisho_delivery::Delivery;
use sekisho_kms::Kms;
use sekisho_objects::Objects;
use sekisho_registry::Registry;
use sekisho_retained::Retained;
use sekisho_sessions::Sessions;
use sekisho_shadow::Shadows;
use sekisho_types::Tenant;
use serde::{Deserialize, Serialize};

/// Every core with memory.
pub struct Cores {
    /// Whose state this is.
    pub tenant: Tenant,
    /// Things, certificates, policies, rules.
    pub registry: Registry,
    /// KMS keys and aliases.
    pub kms: Kms,
    /// Buckets and the index of their objects.
    pub objects: Objects,
    /// Delivery streams.
    pub delivery: Delivery,
    /// Databases and tables.
    pub catalog: Catalog,
    /// Retained messages.
    pub retained: Retained,
    /// What outlives devices' connections.
    pub sessions: Sessions,
    /// Device shadows.
    pub shadows: Shadows,
    /// What rules have still to do.
    pub actions: Actions,
}

/// What happened, in any of them.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub enum Event {
    /// In the IoT registry.
    Registry(sekisho_registry::Event),
    /// In KMS.
    Kms(sekisho_kms::Event),
    /// In the object store's index.
    Objects(sekisho_objects::Event),
    /// In the delivery streams' configuration.
    Delivery(sekisho_delivery::Event),
    /// In the data catalog.
    Catalog(sekisho_catalog::Event),
    /// In the retained messages.
    Retained(sekisho_retained::Event),
    /// In the stored sessions.
    Sessions(sekisho_sessions::Event),
    /// In the device shadows.
    Shadow(sekisho_shadow::Event),
    /// In what rules have to do.
    Actions(sekisho_actions::Event),
}

macro_rules! from_each {
    ($($core:ident: $event:ty),*) => {$(
        impl From<$event> for Event {
            fn from(event: $event) -> Self {
                Self::$core(event)
            }
        }
    )*};
}
from_each!(
    Registry: sekisho_registry::Event,
    Kms: sekisho_kms::Event,
    Objects: sekisho_objects::Event,
    Delivery: sekisho_delivery::Event,
    Catalog: sekisho_catalog::Event,
    Retained: sekisho_retained::Event,
    Sessions: sekisho_sessions::Event,
    Shadow: sekisho_shadow::Event,
    Actions: sekisho_actions::Event
);

impl Cores {
    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::Registry(event) => self.registry.apply(event),
            Event::Kms(event) => self.kms.apply(event),
            Event::Objects(event) => self.objects.apply(event),
            Event::Delivery(event) => self.delivery.apply(event),
            Event::Catalog(event) => self.catalog.apply(event),
            Event::Retained(event) => self.retained.apply(event),
            Event::Sessions(event) => self.sessions.apply(event),
            Event::Shadow(event) => self.shadows.apply(event),
            Event::Actions(event) => self.actions.apply(event),
        }
    }

    /// The shortest list of events that folds to this state.
    pub(crate) fn snapshot(&self) -> Vec<Event> {
        let registry = self.registry.snapshot().into_iter().map(Event::from);
        let kms = self.kms.snapshot().into_iter().map(Event::from);
        let objects = self.objects.snapshot().into_iter().map(Event::from);
        let delivery = self.delivery.snapshot().into_iter().map(Event::from);
        let catalog = self.catalog.snapshot().into_iter().map(Event::from);
        let retained = self.retained.snapshot().into_iter().map(Event::from);
        let sessions = self.sessions.snapshot().into_iter().map(Event::from);
        let shadows = self.shadows.snapshot().into_iter().map(Event::from);
        let actions = self.actions.snapshot().into_iter().map(Event::from);
        let told = kms.chain(registry).chain(objects).chain(delivery).chain(catalog);
        told.chain(retained).chain(sessions).chain(shadows).chain(actions).collect()
    }
}
