//! A whole API on a directory of its own, asked through the front with signed requests, at a time that stands still.
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use sekisho_blobs::ObjectStore;
use sekisho_journal::Durability;
use sekisho_kms::RootKey;
use sekisho_policy::{DeleteThingShadow, Permit, UpdateThingShadow};
use sekisho_sigv4::{Credentials, Operator, PayloadToSign, RequestParts, sign};
use sekisho_types::{AccountId, BucketName, ClientId, Region, Secret, SecretKey, Tenant, Timestamp};
use sekisho_workers::{
    Announced, Authorizers, BulkRegistration, Destinations, FunctionTarget, Functions, Issuing, Recovered, RsaKeys,
    Speech,
};
use serde_json::Value;

use crate::{ApiError, App, BoxFuture, Patterns, Peer, Publish, Settings, front, full};

/// 2013-05-24T00:00:00Z, the day of AWS's signature examples.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_369_353_600);
/// Where the tests live.
pub(crate) const REGION: &str = "eu-north-1";

/// A client on this machine, over plain HTTP.
pub(crate) const HERE: Peer = Peer::new(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 40_000), false);

/// A running API.
pub(crate) struct World {
    pub(crate) app: Arc<App>,
    pub(crate) published: Arc<Published>,
    _directory: tempfile::TempDir,
}

/// What the API published.
#[derive(Default)]
pub(crate) struct Published(pub(crate) Mutex<Vec<(Announced, Bytes)>>);

impl Publish for Published {
    fn publish<'a>(&'a self, _: Speech, announced: Announced, payload: Bytes) -> BoxFuture<'a, Result<(), ApiError>> {
        self.0.lock().unwrap().push((announced, payload));
        Box::pin(async { Ok(()) })
    }

    fn publish_custom<'a>(
        &'a self,
        _: &'a sekisho_workers::Peer,
        announced: Announced,
        payload: Bytes,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        self.0.lock().unwrap().push((announced, payload));
        Box::pin(async { Ok(()) })
    }

    fn domain_name(&self, _: &str) -> Option<sekisho_workers::DomainName> {
        None
    }

    fn turned_away(&self, _: &sekisho_workers::Peer, _: String) {}

    fn update_shadow(&self, _: &Permit<UpdateThingShadow>, _: &[u8]) -> Result<Value, ApiError> {
        Err(ApiError::not_implemented("UpdateThingShadow"))
    }

    fn delete_shadow(&self, _: &Permit<DeleteThingShadow>) -> Result<Value, ApiError> {
        Err(ApiError::not_implemented("DeleteThingShadow"))
    }

    fn delete_connection(&self, _: &Operator, _: ClientId, _: bool, _: bool) -> Result<(), ApiError> {
        Err(ApiError::not_implemented("DeleteConnection"))
    }
}

/// An answer: status, headers by name, body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-")
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// `200 {"a":1}`, what differs from run to run taken out.
    pub(crate) fn line(&self) -> String {
        let id = self.header("x-amz-request-id");
        let id = if id == "-" { self.header("x-amzn-requestid") } else { id };
        format!("{} {}", self.status, self.text().replace(id, "ID").replace('\n', "")).trim_end().to_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(RsaKeys::none())
    }

    pub(crate) fn with(rsa_keys: RsaKeys) -> Self {
        Self::with_functions(rsa_keys, HashMap::new())
    }

    pub(crate) fn with_functions(rsa_keys: RsaKeys, functions: HashMap<String, FunctionTarget>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let tenant =
            Tenant { account: AccountId::parse("000000000000").unwrap(), region: Region::parse(REGION).unwrap() };
        let root_key = RootKey::new(SecretKey::new([7; 32]));
        let journal = directory.path().join("journal");
        let clock: sekisho_state::Clock = Arc::new(|| NOW);
        let opened =
            sekisho_state::open(&journal, tenant, root_key, Durability::Relaxed, clock, &mut |_, _| {}).unwrap();
        let state = Arc::new(opened.state);
        let objects = Arc::new(ObjectStore::open(&directory.path().join("objects"), state.clone()).unwrap());
        let streams = sekisho_workers::start_delivery(
            state.clone(),
            objects.clone(),
            Arc::default(),
            Arc::default(),
            Recovered::default(),
        );
        let observed = streams.clone();
        state.observe(vec![Box::new(move |events, cores| observed.follow(events, cores))]);
        let published = Arc::new(Published::default());
        let issuing = Arc::new(Issuing::new(state.clone(), rsa_keys));
        let functions = Arc::new(Functions::new(functions));
        let authorizers = Arc::new(Authorizers::new(state.clone(), functions, 300));
        let bulk = BulkRegistration::new(state.clone(), objects.clone(), issuing.clone());
        let destinations = Arc::new(Destinations::new(state.clone(), "127.0.0.1:4566".to_owned(), Arc::default()));
        let app = App {
            state,
            objects,
            ingest: published.clone(),
            sockets: None,
            streams,
            issuing,
            authorizers,
            services: Arc::default(),
            destinations,
            bulk,
            credentials: HashMap::from([(credentials().access_key_id, credentials().secret_access_key)]),
            settings: Settings {
                hostnames: vec!["iot.plant.example".to_owned()],
                api_authority: "127.0.0.1:4566".to_owned(),
                plain_http_from_anywhere: false,
                limits: sekisho_workers::Settings::default(),
                remote_buckets: [BucketName::parse("elsewhere").unwrap()].into(),
            },
            unverified: crate::UnverifiedBodies::default(),
            patterns: Patterns::default(),
        };
        Self { app: Arc::new(app), published, _directory: directory }
    }

    /// Changes what the operator configured.
    pub(crate) fn settings(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut Arc::get_mut(&mut self.app).expect("nobody else asks").settings);
    }

    /// Sends a signed request, as `service`.
    pub(crate) async fn send(
        &self,
        service: &str,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.answer(self.signed(service, REGION, &credentials(), method, uri, headers, body)).await
    }

    /// A request signed for that region by whoever has those credentials.
    #[expect(clippy::too_many_arguments, reason = "a request has this many parts")]
    pub(crate) fn signed(
        &self,
        service: &str,
        region: &str,
        credentials: &Credentials,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Request<crate::Body> {
        let (raw_path, raw_query) = uri.split_once('?').unwrap_or((uri, ""));
        let mut all: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        all.push(("host", b"localhost:4566"));
        let parts = RequestParts { method, raw_path, raw_query, headers: &all };
        let added = sign(&parts, credentials, region, service, NOW, PayloadToSign::Body(body));
        let mut request = Request::builder().method(method).uri(uri).header("host", "localhost:4566");
        request = request.header("content-length", body.len());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        for (name, value) in &added {
            request = request.header(*name, value);
        }
        request.body(full(body.to_vec())).unwrap()
    }

    /// Sends a JSON 1.1 request: `call("kms", "TrentService.CreateKey", "{}")`.
    pub(crate) async fn call(&self, service: &str, target: &str, body: &str) -> Answer {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        self.send(service, "POST", "/", &headers, body.as_bytes()).await
    }

    /// Sends a request as it is.
    pub(crate) async fn answer(&self, request: Request<crate::Body>) -> Answer {
        self.answer_from(HERE, request).await
    }

    /// As [`World::answer`], from somebody else.
    pub(crate) async fn answer_from(&self, peer: Peer, request: Request<crate::Body>) -> Answer {
        let (head, body) = front::answer(self.app.clone(), peer, request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }
}

/// The account's root.
pub(crate) fn credentials() -> Credentials {
    Credentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_access_key: Secret::new(b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_vec()),
        session_token: None,
    }
}
