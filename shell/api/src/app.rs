//! What every handler is given.
use std::collections::{BTreeSet, HashMap};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use sekisho_policy::{DeleteThingShadow, Permit, UpdateThingShadow};
use sekisho_sigv4::Operator;
use sekisho_state::State;
use sekisho_types::{BucketName, ClientId, Secret};
use sekisho_workers::{Announced, DomainName, Speech};
use serde_json::Value;

use crate::validate::Patterns;
use crate::{ApiError, UnverifiedBodies};

/// The parts of the system an API answers from.
pub struct App {
    /// The account's state.
    pub state: Arc<State>,
    /// Objects and their sealed bodies.
    pub objects: Arc<sekisho_blobs::ObjectStore>,
    /// Where published messages go.
    pub ingest: Arc<dyn Publish>,
    /// Who takes over connections that go on as MQTT over WebSocket.
    pub sockets: Option<sekisho_listeners::WebSockets>,
    /// Delivery streams, live.
    pub streams: Arc<sekisho_workers::DeliveryStreams>,
    /// Who signs devices' certificates.
    pub issuing: Arc<sekisho_workers::Issuing>,
    /// Who asks custom authorizers.
    pub authorizers: Arc<sekisho_workers::Authorizers>,
    /// AWS services that rules call.
    pub services: Arc<sekisho_workers::Services>,
    /// HTTP endpoints that rules call.
    pub destinations: Arc<sekisho_workers::Destinations>,
    /// Bulk registration tasks under way.
    pub bulk: Arc<sekisho_workers::BulkRegistration>,
    /// The account root's access keys and their secrets.
    pub credentials: HashMap<String, Secret>,
    /// What the operator configured.
    pub settings: Settings,
    /// Room for bodies whose signature is still to be checked.
    pub unverified: UnverifiedBodies,
    /// Regular expressions of the models, compiled when first needed.
    pub patterns: Patterns,
}

/// What the operator configured, as far as an API shows it.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Names this server is reached by; `DescribeEndpoint` answers the first one, S3 tells buckets in host names by all.
    pub hostnames: Vec<String>,
    /// Host and port of this API, for links that are handed out.
    pub api_authority: String,
    /// Whether plain HTTP is answered when it comes from another machine.
    pub plain_http_from_anywhere: bool,
    /// Limits of a message, the same as over MQTT.
    pub limits: sekisho_workers::Settings,
    /// Buckets that another S3 keeps. There is none of these names here.
    pub remote_buckets: BTreeSet<BucketName>,
}

impl Settings {
    /// The name devices and tools are told.
    pub fn hostname(&self) -> &str {
        self.hostnames.first().map_or("localhost", String::as_str)
    }
}

/// A future that borrows what it was asked of.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who takes published messages, changes of device shadows, which are told as messages, and ends of connections.
pub trait Publish: Send + Sync {
    /// Hands a message to the broker and the rules; returns once what QoS 1 promises is durable.
    fn publish<'a>(
        &'a self,
        speech: Speech,
        announced: Announced,
        payload: Bytes,
    ) -> BoxFuture<'a, Result<(), ApiError>>;

    /// The same of somebody a custom authorizer knows, if its policies allow it.
    fn publish_custom<'a>(
        &'a self,
        who: &'a sekisho_workers::Peer,
        announced: Announced,
        payload: Bytes,
    ) -> BoxFuture<'a, Result<(), ApiError>>;

    /// The server's name that a client has called, if it is one.
    fn domain_name(&self, called: &str) -> Option<DomainName>;

    /// No custom authorizer knows somebody: the reason is kept for the operator.
    fn turned_away(&self, who: &sekisho_workers::Peer, reason: String);

    /// Updates a shadow; the answer's document, to be given once the state has settled.
    fn update_shadow(&self, permit: &Permit<UpdateThingShadow>, payload: &[u8]) -> Result<Value, ApiError>;

    /// Deletes a shadow; the same.
    fn delete_shadow(&self, permit: &Permit<DeleteThingShadow>) -> Result<Value, ApiError>;

    /// Ends a client's connection, without its will if that is to be prevented, and its session if it is to begin anew.
    fn delete_connection(
        &self,
        operator: &Operator,
        client_id: ClientId,
        clean_session: bool,
        prevent_will_message: bool,
    ) -> Result<(), ApiError>;
}
