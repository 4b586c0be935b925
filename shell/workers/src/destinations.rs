//! HTTP endpoints that rules call: their owners are asked first, and then messages are posted there (developer guide, "Working with HTTP
//! action destinations", "HTTP").
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::Full;
use sekisho_actions::Execution;
use sekisho_calls::{Batching, Post, Signing};
use sekisho_client::{HttpClient, HttpError};
use sekisho_registry::{Destination, Endpoint};
use sekisho_state::State;
use sekisho_types::{HttpUrl, RuleName, with_causes};
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use crate::batches::{Batches, Ends, Joined};
use crate::services::Services;

/// An endpoint answers within this. And then: it is not tried again.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// Times a message is posted, where the endpoint says that it is busy or broken.
const ATTEMPTS_MAX: u32 = 3;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(500);

/// Who calls them.
pub struct Destinations {
    state: Arc<State>,
    client: HttpClient,
    /// Of the API, for the link that confirms.
    authority: String,
    /// Whose credentials sign.
    services: Arc<Services>,
    batches: Batches<BatchKey, HeaderMap, PostError>,
}

/// What may go in one request.
#[derive(Clone, PartialEq, Eq, Hash)]
struct BatchKey {
    rule: RuleName,
    url: HttpUrl,
    /// None, if other topics may be with it.
    topic: Option<String>,
    batching: Batching,
    signing: Option<Signing>,
}

/// Why a message was not posted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostError {
    #[error("no destination that was confirmed and is enabled covers {0}")]
    NotConfirmed(String),
    #[error("a header cannot be sent")]
    Header,
    #[error("the result is not JSON, and cannot be in a batch")]
    NotJson,
    #[error("no [[service]] named `{0}` in sekisho.toml has its endpoint there")]
    NotSigned(String),
    #[error(transparent)]
    OfBatch(Arc<PostError>),
    #[error("its batch was not sent")]
    Stopped,
    // What follows names no address: it may hold the token that confirms, and is told to who asked for the destination.
    #[error("it did not answer within {} s", ANSWER_MAX.as_secs())]
    Silent,
    #[error("it could not be asked")]
    Unanswered(#[source] HttpError),
    #[error("it answered {0}")]
    Refused(http::StatusCode),
}

impl Destinations {
    /// `authority` is where the API is reached.
    pub fn new(state: Arc<State>, authority: String, services: Arc<Services>) -> Self {
        Self { state, client: HttpClient::default(), authority, services, batches: Batches::default() }
    }

    /// Asks a destination's owner, behind whoever wants it asked. If that cannot be done, the destination says why.
    pub fn ask(self: &Arc<Self>, destination: Destination) {
        let destinations = self.clone();
        tokio::spawn(async move { destinations.ask_now(destination).await });
    }

    async fn ask_now(&self, destination: Destination) {
        let Some(Endpoint { confirmation_url: asked, confirmation_token: token, .. }) = destination.endpoint() else {
            return;
        };
        let begins = match asked.as_str() {
            url if url.contains('?') => format!("{url}&"),
            url => format!("{}/?", url.trim_end_matches('/')),
        };
        let arn = self.state.read().registry.destination_arn(&destination);
        let body = json!({
            "arn": arn,
            "confirmationToken": token,
            "enableUrl": format!("https://{}/confirmdestination/{token}", self.authority),
            "messageType": "DestinationConfirmation",
        });
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("x-amz-rules-engine-message-type", HeaderValue::from_static("DestinationConfirmation"));
        if let Ok(arn) = HeaderValue::from_str(&arn) {
            headers.insert("x-amz-rules-engine-destination-arn", arn);
        }
        let url = HttpUrl::parse(&format!("{begins}confirmationToken={token}"));
        let posted = match url {
            Ok(url) => {
                self.post_once(&url, &headers, body.to_string().into()).await.map_err(|error| with_causes(&error))
            }
            Err(problem) => Err(problem),
        };
        if let Err(reason) = posted {
            tracing::info!(%asked, reason, "a destination's owner could not be asked");
            let unreached = |cores: &sekisho_state::Cores| {
                let events = cores.registry.unreached_destination(self.state.now(), &destination, reason);
                Ok::<_, std::convert::Infallible>((events.into_iter().map(Into::into).collect(), ()))
            };
            let _ = self.state.enqueue(unreached); // without a journal there is no next either
        }
    }

    /// Posts what a rule made of a message, if the endpoint's owner has agreed: alone, or with others of the same rule. `slot` is a place of
    /// work, which a request takes and a message that waits for others does not.
    pub(crate) async fn post(
        &self,
        post: &Post,
        execution: &Execution,
        slot: impl Future<Output = OwnedSemaphorePermit>,
    ) -> Result<(), PostError> {
        if !self.may_post(&post.url) {
            return Err(PostError::NotConfirmed(post.shown().to_owned()));
        }
        let (body, headers) = (&execution.result, headers(post, &execution.result)?);
        let Some(batching) = post.batching else {
            let _slot = slot.await;
            return self.post_patiently(&post.url, &headers, body, post.signing.as_ref()).await;
        };
        // All of it: what is not JSON would take the others of its batch along.
        serde_json::from_slice::<serde_json::Value>(body).map_err(|_| PostError::NotJson)?;
        let topic = (!batching.across_topics).then(|| execution.origin.topic.clone());
        let (rule, url, signing) = (execution.rule.clone(), post.url.clone(), post.signing.clone());
        let key = BatchKey { rule, url, topic, batching, signing };
        let after = Duration::from_millis(batching.open_ms);
        let ends = Ends { after, messages: batching.messages, bytes: batching.bytes };
        match self.batches.join(&key, body.clone(), headers, ends) {
            Joined::Waits(told) => told.await.map_err(|_| PostError::Stopped)?,
            Joined::Leads(leader) => {
                let (array, mut headers) = self.batches.ended(&key, &leader, ends).await;
                let _slot = slot.await;
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                leader.tell(self.post_patiently(&post.url, &headers, &array, post.signing.as_ref()).await)
            }
        }
        .map_err(PostError::OfBatch)
    }

    async fn post_patiently(
        &self,
        url: &HttpUrl,
        headers: &HeaderMap,
        body: &Bytes,
        signing: Option<&Signing>,
    ) -> Result<(), PostError> {
        let mut attempt = 1;
        loop {
            if !self.may_post(url) {
                return Err(PostError::NotConfirmed(url.origin().to_owned()));
            }
            let posted = match signing {
                None => self.post_once(url, headers, body.clone()).await,
                Some(signing) => {
                    let signed = self.services.signed(signing, url, headers, body, self.state.now());
                    let signed = signed.ok_or_else(|| PostError::NotSigned(signing.service_name.clone()))?;
                    self.post_once(url, &signed, body.clone()).await
                }
            };
            match posted {
                Err(PostError::Refused(status))
                    if attempt < ATTEMPTS_MAX && (status.is_server_error() || status.as_u16() == 429) =>
                {
                    attempt += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Whether an endpoint's owner has agreed.
    fn may_post(&self, url: &HttpUrl) -> bool {
        self.state.read().registry.may_call(url)
    }

    async fn post_once(&self, url: &HttpUrl, headers: &HeaderMap, body: Bytes) -> Result<(), PostError> {
        let request = Request::post(url.as_str()).body(Full::new(body));
        let mut request = request.map_err(|error| PostError::Unanswered(HttpError::Request(error)))?;
        request.headers_mut().clone_from(headers);
        let answer = tokio::time::timeout(ANSWER_MAX, self.client.send_for_head(request)).await;
        match answer.map_err(|_| PostError::Silent)?.map_err(PostError::Unanswered)?.status() {
            status if status.is_success() => Ok(()),
            status => Err(PostError::Refused(status)),
        }
    }
}

/// Those of the rule, and what the body is unless they say.
fn headers(post: &Post, body: &Bytes) -> Result<HeaderMap, PostError> {
    let mut all = HeaderMap::new();
    for (name, value) in &post.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| PostError::Header)?;
        all.append(name, HeaderValue::from_str(value).map_err(|_| PostError::Header)?);
    }
    all.entry(CONTENT_TYPE).or_insert_with(|| {
        let is_json = serde_json::from_slice::<IgnoredAny>(body).is_ok();
        HeaderValue::from_static(if is_json { "application/json" } else { "application/octet-stream" })
    });
    Ok(all)
}
