//! Where the stations meet: a published message through policy, broker and rules; delivery streams to objects.
//!
//! The cores do not know each other. What one decides is handed to the next here.
mod decisions; // why somebody was let in, or not
mod role_sessions; // temporary credentials
mod clients; // who is connected or has a session, for who looks after them
mod lifecycle; // what is told of connections, subscriptions and the registry
mod custom; // somebody a custom authorizer speaks for
mod peer; // who is at the other end, and what it came with
mod tls_details; // what a handshake agreed on
mod weight; // what one holds in memory, and all together
mod links; // mailboxes and signals of live connections
mod provisioning; // a device gets a certificate of its own
mod profile; // whose word counts
mod gateway; // connect, subscribe, and what changes reach whom
mod prelude; // what comes before a CONNECT is decided on
mod reserved; // topics of the server's own
mod rates; // how often, and how many
mod publish; // a message to its subscribers and rules
mod publish_request; // the same as HTTP brings it
mod sessions; // what outlives a connection, and what waits for it
mod wills; // what is published for those who went without goodbye
mod kept; // what MQTT5 says of a message that is kept
mod retained; // the last message of a topic, for those who come later
mod shadow; // requests for device shadows, and what they bring about
mod tidings; // messages of the server's own, in order and once they are durable
mod lists; // lists of the data plane, a page at a time
mod live_rules; // the enabled rules, compiled
mod rule_properties; // what MQTT5 says of a message, as rules ask for it
mod rule_actions; // what they do, at once or later
mod destinations; // HTTP endpoints that rules call
mod batches; // several messages in one request
mod functions; // what stands in the place of Lambda functions
mod services; // AWS services that rules call
mod lookups; // the same, and functions, asked by statements
mod signing; // requests signed with their credentials
mod clusters; // Kafka clusters that rules produce for
mod schemas; // descriptions of Protocol Buffers that rules decode by
mod key_deadlines; // what time alone does to KMS keys
mod delivery; // records into the journal, batches to objects

pub use clients::{
    ClientFilter, ClientInsight, Clients, ConnectionInsight, DeleteConnectionError, SessionInsight, SubscriptionInsight,
};
pub use custom::{AUTHORIZER_CALLS_MAX, Authorizers, Custom, NotVouched};
pub use decisions::{Decision, Decisions, Outcome};
pub use delivery::{
    Counts, DeliveryStreams, Flushed, Held, PartitionInsight, PutError, Recovered, StreamInsight, Tail, TailError,
    TailFrom, TailLine, TailRecord, Taken, Trouble, start_delivery,
};
pub use destinations::Destinations;
pub use functions::{FunctionTarget, Functions};
pub use gateway::{Connected, Gateway, Parts, Session};
pub use key_deadlines::{meet as meet_key_deadlines, run as run_key_deadlines};
pub use links::{Beginning, Link, Links, Signals};
pub use lists::{BadToken, named_shadows, retained_messages};
pub use peer::{Credential, DomainName, Peer};
pub use prelude::Prelude;
pub use profile::Profile;
pub use provisioning::{
    BulkRegistration, DEVICE_CA_KEY_AAD, ImportError, Imported, Issuing, IssuingError, REPORTS_BUCKET_PREFIX,
    RegisterThingError, Revocation, RsaKey, RsaKeys, parse_registration_template, register_thing, report_key,
    run_expiry,
};
pub use publish::{Speech, Spoken};
pub use publish_request::{Announced, BadPublish, PublishRequest};
pub use rates::Turn;
pub use reserved::only_the_server_publishes;
pub use role_sessions::{
    Caller, NoCredentials, TemporaryCredentials, assume_role_as_operator, authorize_data, signer_of_session,
};
pub use rule_actions::{ActionInsight, RuleInsight, RuleTrouble, Rules, WaitingInsight, run_rule_actions};
pub use sekisho_actions::Limits as RuleWorkLimits;
pub use sekisho_authorizer::SECONDS_MIN as AUTHORIZER_SECONDS_MIN;
pub use sekisho_broker::ConnectionId;
pub use sekisho_delivery::Origin;
pub use sekisho_gate::{Settings, SettingsError};
pub use sekisho_sessions::Limits as SessionLimits;
pub use services::{RemoteService, Services};
pub use sessions::{Batch, Stored};
pub use shadow::ShadowFailure;
pub use tidings::run_tidings;
pub use tls_details::TlsDetails;
pub use weight::Weight;
pub use wills::{KeptWill, WILL_SHARE_BYTES, WILLS_BYTES_MAX};
