//! Where the stations meet: a published message through policy, broker and rules; delivery streams to objects.
//!
//! The cores do not know each other. What one decides is handed to the next here.
mod decisions; // why somebody was let in, or not
mod links; // mailboxes and signals of live connections
mod provisioning; // a device gets a certificate of its own
mod gateway; // connect, subscribe, and what changes reach whom
mod publish; // a message to its subscribers and rules
mod live_rules; // the enabled rules and their actions
mod streams; // records into the journal, batches cut
mod recovered; // what the journal holds for streams after a restart
mod flush; // a cut batch becomes an object

use std::sync::Arc;

use sekisho_blobs::ObjectStore;
use sekisho_state::State;

pub use decisions::{Decision, Decisions, Outcome};
pub use gateway::{Gateway, Parts, Peer, Session};
pub use links::{Link, Links, Signals};
pub use provisioning::{
    BulkRegistration, DEVICE_CA_KEY_AAD, First, HookTarget, Hooks, ImportError, Imported, Issuing, IssuingError,
    REPORTS_BUCKET_PREFIX, RegisterThingError, Revocation, RsaKey, RsaKeys, parse_registration_template,
    register_thing, report_key, run_expiry,
};
pub use recovered::Recovered;
pub use sekisho_delivery::Origin;
pub use streams::{DeliveryStreams, PutError};

/// Starts the delivery streams: their timer, and the tasks that turn batches into objects.
pub fn start_delivery(state: Arc<State>, objects: Arc<ObjectStore>, recovered: Recovered) -> Arc<DeliveryStreams> {
    let (streams, due) = DeliveryStreams::new(state, recovered);
    tokio::spawn(streams.clone().run_timer());
    tokio::spawn(flush::run(streams.clone(), objects, due));
    streams
}
