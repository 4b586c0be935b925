//! A device gets a certificate of its own: signing, first connections, fleet provisioning, bulk registration.
//!
//! What is made of a template is the registry's decision; here are the key, the clock, the hook and the object it needs.
mod rsa_keys; // RSA keys made ahead
mod issuing; // certificates signed by the account's own CA
mod first_connection; // JITR and JITP
mod fleet; // the MQTT provisioning API
mod payload; // its payloads, JSON and CBOR
mod hook; // who is asked before a device is provisioned
mod register; // RegisterThing
mod bulk; // a device a line
mod revocation; // lists of CAs, and CAs given up
mod expiry; // claims and tokens that were not used

pub(crate) use first_connection::bound as first_connections_bound;
pub(crate) use fleet::{FleetTopic, bound as fleet_bound};

pub use bulk::{BulkRegistration, REPORTS_BUCKET_PREFIX, report_key};
pub use expiry::run as run_expiry;
pub use issuing::{DEVICE_CA_KEY_AAD, Issuing, IssuingError};
pub use register::{RegisterThingError, parse as parse_registration_template, register_thing};
pub use revocation::{ImportError, Imported, Revocation};
pub use rsa_keys::{RsaKey, RsaKeys};
