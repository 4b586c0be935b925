//! Requests that are not signed, for which a custom authorizer speaks: publish, and the one that opens a WebSocket (iot dev guide:
//! "Connecting to AWS IoT Core by using custom authentication"). All others are signed.
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use aws_lc_rs::digest::{Context, SHA256};
use http::header::{AUTHORIZATION, CONTENT_LENGTH};
use http::{Method, Response, request};
use sekisho_authorizer::{Brought, HttpPart, NAME, SIGNATURE};
use sekisho_sigv4::RequestParts;
use sekisho_workers::{Credential, Custom, DomainName};

use crate::front::{Seen, may_begin};
use crate::wire::{Remembered, Wire, wire};
use crate::{ApiError, App, Body, Peer, Service, bind, iot_data, render, route, validate};

/// Where messages are published.
const TOPICS: &str = "/topics/";

/// Whether a custom authorizer is to speak for who sent this: it is not signed, and it names one, or one is asked where none is named.
pub(crate) fn is_publish(app: &App, head: &request::Parts) -> bool {
    let is_publish = head.method == Method::POST && head.uri.path().starts_with(TOPICS);
    is_publish && !is_signed(head) && (names_one(head) || app.authorizers.has_default())
}

/// The same of a request that opens a WebSocket; which authorizer speaks is said in CONNECT, perhaps.
pub(crate) fn is_upgrade(app: &App, head: &request::Parts) -> bool {
    !is_signed(head) && app.authorizers.are_there()
}

/// What such a WebSocket is opened by.
pub(crate) fn credential(
    app: &App,
    peer: Peer,
    head: &request::Parts,
    seen: &mut Seen,
) -> Result<Credential, ApiError> {
    (seen.service, seen.shape, seen.operation) = (Some(Service::IotData), Service::IotData, "Mqtt");
    may_begin(app, peer, Service::IotData)?;
    let custom = custom(&wire(head), head);
    custom.check().map_err(|error| ApiError::new(400, "InvalidRequestException", error.to_string()))?;
    Ok(Credential::Custom(Arc::new(custom)))
}

pub(crate) fn is_signed(head: &request::Parts) -> bool {
    let by_header = head.headers.get(AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"AWS4-"));
    by_header
        || head
            .uri
            .query()
            .is_some_and(|query| query.contains("X-Amz-Signature=") || query.contains("X-Amz-Credential="))
}

fn names_one(head: &request::Parts) -> bool {
    let query = HttpPart { query: head.uri.query().map(str::to_owned), ..HttpPart::default() };
    let query = Brought { http: Some(query), ..Brought::default() };
    // What stands there twice is named too, and refused for that.
    [NAME, SIGNATURE].into_iter().any(|key| head.headers.contains_key(key) || query.value(key) != Ok(None))
}

fn custom(wire: &Wire, head: &request::Parts) -> Custom {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let query = head.uri.query().map(str::to_owned);
    Custom::new(wire.server_name.clone(), Some(HttpPart { headers, query }))
}

/// A message from somebody a custom authorizer knows, on the same road as a device's.
pub(crate) async fn publish(
    app: &App,
    peer: Peer,
    head: &request::Parts,
    parts: &RequestParts<'_>,
    body: Body,
    seen: &mut Seen,
) -> Result<Response<Body>, ApiError> {
    (seen.service, seen.shape, seen.operation) = (Some(Service::IotData), Service::IotData, "Publish");
    parts.raw_path.clone_into(&mut seen.resource);
    may_begin(app, peer, Service::IotData)?;
    let route = route::rest_json(Service::IotData, parts.method, parts.raw_path);
    let route = route.ok_or_else(|| ApiError::new(404, "ResourceNotFoundException", "Not Found"))?;
    let who = known(app, peer, head).await?;
    seen.is_let_in = true;
    let (body, room) = app.unverified.read(Service::IotData, &head.headers, body).await?;
    drop(room);
    let from = bind::Parts { labels: &route.labels, raw_query: parts.raw_query, headers: &head.headers, body: &body };
    let input = bind::rest_json(route.operation.input, &from)?;
    validate::validate(Service::IotData, route.operation.input, &input, &app.patterns)?;
    let output = iot_data::publish_custom(app, &who, input, &seen.request_id).await?;
    Ok(render::json(Service::IotData, &output))
}

/// Who it is: asked now, or remembered of the same connection if the authorizer's answers may be (`enableCachingForHttp`).
async fn known(app: &App, peer: Peer, head: &request::Parts) -> Result<sekisho_workers::Peer, ApiError> {
    let wire = wire(head);
    let domain_name = wire.domain_name(app);
    let (brought, now) = (digest(head), Instant::now());
    let remembered = || wire.remembered.lock().unwrap_or_else(PoisonError::into_inner);
    let is_good = |known: &&Remembered| {
        known.brought == brought && now < known.until && app.authorizers.caches_for_http(&known.custom)
    };
    if let Some(known) = remembered().as_ref().filter(is_good) {
        return Ok(who(peer, domain_name, known.custom.clone()));
    }
    let custom = Arc::new(custom(&wire, head));
    let who = who(peer, domain_name, custom.clone());
    if let Err(error) = app.authorizers.vouch_for_request(&custom).await {
        app.ingest.turned_away(&who, error.to_string());
        return Err(forbidden());
    }
    // Other requests on the same connection may have asked meanwhile: either answer is good.
    *remembered() = app.authorizers.good_for(&custom).map(|left| Remembered { brought, custom, until: now + left });
    Ok(who)
}

fn who(peer: Peer, domain_name: Option<DomainName>, custom: Arc<Custom>) -> sekisho_workers::Peer {
    let (address, tls) = (peer.address, peer.tls);
    sekisho_workers::Peer { address, credential: Credential::Custom(custom), domain_name, tls }
}

/// What is shown to an authorizer, but for the body's length: any header may be the one that holds the token.
fn digest(head: &request::Parts) -> [u8; 32] {
    let mut digest = Context::new(&SHA256);
    let mut add = |bytes: &[u8]| {
        digest.update(&(bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    };
    for (name, value) in &head.headers {
        if name != CONTENT_LENGTH {
            add(name.as_str().as_bytes());
            add(value.as_bytes());
        }
    }
    add(head.uri.query().unwrap_or_default().as_bytes());
    digest.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

pub(crate) fn forbidden() -> ApiError {
    ApiError::new(403, "ForbiddenException", "Forbidden")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;

    use http::Request;
    use sekisho_workers::{FunctionTarget, RsaKeys};
    use serde_json::json;

    use super::*;
    use crate::testing::World;

    fn head(uri: &str, headers: &[(&str, &str)]) -> request::Parts {
        let mut request = Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    const FUNCTION: &str = "arn:aws:lambda:eu-north-1:000000000000:function:who";

    /// What the function answers from now on.
    fn answers(file: &Path, is_authenticated: bool, policy_documents: serde_json::Value) {
        let answer = json!({
            "isAuthenticated": is_authenticated, "principalId": "p", "policyDocuments": policy_documents,
            "disconnectAfterInSeconds": 600, "refreshAfterInSeconds": 300,
        });
        std::fs::write(file, answer.to_string()).unwrap();
    }

    async fn iot(world: &World, method: &str, uri: &str, body: serde_json::Value) -> String {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = world.send("iot", method, uri, &[("content-type", "application/json")], body.as_bytes()).await;
        format!("{} {}", answer.status, answer.text())
    }

    async fn publish(world: &World, wire: &Arc<Wire>, uri: &str, token: &str) -> u16 {
        let mut request = Request::post(uri).header("host", "localhost:4566").header("token", token);
        request.extensions_mut().unwrap().insert(wire.clone());
        world.answer(request.body(crate::full("hello")).unwrap()).await.status
    }

    #[tokio::test]
    async fn a_function_speaks_for_who_publishes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("answer.json");
        let cat = FunctionTarget::parse(&format!("command:cat {}", file.display())).unwrap();
        let world = World::with_functions(RsaKeys::none(), HashMap::from([(FUNCTION.to_owned(), cat)]));
        let (one, other) = (Arc::<Wire>::default(), Arc::<Wire>::default());
        const NAMED: &str = "/topics/a?qos=1&x-amz-customauthorizer-name=a";
        let all = json!([{ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } }]);
        answers(&file, true, all.clone());

        // There is none; it is not active; it is, but it is not the default; it is.
        assert_eq!(publish(&world, &one, NAMED, "x").await, 403);
        let made =
            iot(&world, "POST", "/authorizer/a", json!({ "authorizerFunctionArn": FUNCTION, "signingDisabled": true }));
        assert!(made.await.starts_with("200 "));
        assert_eq!(publish(&world, &one, NAMED, "x").await, 403);
        iot(&world, "PUT", "/authorizer/a", json!({ "status": "ACTIVE" })).await;
        assert_eq!(publish(&world, &one, NAMED, "x").await, 200);
        assert_eq!(publish(&world, &one, "/topics/a", "x").await, 403);
        iot(&world, "POST", "/default-authorizer", json!({ "authorizerName": "a" })).await;
        assert_eq!(publish(&world, &one, "/topics/a", "x").await, 200);
        assert_eq!(world.published.0.lock().unwrap().len(), 2);

        // What it answers is what holds, and not what it has answered.
        answers(&file, false, json!([]));
        assert_eq!(publish(&world, &one, NAMED, "x").await, 403);
        assert_eq!(iot(&world, "POST", "/authorizer/a/test", json!({})).await, r#"200 {"isAuthenticated":false}"#);
        answers(&file, true, json!(["{}"]));
        assert_eq!(publish(&world, &one, NAMED, "x").await, 403);
        let told = iot(&world, "POST", "/authorizer/a/test", json!({})).await;
        assert!(told.starts_with("400 ") && told.contains("policyDocuments-1: Statement: missing"), "{told}");

        // Unless it may be remembered: on one connection, of who brings the same.
        iot(&world, "PUT", "/authorizer/a", json!({ "enableCachingForHttp": true })).await;
        answers(&file, true, all);
        assert_eq!(publish(&world, &one, NAMED, "x").await, 200);
        answers(&file, false, json!([]));
        assert_eq!(publish(&world, &one, "/topics/b?qos=1&x-amz-customauthorizer-name=a", "x").await, 200);
        assert_eq!(publish(&world, &one, NAMED, "y").await, 403, "another token");
        assert_eq!(publish(&world, &one, NAMED, "x").await, 200, "what was remembered stays");
        assert_eq!(publish(&world, &other, NAMED, "x").await, 403, "another connection");
        iot(&world, "PUT", "/authorizer/a", json!({ "enableCachingForHttp": false })).await;
        assert_eq!(publish(&world, &one, NAMED, "x").await, 403, "not any more");
        // Nothing else is done without a signature.
        let request = Request::get("/things/t/shadow?x-amz-customauthorizer-name=a").header("host", "localhost:4566");
        assert_eq!(world.answer(request.body(crate::empty()).unwrap()).await.status, 403);
    }

    type Row = (&'static str, &'static [(&'static str, &'static str)], bool, bool);

    #[test]
    fn an_authorizer_is_named_or_not() {
        #[rustfmt::skip] // uri                                                 headers                                          named, signed
        let table: &[Row] = &[
            ("/topics/a",                                                       &[],                                             false, false),
            ("/topics/a?qos=1&x-amz-customauthorizer-name=a",                   &[],                                             true,  false),
            ("/topics/a?x-amz-customauthorizer-signature=a",                    &[],                                             true,  false),
            ("/topics/a?y=x-amz-customauthorizer-name",                         &[],                                             false, false),
            ("/topics/a",                                                       &[("X-Amz-CustomAuthorizer-Name", "a")],         true,  false),
            ("/topics/a",                                                       &[("authorization", "Bearer abc")],              false, false),
            ("/topics/a",                                                       &[("authorization", "AWS4-HMAC-SHA256 Cred")],   false, true),
            ("/topics/a?X-Amz-Algorithm=A&X-Amz-Credential=B",                  &[],                                             false, true),
        ];
        for (uri, headers, named, signed) in table {
            let head = head(uri, headers);
            assert_eq!((names_one(&head), is_signed(&head)), (*named, *signed), "{uri} {headers:?}");
        }
    }

    #[test]
    fn what_is_shown_is_told_apart_and_the_body_is_not() {
        let digest = |uri: &str, headers: &[(&str, &str)]| digest(&head(uri, headers));
        let known = digest("/topics/a?x=1", &[("token", "a"), ("content-length", "5")]);
        assert_eq!(known, digest("/topics/b?x=1", &[("token", "a"), ("content-length", "7")]));
        assert_ne!(known, digest("/topics/a?x=1", &[("token", "b"), ("content-length", "5")]));
        let said = [("token", "a"), ("content-length", "5"), ("x-amz-mqtt5-correlation-data", "YQ==")];
        assert_ne!(known, digest("/topics/a?x=1", &said), "it may be the token");
        assert_ne!(known, digest("/topics/a?x=2", &[("token", "a"), ("content-length", "5")]));
        assert_ne!(digest("/", &[("a", "bc")]), digest("/", &[("ab", "c")]));
    }
}
