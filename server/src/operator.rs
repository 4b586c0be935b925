//! What callers publish through the API goes the same way as a device's message, and so do changes of shadows; and the ends of
//! connections.
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sekisho_api::{ApiError, BoxFuture, Publish};
use sekisho_gate::Refusal;
use sekisho_policy::{DeleteThingShadow, Permit, UpdateThingShadow};
use sekisho_sigv4::Operator;
use sekisho_types::ClientId;
use sekisho_workers::{Announced, DeleteConnectionError, DomainName, Gateway, Peer, Speech};
use serde_json::Value;

/// Joins the API to the gateway.
pub struct Operators {
    /// Where messages go.
    pub gateway: Arc<Gateway>,
}

impl Publish for Operators {
    fn publish<'a>(
        &'a self,
        speech: Speech,
        announced: Announced,
        payload: Bytes,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            let published = self.gateway.publish_spoken(Instant::now(), &speech, announced.with(&payload));
            let owed = published.map_err(ApiError::unavailable)?;
            self.gateway.state().journal().wait_durable(owed).await.map_err(ApiError::internal)
        })
    }

    fn publish_custom<'a>(
        &'a self,
        who: &'a Peer,
        announced: Announced,
        payload: Bytes,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            let published = self.gateway.publish_https(Instant::now(), who, announced.with(&payload));
            let owed = published.map_err(|refusal| match refusal {
                Refusal::NotAuthorized => ApiError::new(403, "ForbiddenException", "Forbidden"),
                other => ApiError::unavailable(other),
            })?;
            self.gateway.state().journal().wait_durable(owed).await.map_err(ApiError::internal)
        })
    }

    fn domain_name(&self, called: &str) -> Option<DomainName> {
        self.gateway.domain_name(called)
    }

    fn turned_away(&self, who: &Peer, reason: String) {
        self.gateway.refuse(who, None, "authorizer", reason);
    }

    fn update_shadow(&self, permit: &Permit<UpdateThingShadow>, payload: &[u8]) -> Result<Value, ApiError> {
        Ok(self.gateway.update_shadow(permit, payload)?)
    }

    fn delete_shadow(&self, permit: &Permit<DeleteThingShadow>) -> Result<Value, ApiError> {
        Ok(self.gateway.delete_shadow(permit)?)
    }

    fn delete_connection(
        &self,
        _: &Operator,
        client_id: ClientId,
        clean_session: bool,
        prevent_will_message: bool,
    ) -> Result<(), ApiError> {
        let deleted = self.gateway.delete_connection(&client_id, clean_session, prevent_will_message);
        deleted.map_err(|error| match error {
            DeleteConnectionError::NotFound(_) => ApiError::new(404, "ResourceNotFoundException", error.to_string()),
            DeleteConnectionError::Journal(error) => ApiError::unavailable(error),
        })
    }
}
