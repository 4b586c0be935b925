//! Device shadows and retained messages over HTTPS: what a device reads, and the shadows it changes.
use http::{Request, StatusCode};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use sekisho_policy::{
    Action, DeleteThingShadow, GetRetainedMessage, GetThingShadow, ListNamedShadowsForThing, ListRetainedMessages,
    Permit, UpdateThingShadow,
};
use sekisho_types::{ShadowId, ShadowName, ThingName, TopicName};
use sekisho_workers::{BadToken, Gateway, Peer, ShadowFailure, named_shadows, retained_messages};
use serde_json::Value;

use super::route::Document;
use super::{Failure, collect, discard, forbidden, invalid, unavailable};

/// Names on a page of shadows, at most and if nobody says (iot-data model: PageSize).
const SHADOWS_PAGE: usize = 100;
/// Messages on a page, the same (iot-data model: MaxResults).
const MESSAGES_PAGE: usize = 200;

/// Answers with a document, once what it says is durable.
pub(super) async fn answer(
    gateway: &Gateway,
    peer: &Peer,
    asked: Document,
    label: &str,
    request: Request<Incoming>,
) -> Result<Value, Failure> {
    let query = Query(request.uri().query().unwrap_or_default().to_owned());
    let label = decoded(label)?;
    let document = match asked {
        Document::GetThingShadow => {
            let permit = permit(gateway, peer, GetThingShadow { shadow: shadow(&label, &query)? }, request).await?.0;
            gateway.get_shadow(&permit)?
        }
        Document::UpdateThingShadow => {
            let action = UpdateThingShadow { shadow: shadow(&label, &query)? };
            let (permit, request) = permit(gateway, peer, action, request).await?;
            let payload = collect(gateway, request.into_body()).await?;
            // Asked again: the body may have been held back until nothing is allowed any more.
            let permit = gateway.authorize_request(peer, permit.action().clone()).map_err(|_| forbidden())?;
            gateway.update_shadow(&permit, &payload)?
        }
        Document::DeleteThingShadow => {
            let permit = permit(gateway, peer, DeleteThingShadow { shadow: shadow(&label, &query)? }, request).await?.0;
            gateway.delete_shadow(&permit)?
        }
        Document::ListNamedShadowsForThing => {
            let (token, size) = (query.get("nextToken")?, query.size("pageSize", SHADOWS_PAGE)?);
            let permit = permit(gateway, peer, ListNamedShadowsForThing { thing: thing(&label)? }, request).await?.0;
            let state = gateway.state();
            named_shadows(&state.read(), &permit.action().thing, token.as_deref(), size, state.now())?
        }
        Document::GetRetainedMessage => {
            let topic = TopicName::parse(&label).map_err(|error| invalid(&error.to_string()))?;
            let permit = permit(gateway, peer, GetRetainedMessage { topic }, request).await?.0;
            let (state, topic) = (gateway.state(), permit.action().topic.as_str());
            let cores = state.read();
            let message = cores.retained.get(topic, state.now()).map(|message| message.document(topic));
            message.ok_or_else(|| {
                let message = format!("No retained message exists for topic: {topic}");
                Failure(StatusCode::NOT_FOUND, "ResourceNotFoundException", message)
            })?
        }
        Document::ListRetainedMessages => {
            let (token, size) = (query.get("nextToken")?, query.size("maxResults", MESSAGES_PAGE)?);
            permit(gateway, peer, ListRetainedMessages, request).await?;
            let state = gateway.state();
            retained_messages(&state.read(), token.as_deref(), size, state.now())?
        }
    };
    gateway.state().settle().await.map_err(|_| unavailable())?;
    Ok(document)
}

/// That it is allowed, asked before a body is kept; the body of somebody who may not is read and thrown away.
pub(super) async fn permit<A: Action>(
    gateway: &Gateway,
    peer: &Peer,
    action: A,
    request: Request<Incoming>,
) -> Result<(Permit<A>, Request<Incoming>), Failure> {
    match gateway.authorize_request(peer, action) {
        Ok(permit) => Ok((permit, request)),
        Err(_) => {
            discard(gateway, request.into_body()).await?;
            Err(forbidden())
        }
    }
}

pub(super) fn decoded(raw: &str) -> Result<String, Failure> {
    let text = percent_decode_str(raw).decode_utf8();
    text.map(std::borrow::Cow::into_owned).map_err(|_| invalid("the path is not UTF-8"))
}

fn thing(label: &str) -> Result<ThingName, Failure> {
    ThingName::parse(label).map_err(|error| invalid(&error.to_string()))
}

fn shadow(label: &str, query: &Query) -> Result<ShadowId, Failure> {
    let name = query.get("name")?.map(|name| ShadowName::parse(&name)).transpose();
    Ok(ShadowId { thing: thing(label)?, name: name.map_err(|error| invalid(&error.to_string()))? })
}

pub(super) struct Query(pub(super) String);

impl Query {
    pub(super) fn get(&self, name: &str) -> Result<Option<String>, Failure> {
        let pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| decoded(value)).transpose()
    }

    /// `false` if it is not there.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.get(name)?.map(|text| text.to_ascii_lowercase()).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(invalid(&format!("{name} is true or false"))),
        }
    }

    fn size(&self, name: &str, most: usize) -> Result<usize, Failure> {
        let Some(text) = self.get(name)? else { return Ok(most) };
        let size = text.parse().ok().filter(|size| (1..=most).contains(size));
        size.ok_or_else(|| invalid(&format!("{name} is a number from 1 to {most}")))
    }
}

impl From<ShadowFailure> for Failure {
    fn from(failure: ShadowFailure) -> Self {
        let (status, kind, message) = failure.parts();
        Self(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), kind, message)
    }
}

impl From<BadToken> for Failure {
    fn from(error: BadToken) -> Self {
        invalid(&error.to_string())
    }
}
