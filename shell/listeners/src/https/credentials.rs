//! `GET /role-aliases/{alias}/credentials`: temporary credentials for a certificate (iot dev guide: authorizing-direct-aws).
use http::{Request, StatusCode};
use hyper::body::Incoming;
use sekisho_types::RoleAliasName;
use sekisho_workers::{Gateway, NoCredentials, Peer, TemporaryCredentials};
use serde_json::{Value, json};

use super::documents::decoded;
use super::{Failure, discard, unavailable};

/// The thing the device is, if it says so.
const THING_NAME: &str = "x-amzn-iot-thingname";

pub(super) async fn answer(
    gateway: &Gateway,
    peer: &Peer,
    label: &str,
    request: Request<Incoming>,
) -> Result<Value, Failure> {
    let thing_name = request.headers().get(THING_NAME).map(|value| value.to_str().unwrap_or_default().to_owned());
    let label = decoded(label)?;
    discard(gateway, request.into_body()).await?;
    // A name that can be none is one that is not there.
    let role_alias = RoleAliasName::parse(&label).map_err(|_| NoCredentials::RoleAlias)?;
    let permit = gateway.authorize_role(peer, role_alias, thing_name.as_deref())?;
    let credentials = gateway.assume_role(peer, &permit)?;
    gateway.state().settle().await.map_err(|_| unavailable())?; // the alias, which it tells of, may be new
    let TemporaryCredentials { access_key_id, secret_access_key, session_token, expiration, .. } = credentials;
    Ok(json!({ "credentials": {
        "accessKeyId": access_key_id,
        "secretAccessKey": String::from_utf8_lossy(secret_access_key.expose()),
        "sessionToken": session_token,
        "expiration": expiration.to_string(),
    } }))
}

/// What AWS answers, as people have seen it.
impl From<NoCredentials> for Failure {
    fn from(error: NoCredentials) -> Self {
        let (status, kind) = match error {
            NoCredentials::ThingName | NoCredentials::Denied => (StatusCode::FORBIDDEN, "AccessDeniedException"),
            NoCredentials::RoleAlias => (StatusCode::NOT_FOUND, "ResourceNotFoundException"),
        };
        Self(status, kind, error.to_string())
    }
}
