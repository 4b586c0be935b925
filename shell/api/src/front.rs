//! One request: which service, who signs, which operation, is the input right; then the handler; then the answer.
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use http::header::{CONNECTION, EXPECT, HOST, HeaderValue, ORIGIN};
use http::{Request, Response, request};
use sekisho_listeners::is_upgrade;
use sekisho_sigv4::{Claim, Operator, RequestParts, Rules, session_token, verify_as};
use sekisho_workers::Caller;
use serde_json::Value;

use crate::address::Address;
use crate::body::{Body, watched};
use crate::error::NOT_IMPLEMENTED;
use crate::record;
use crate::route::{self, Level};
use crate::table::Operation;
use crate::wire::wire;
use crate::{ApiError, App, Door, Peer, Protocol, S3Request, Service, auth, bind, render, validate};
use crate::{custom, firehose, glue, iot, iot_data, kms, mqtt, roles, s3, sts};

/// What log and record tell of a request, filled in as it becomes known.
pub(crate) struct Seen {
    /// Whose request it is, once that is known.
    pub service: Option<Service>,
    /// In whose shape a refusal is written.
    pub shape: Service,
    pub operation: &'static str,
    pub access_key_id: String,
    /// Whether the signature was right.
    pub verified: bool,
    /// Whether a custom authorizer has let them in, who do not sign.
    pub is_let_in: bool,
    /// What it is about.
    pub resource: String,
    /// KMS's encryption context.
    pub context: Option<Value>,
    pub request_id: String,
}

/// Answers a request. Never fails: what goes wrong is an answer too.
pub(crate) async fn answer(app: Arc<App>, peer: Peer, request: Request<Body>) -> Response<Body> {
    let started = Instant::now();
    let (mut head, body) = request.into_parts();
    let (body, read) = watched(body);
    let held_back = head.headers.contains_key(EXPECT);
    // HTTP/2 names the host in its pseudo-header; what was signed is called `host` all the same.
    if let (None, Some(authority)) = (head.headers.get(HOST), head.uri.authority())
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        head.headers.insert(HOST, host);
    }
    let is_head = head.method == http::Method::HEAD;
    let path = head.uri.path().to_owned();
    let seen = Seen {
        service: None,
        shape: Service::S3,
        operation: "-",
        access_key_id: String::new(),
        verified: false,
        is_let_in: false,
        resource: String::new(),
        context: None,
        request_id: new_id(),
    };
    let mut call = record::Call::begin(&app, peer, seen);
    let from_a_page = head.headers.contains_key(ORIGIN).then(|| (head.clone(), address(&app, &head)));
    let mut outcome = handle(&app, peer, head, body, &mut call.seen).await;
    let status = outcome.as_ref().map_or_else(|refusal| refusal.status, |response| response.status().as_u16());
    if let Err(unrecorded) = call.end(status, outcome.as_ref().err()).await {
        outcome = Err(unrecorded);
    }
    let seen = &call.seen;
    let refused = outcome.as_ref().err().map(ToString::to_string);
    let mut response =
        outcome.unwrap_or_else(|error| render::refusal(seen.shape, &error, &seen.request_id, &path, is_head));
    render::identify(&mut response, seen.shape, &seen.request_id);
    if let Some((head, Ok(address))) = from_a_page.filter(|_| seen.shape == Service::S3) {
        // Refusals too: else a page learns nothing of them.
        s3::cors::decorate(&app, &address, &head.method, &head.headers, response.headers_mut());
    }
    // The rest of the body may be under way, and who held it back may send it or not: only a new connection is certain to be in step.
    let may_be_out_of_step = !read.load(Ordering::Relaxed) || (held_back && response.status().is_client_error());
    // Whoever has not shown who they are makes room. The devices' port has nothing for them at all.
    let goes_on = response.status() == http::StatusCode::SWITCHING_PROTOCOLS; // CONNECT will say who it is
    let is_known = seen.verified || seen.is_let_in || goes_on;
    let is_stranger = !is_known && (refused.is_some() || peer.door == Door::Devices);
    if may_be_out_of_step || is_stranger {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    report(seen, response.status().as_u16(), started, refused.as_deref());
    response
}

fn report(seen: &Seen, status: u16, started: Instant, refused: Option<&str>) {
    let (service, operation, elapsed) = (seen.service.map_or("-", Service::name), seen.operation, started.elapsed());
    let labels = [("service", service.to_owned()), ("operation", operation.to_owned()), ("status", status.to_string())];
    metrics::counter!("sekisho_api_requests_total", &labels).increment(1);
    metrics::histogram!("sekisho_api_request_seconds", "service" => service, "operation" => operation)
        .record(elapsed.as_secs_f64());
    let (ms, request_id, access_key_id) = (elapsed.as_micros() as f64 / 1000.0, &seen.request_id, &seen.access_key_id);
    match refused {
        Some(reason) if status >= 500 && status != 501 => {
            tracing::error!(service, operation, status, ms, request_id, access_key_id, reason, "request failed");
        }
        Some(reason) => {
            tracing::info!(service, operation, status, ms, request_id, access_key_id, reason, "request refused");
        }
        None => tracing::debug!(service, operation, status, ms, request_id, access_key_id, "request answered"),
    }
}

/// A UUID, which names the request in its answer and in the log.
fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

async fn handle(
    app: &App,
    peer: Peer,
    head: request::Parts,
    body: Body,
    seen: &mut Seen,
) -> Result<Response<Body>, ApiError> {
    let headers: Vec<(&str, &[u8])> = head.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
    let parts = RequestParts {
        method: head.method.as_str(),
        raw_path: head.uri.path(),
        raw_query: head.uri.query().unwrap_or_default(),
        headers: &headers,
    };
    if is_upgrade(&head) {
        let who = match custom::is_upgrade(app, &head) {
            true => custom::credential(app, peer, &head, seen)?,
            false => mqtt::verified(app, peer, &parts, seen)?,
        };
        return mqtt::upgrade(app, peer, who, head, seen);
    }
    if custom::is_publish(app, &head) {
        return custom::publish(app, peer, &head, &parts, body, seen).await;
    }
    if let Some(token) = iot::confirmation(&head) {
        (seen.service, seen.shape, seen.operation) = (Some(Service::Iot), Service::Iot, "ConfirmTopicRuleDestination");
        may_begin(app, peer, Service::Iot)?;
        let output = iot::confirm(app, token).await?;
        seen.is_let_in = true;
        return Ok(render::json(Service::Iot, &output));
    }
    let target = head.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    if head.method == http::Method::OPTIONS {
        let address = address(app, &head)?;
        (seen.service, seen.operation) = (Some(Service::S3), "Preflight");
        return s3::cors::preflight(app, &address, &head.headers);
    }
    // A form of a browser's: its signature is among its fields.
    if target.is_none() && s3::post_object::is_form(&head) {
        return handle_form(app, peer, &head, body, seen).await;
    }
    let by_target = target.and_then(|target| Service::by_target_prefix(target.split('.').next().unwrap_or_default()));
    // Who names a target speaks JSON, even to a service nobody here knows.
    seen.shape = by_target.unwrap_or(if target.is_some() { Service::Kms } else { Service::S3 });
    let claim = Claim::parse(&parts).map_err(|error| auth::refusal(seen.shape, &error))?;
    seen.access_key_id = claim.access_key_id.chars().take(128).collect();
    let service = Service::by_signing_name(&claim.scope.service).ok_or_else(|| {
        let name: String = claim.scope.service.chars().take(64).collect();
        ApiError::new(501, NOT_IMPLEMENTED, format!("The service `{name}` is not offered by this server"))
    })?;
    (seen.service, seen.shape) = (Some(service), service);
    may_begin(app, peer, service)?;
    if service == Service::S3 {
        return handle_s3(app, peer, &head, &parts, &claim, body, seen).await;
    }

    // Whoever has no key here does not make us read a body.
    roles::check_known(app, &claim, session_token(&parts).as_deref())
        .map_err(|unknown| auth::refusal(service, &unknown))?;
    let (body, room) = app.unverified.read(service, &head.headers, body).await?;
    let verified = authenticate(app, &parts, &claim, Rules::Body(&body), service)?;
    drop(room);
    seen.verified = true;
    let (service, operation, input) = match service.protocol() {
        Protocol::RestJson => {
            let (service, route) = route_rest_json(&parts, service)?;
            (seen.service, seen.shape) = (Some(service), service);
            seen.operation = route.operation.name;
            seen.resource = parts.raw_path.to_owned();
            offered(route.operation)?;
            roles::may(&verified, service, route.operation.name)?;
            let from =
                bind::Parts { labels: &route.labels, raw_query: parts.raw_query, headers: &head.headers, body: &body };
            (service, route.operation, bind::rest_json(route.operation.input, &from)?)
        }
        Protocol::Json11 => {
            let operation = route_json11(service, parts.method, target)?;
            seen.operation = operation.name;
            offered(operation)?;
            roles::may(&verified, service, operation.name)?;
            if service == Service::Firehose
                && let Some(answered) = firehose::handle_plain(app, operation.name, &body, &mut seen.resource).await
            {
                let answer = answered?;
                app.state.settle().await.map_err(ApiError::internal)?;
                return Ok(render::json_text(service, answer));
            }
            let mut object = bind::json_object(&body)?;
            object.retain(|_, value| !value.is_null()); // a member that is null is a member that is not there
            (service, operation, Value::Object(object))
        }
        Protocol::Query => {
            let form = if parts.method == "POST" { String::from_utf8_lossy(&body) } else { parts.raw_query.into() };
            let form = bind::query_pairs(&form, true);
            let action = form.iter().find(|(name, _)| name == "Action").map_or("", |(_, value)| value);
            let operation = route::by_name(service, action).ok_or_else(|| {
                ApiError::new(400, "InvalidAction", format!("Could not find operation {}", action.escape_debug()))
            })?;
            seen.operation = operation.name;
            offered(operation)?;
            roles::may(&verified, service, operation.name)?;
            let text = sts::handle(app, &verified, operation.name, &form, &seen.request_id)?;
            return Ok(render::xml(text));
        }
        Protocol::RestXml => return Err(ApiError::internal("S3 is answered before bodies are read")),
    };
    if service.protocol() == Protocol::Json11 {
        seen.resource = record::resource(service, &input).unwrap_or_default().to_owned();
        seen.context = input.get("EncryptionContext").cloned();
    }
    validate::validate(service, operation.input, &input, &app.patterns)?;
    let output = match service {
        Service::Iot => iot::handle(app, operation.name, input).await?,
        Service::IotData => {
            let (wire, address) = (wire(&head), peer.address.ip());
            let caller = Caller { operator: &verified, address, domain_name: wire.called(app) };
            iot_data::handle(app, caller, operation.name, input, &seen.request_id).await?
        }
        Service::Firehose => firehose::handle(app, operation.name, input).await?,
        Service::Glue => glue::handle(app, operation.name, input).await?,
        Service::Kms => kms::handle(app, verified.session(), operation.name, input).await?,
        Service::IotJobsData | Service::Sts | Service::S3 => return Err(ApiError::not_implemented(operation.name)),
    };
    if let (Service::Kms, Some(key)) = (service, record::resource(service, &output)) {
        key.clone_into(&mut seen.resource);
    }
    app.state.settle().await.map_err(ApiError::internal)?;
    Ok(render::json(service, &output))
}

/// The bucket and the key a request to S3 is about.
fn address(app: &App, head: &request::Parts) -> Result<Address, ApiError> {
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    Address::parse(host, head.uri.path(), &app.settings.hostnames)
}

/// Refuses what there is no room to record, and secrets that would travel in the clear.
pub(crate) fn may_begin(app: &App, peer: Peer, service: Service) -> Result<(), ApiError> {
    record::check_room(app)?;
    let is_for_devices = matches!(service, Service::IotData | Service::IotJobsData);
    if peer.door == Door::Devices && !is_for_devices {
        return Err(auth::not_here(service));
    }
    match peer.is_private() || app.settings.plain_http_from_anywhere {
        true => Ok(()),
        false => Err(auth::in_the_clear(service)),
    }
}

async fn handle_form(
    app: &App,
    peer: Peer,
    head: &request::Parts,
    body: Body,
    seen: &mut Seen,
) -> Result<Response<Body>, ApiError> {
    (seen.service, seen.operation) = (Some(Service::S3), "PostObject");
    may_begin(app, peer, Service::S3)?;
    let address = address(app, head)?;
    let response = s3::post_object::run(app, peer, head, address, body, seen).await?;
    app.state.settle().await.map_err(ApiError::internal)?;
    Ok(response)
}

async fn handle_s3(
    app: &App,
    peer: Peer,
    head: &request::Parts,
    parts: &RequestParts<'_>,
    claim: &Claim,
    body: Body,
    seen: &mut Seen,
) -> Result<Response<Body>, ApiError> {
    let region = app.state.tenant().region.as_str();
    let signer_of = |id: &str, token: Option<&str>| roles::signer_of(app, id, token);
    let verified = verify_as(parts, claim, region, Rules::S3, app.state.now(), signer_of);
    let (operator, payload) = verified.map_err(|error| auth::refusal(Service::S3, &error))?.into_parts();
    seen.verified = true;
    let address = address(app, head)?;
    if let Some(bucket) = &address.bucket {
        let key = address.key.as_deref().map(|key| format!("/{key}")).unwrap_or_default();
        seen.resource = format!("arn:aws:s3:::{bucket}{key}");
    }
    let query = bind::query_pairs(parts.raw_query, true);
    let level = match (&address.bucket, &address.key) {
        (None, _) => Level::Service,
        (Some(_), None) => Level::Bucket,
        (Some(_), Some(_)) => Level::Object,
    };
    let operation =
        route::s3(parts.method, level, &query, |name| head.headers.contains_key(name)).ok_or_else(|| {
            ApiError::new(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
                .with("Method", parts.method)
        })?;
    seen.operation = operation.name;
    roles::may(&operator, Service::S3, operation.name)?;
    let mut request = S3Request::new(operation.name, operator, peer, payload, head.headers.clone(), body)?;
    (request.bucket, request.key, request.query) = (address.bucket, address.key, query);
    request.request_id.clone_from(&seen.request_id);
    let response = s3::handle(app, request).await?;
    app.state.settle().await.map_err(ApiError::internal)?;
    Ok(response)
}

pub(crate) fn authenticate(
    app: &App,
    parts: &RequestParts<'_>,
    claim: &Claim,
    rules: Rules<'_>,
    service: Service,
) -> Result<Operator, ApiError> {
    let region = app.state.tenant().region.as_str();
    let signer_of = |id: &str, token: Option<&str>| roles::signer_of(app, id, token);
    let verified = verify_as(parts, claim, region, rules, app.state.now(), signer_of);
    verified.map(|verified| verified.operator().clone()).map_err(|error| auth::refusal(service, &error))
}

/// The data plane is two services on one host; clients of either may sign for the other.
fn route_rest_json<'a>(parts: &RequestParts<'a>, signed: Service) -> Result<(Service, route::Route<'a>), ApiError> {
    let services: &[Service] = match signed {
        Service::IotData => &[Service::IotData, Service::IotJobsData],
        Service::IotJobsData => &[Service::IotJobsData, Service::IotData],
        _ => &[Service::Iot],
    };
    let mut routes = services.iter().map(|&service| (service, route::rest_json(service, parts.method, parts.raw_path)));
    let found = routes.find_map(|(service, route)| route.map(|route| (service, route)));
    found.ok_or_else(|| ApiError::new(404, "ResourceNotFoundException", "Not Found"))
}

fn route_json11(service: Service, method: &str, target: Option<&str>) -> Result<&'static Operation, ApiError> {
    let named = target.and_then(|target| target.split_once('.'));
    let named = named.filter(|(prefix, _)| method == "POST" && Service::by_target_prefix(prefix) == Some(service));
    let operation = named.and_then(|(_, name)| route::by_name(service, name));
    operation
        .ok_or_else(|| ApiError::new(400, "UnknownOperationException", "The operation is not known to the service"))
}

fn offered(operation: &Operation) -> Result<(), ApiError> {
    if operation.offered { Ok(()) } else { Err(ApiError::not_implemented(operation.name)) }
}

#[cfg(test)]
mod tests;
