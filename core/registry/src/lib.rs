//! The account's IoT control plane: things, certificates, policies, who is attached to what, and topic rules.
//!
//! Receives commands, checks them against what is there, and answers with events; a fold of those events is the only state.
//! Hands on a `DeviceIdentity`, the policies and the thing of a certificate, and the enabled rules. Knows nothing of
//! connections, storage or HTTP.
mod error; // why a command is refused
mod event; // what can have happened
mod registry; // the fold: apply, snapshot

mod authority; // the CAs we sign with, the endpoint's prefix
mod ca_certificate; // customers' CAs, and whom they vouch for
mod revocation; // what CAs have revoked
mod certificate; // registered certificates
mod transfer; // certificates on their way to another account
mod policy; // policies and their versions
mod rule; // topic rules
mod tag; // tags on resources
mod thing; // things and their attributes

mod billing_group; // billing groups, one a thing
mod reference; // names given as they are or inside an ARN
mod search; // the query language over things
mod thing_group; // thing groups, their hierarchy
mod thing_group_member; // things in thing groups
mod thing_type; // thing types
mod provisioning_template; // templates and their versions
mod provision; // a template's plan becomes events
mod jit; // first connections: JITR and JITP
mod claim; // fleet provisioning: claims and ownership tokens
mod registration_task; // bulk registration
mod role_alias; // what devices call the roles they want credentials of
mod authorizer; // functions that say who somebody is
mod destination; // HTTP endpoints and private networks that rules may call
mod event_configuration; // which changes are told
mod told; // what is told of them

mod attachment; // policies on certificates, certificates on things
mod effective; // which policies speak for whom, and what they may know
mod gateway; // what a connection asks: who, which thing; whom a change concerns
mod links; // a many-to-many index, both ways

pub use attachment::{POLICIES_PER_PRINCIPAL_MAX, POLICIES_PER_THING_GROUP_MAX, PolicyTarget, ThingPrincipalType};
pub use authority::CaRecord;
pub use authorizer::{AUTHORIZERS_MAX, Authorizer, AuthorizerSettings, AuthorizerStatus, TOKEN_KEYS_MAX};
pub use ca_certificate::{
    CAS_PER_SUBJECT_MAX, CaCandidates, CaCertificate, CaChoice, CaRegistration, CaUpdate, RegistrationConfig,
    VouchError, Vouched,
};
pub use certificate::{Certificate, CertificateMode};
pub use claim::{CLAIM_SECONDS, OWNERSHIP_TOKEN_SECONDS, OWNERSHIP_TOKENS_MAX, Ownership, ProvisioningClaim};
pub use destination::{DESTINATIONS_MAX, Destination, DestinationStatus, Endpoint, Place, Vpc};
pub use error::{RegistryError, Resource};
pub use event::Event;
pub use event_configuration::{EventConfigurations, EventType};
pub use gateway::Affected;
pub use jit::{FirstConnection, FirstConnectionError};
pub use policy::{POLICY_VERSIONS_MAX, Policy, PolicyVersion};
pub use provision::{ProvisionFailure, Provisioned};
pub use provisioning_template::{
    NewTemplate, ProvisioningHook, ProvisioningTemplate, ProvisioningTemplateVersion, TEMPLATE_VERSIONS_MAX,
    TemplateUpdate,
};
pub use registration_task::{LineOutcome, LineResult, RegistrationTask, ReportParts, TASKS_RUNNING_MAX, TaskStatus};
pub use registry::Registry;
pub use role_alias::{CREDENTIAL_DURATION_S, ROLE_ALIASES_MAX, RoleAlias};
pub use rule::{TOPIC_RULES_MAX, TopicRule};
pub use tag::TAGS_PER_RESOURCE_MAX;
pub use thing::{THING_ATTRIBUTES_MAX, THING_ATTRIBUTES_WITH_TYPE_MAX, Thing, ThingFilter, ThingUpdate};
pub use told::RegistryEvent;

pub use billing_group::BillingGroup;
pub use revocation::{REVOCATION_LISTS_MAX, RevocationListId, RevocationSweep};
pub use search::{QUERY_TERMS_MAX, Query};
pub use thing_group::{
    THING_GROUP_ATTRIBUTES_MAX, THING_GROUP_CHILDREN_MAX, THING_GROUP_DEPTH_MAX, ThingGroup, ThingGroupFilter,
    ThingGroupUpdate,
};
pub use thing_group_member::THING_GROUPS_PER_THING_MAX;
pub use thing_type::{DELETE_AFTER_DEPRECATION, SEARCHABLE_ATTRIBUTES_MAX, ThingType, ThingTypeUpdate};
pub use transfer::Transfer;

#[cfg(test)]
mod testing; // a registry driven by lines of text
#[cfg(test)]
mod tests; // customers' CAs, templates, fleets
