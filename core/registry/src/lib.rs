//! The account's IoT control plane: things, certificates, policies, who is attached to what, and topic rules.
//!
//! Receives commands, checks them against what is there, and answers with events; a fold of those events is the only state.
//! Hands on a `DeviceIdentity`, the policies and the thing of a certificate, and the enabled rules. Knows nothing of
//! connections, storage or HTTP.
mod error; // why a command is refused
mod event; // what can have happened
mod registry; // the fold: apply, snapshot

mod authority; // the CAs we sign with, the endpoint's prefix
mod certificate; // registered certificates
mod policy; // policies and their versions
mod rule; // topic rules
mod tag; // tags on resources
mod thing; // things and their attributes

mod attachment; // policies on certificates, certificates on things
mod gateway; // what a connection asks: who, which policies, which thing
mod links; // a many-to-many index, both ways

pub use attachment::{POLICIES_PER_PRINCIPAL_MAX, PolicyTarget, ThingPrincipalType};
pub use authority::CaRecord;
pub use certificate::{Certificate, CertificateMode};
pub use error::{RegistryError, Resource};
pub use event::Event;
pub use gateway::Affected;
pub use policy::{POLICY_VERSIONS_MAX, Policy, PolicyVersion};
pub use registry::Registry;
pub use rule::{TOPIC_RULES_MAX, TopicRule};
pub use tag::TAGS_PER_RESOURCE_MAX;
pub use thing::{THING_ATTRIBUTES_MAX, Thing, ThingFilter, ThingUpdate};

#[cfg(test)]
mod testing; // a registry driven by lines of text
