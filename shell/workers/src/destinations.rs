//! HTTP endpoints that rules call: their owners are asked first, and then messages are posted there (developer guide, "Working with HTTP
//! action destinations", "HTTP").
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::Full;
use sekisho_client::{HttpClient, HttpError};
use sekisho_registry::{Destination, Endpoint};
use sekisho_state::State;
use sekisho_types::{HttpUrl, with_causes};
use serde_json::json;

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
}

/// Why a message was not posted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostError {
    #[error("no destination that was confirmed and is enabled covers {0}")]
    NotConfirmed(HttpUrl),
    #[error("a header cannot be sent")]
    Header,
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
    pub fn new(state: Arc<State>, authority: String) -> Self {
        Self { state, client: HttpClient::default(), authority }
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

    /// Posts what a rule made, if the endpoint's owner has agreed.
    pub(crate) async fn post(
        &self,
        url: &HttpUrl,
        headers: &[(String, String)],
        body: &Bytes,
    ) -> Result<(), PostError> {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| PostError::Header)?;
            all.append(name, HeaderValue::from_str(value).map_err(|_| PostError::Header)?);
        }
        // Unless the rule says what it is.
        all.entry(CONTENT_TYPE).or_insert_with(|| {
            let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
            HeaderValue::from_static(if is_json { "application/json" } else { "application/octet-stream" })
        });
        let mut attempt = 1;
        loop {
            if !self.may_post(url) {
                return Err(PostError::NotConfirmed(url.clone()));
            }
            match self.post_once(url, &all, body.clone()).await {
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
    pub(crate) fn may_post(&self, url: &HttpUrl) -> bool {
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
