//! AWS services that rules call, each at the endpoint the operator names: AWS's, or any server that speaks as it does.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use sekisho_actions::Execution;
use sekisho_calls::{Call, Context, Request, is_passing};
use sekisho_client::{Answer, AwsClient, AwsError, AwsRequest, Credentials, Refused};
use sekisho_remote::Endpoint;

use crate::functions::{FunctionError, Functions};
use crate::lookups::{LAMBDA_ANSWER_MAX, Secrets};

/// An answer is a few lines, or an item of DynamoDB's (400 KB there). And then: it is no answer.
pub(crate) const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// A function in Lambda's place takes at most this long (Lambda quotas: "Function timeout"). And then: it has not done it.
pub(crate) const FUNCTION_MAX: Duration = Duration::from_secs(900);

/// One service. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct RemoteService {
    /// One of [`sekisho_calls::SERVICES`].
    pub name: &'static str,
    /// Where it is.
    pub endpoint: Endpoint,
    /// As in the credential scope, and in ARNs that are made of names.
    pub region: String,
    /// Who asks.
    pub credentials: Credentials,
    /// A request and its answer take at most this long. And then: it is tried again.
    pub request_max: Duration,
}

/// All of them. None, by default.
#[derive(Default)]
pub struct Services {
    pub(crate) by_name: BTreeMap<&'static str, Service>,
    pub(crate) functions: Arc<Functions>,
    pub(crate) secrets: Secrets,
}

pub(crate) struct Service {
    client: AwsClient,
    region: String,
    /// Scheme, host and port.
    pub origin: String,
    pub credentials: Credentials,
}

/// Why a call was not made, or did nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("no endpoint is configured for `{0}`: sekisho.toml has no [[service]] of that name")]
    NoService(&'static str),
    #[error("{0}")]
    NoRequest(String),
    #[error("{0}")]
    NotTaken(String),
    #[error(transparent)]
    Refused(Refused),
    #[error(transparent)]
    Unanswered(AwsError),
    #[error(transparent)]
    Function(FunctionError),
    #[error("`{0}` took longer than {answer_s} s", answer_s = LAMBDA_ANSWER_MAX.as_secs())]
    Slow(String),
}

impl CallError {
    /// The same will fail again.
    pub(crate) fn is_lasting(&self) -> bool {
        match self {
            Self::NoService(_) => false, // the next start may have one
            Self::NoRequest(_) | Self::NotTaken(_) | Self::Slow(_) | Self::Unanswered(AwsError::Request(_)) => true,
            Self::Refused(refused) => !is_passing(refused.status, &refused.code),
            Self::Unanswered(error) => matches!(error, AwsError::TooLong { .. }),
            Self::Function(error) => !error.is_passing,
        }
    }
}

impl Services {
    /// Of two with one name, the later counts; `sekisho.toml` has been checked for that.
    ///
    /// # Errors
    /// [`AwsError`] for an endpoint that is none.
    pub fn new(services: Vec<RemoteService>, functions: Arc<Functions>) -> Result<Self, AwsError> {
        let connected = services.into_iter().map(|service| {
            let RemoteService { name, endpoint, region, credentials, request_max } = service;
            let origin = endpoint.to_string();
            let client = AwsClient::new(&origin, &region, credentials.clone())?;
            let client = client.with_limits(ANSWER_BYTES_MAX, request_max);
            Ok((name, Service { client, region, origin, credentials }))
        });
        Ok(Self { by_name: connected.collect::<Result<_, AwsError>>()?, functions, secrets: Secrets::default() })
    }

    /// Whether there is somebody to call. Which function it is may be the message's to say.
    pub fn offers(&self, call: &Call) -> bool {
        let is_template = call.function_arn().is_some_and(|arn| arn.contains("${"));
        let by_function = self.has_function(call) || (is_template && !self.functions.is_empty());
        by_function || self.by_name.contains_key(call.service())
    }

    /// Whether something stands in the place of the function that is to be invoked.
    fn has_function(&self, call: &Call) -> bool {
        call.function_arn().is_some_and(|arn| self.functions.has(arn))
    }

    /// Makes a call with the result of an execution.
    pub(crate) async fn call(&self, call: &Call, execution: &Execution) -> Result<(), CallError> {
        if let Some(arn) = call.function_arn().filter(|arn| self.functions.has(arn)) {
            let event = execution.result.to_vec();
            return self.functions.invoke(arn, event, FUNCTION_MAX).await.map_err(CallError::Function);
        }
        let service = self.by_name.get(call.service()).ok_or(CallError::NoService(call.service()))?;
        let context = Context {
            result: &execution.result,
            received: execution.origin.received,
            rule: execution.rule.as_str(),
            region: &service.region,
        };
        let request = || call.request(&context).map_err(CallError::NoRequest);
        let answer = match service.send(call.service(), request()?).await {
            Err(CallError::Refused(refused)) => match call.remedy(&refused.code, &context) {
                Some(remedy) => {
                    // Another call may have done it a moment ago: what counts is how the same call fares now.
                    match service.send(call.service(), remedy).await {
                        Ok(_) | Err(CallError::Refused(_)) => {}
                        Err(unanswered) => return Err(unanswered),
                    }
                    service.send(call.service(), request()?).await?
                }
                None if call.is_done_already(&refused.code) => return Ok(()),
                None => return Err(CallError::Refused(refused)),
            },
            other => other?,
        };
        call.check_answer(&answer.body).map_err(CallError::NotTaken)
    }
}

impl Service {
    pub(crate) async fn send(&self, signing_name: &str, request: Request) -> Result<Answer, CallError> {
        let headers: Vec<_> = request.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = Bytes::from(request.body);
        let path = &request.path;
        let method = Method::from_bytes(request.method.as_bytes());
        let method = method.map_err(|error| CallError::Unanswered(AwsError::Request(error.into())))?;
        let signed = AwsRequest { signing_name, method, path, query: "", headers: &headers, body };
        let answer = self.client.send(&signed).await.map_err(CallError::Unanswered)?;
        answer.success().map_err(CallError::Refused)
    }
}
