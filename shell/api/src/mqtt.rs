//! A request that goes on as MQTT over WebSocket, and who signed it (developer guide, "Device communication protocols": MQTT over WSS).
use http::{Response, request};
use sekisho_sigv4::{Claim, RequestParts, Rules, session_token};
use sekisho_types::Secret;
use sekisho_workers::Credential;

use crate::front::{Seen, authenticate, may_begin};
use crate::wire::wire;
use crate::{ApiError, App, Body, Peer, Service, auth, empty, full};

/// What log and record call it.
const OPERATION: &str = "Mqtt";

/// Who signed it, in the query or in the headers.
pub(crate) fn verified(
    app: &App,
    peer: Peer,
    parts: &RequestParts<'_>,
    seen: &mut Seen,
) -> Result<Credential, ApiError> {
    (seen.shape, seen.operation) = (Service::IotData, OPERATION);
    let claim = Claim::parse_upgrade(parts).map_err(|error| auth::refusal(Service::IotData, &error))?;
    seen.access_key_id = claim.access_key_id.chars().take(128).collect();
    if Service::by_signing_name(&claim.scope.service) != Some(Service::IotData) {
        let message = "Credential should be scoped to the service `iotdevicegateway`";
        return Err(ApiError::new(403, "ForbiddenException", message));
    }
    seen.service = Some(Service::IotData);
    may_begin(app, peer, Service::IotData)?;
    // Sessions of roles use the data planes, and this is one.
    let operator = authenticate(app, parts, &claim, Rules::WebSocket, Service::IotData)?;
    seen.verified = true;
    let token = session_token(parts).map(|token| Secret::new(token.into_bytes()));
    Ok(Credential::Operator { operator, token })
}

/// The opening handshake; then the connection is the device gateway's.
pub(crate) fn upgrade(
    app: &App,
    peer: Peer,
    credential: Credential,
    mut head: request::Parts,
    seen: &mut Seen,
) -> Result<Response<Body>, ApiError> {
    let sockets = app.sockets.as_ref().ok_or_else(|| ApiError::not_implemented(OPERATION))?;
    seen.resource = head.uri.path().to_owned();
    let domain_name = wire(&head).domain_name(app);
    let peer = sekisho_workers::Peer { address: peer.address, credential, domain_name, tls: peer.tls };
    Ok(match sockets.upgrade(peer, &mut head) {
        Ok(response) => response.map(|()| empty()),
        Err(refused) => refused.response().map(full),
    })
}
