//! `DeleteConnection` over HTTPS: a device with the right to it ends another client's connection (iot-data model).
use http::{Request, StatusCode};
use hyper::body::Incoming;
use sekisho_policy::DeleteConnection;
use sekisho_types::ClientId;
use sekisho_workers::{DeleteConnectionError, Gateway, Peer};

use super::documents::{Query, decoded, permit};
use super::{Failure, invalid, unavailable};

pub(super) async fn delete(
    gateway: &Gateway,
    peer: &Peer,
    label: &str,
    request: Request<Incoming>,
) -> Result<(), Failure> {
    let query = Query(request.uri().query().unwrap_or_default().to_owned());
    let (clean_session, prevent_will_message) = (query.flag("cleanSession")?, query.flag("preventWillMessage")?);
    let client_id = ClientId::parse(&decoded(label)?).map_err(|error| invalid(&error.to_string()))?;
    let (permit, _) = permit(gateway, peer, DeleteConnection { client_id }, request).await?;
    gateway.delete_connection(&permit.action().client_id, clean_session, prevent_will_message)?;
    gateway.state().settle().await.map_err(|_| unavailable())
}

impl From<DeleteConnectionError> for Failure {
    fn from(error: DeleteConnectionError) -> Self {
        match error {
            DeleteConnectionError::NotFound(_) => {
                Self(StatusCode::NOT_FOUND, "ResourceNotFoundException", error.to_string())
            }
            DeleteConnectionError::Journal(_) => unavailable(),
        }
    }
}
