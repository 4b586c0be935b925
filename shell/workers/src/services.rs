//! AWS services that rules call, each at the endpoint the operator names: AWS's, or any server that speaks as it does.
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use sekisho_actions::Execution;
use sekisho_calls::{Call, Context, Lookup, Request, Signing, is_passing};
use sekisho_client::{Answer, AwsClient, AwsError, AwsRequest, Credentials, Refused};
use sekisho_remote::Endpoint;
use sekisho_rules::Asks;
use sekisho_sigv4::{PayloadToSign, RequestParts, sign};
use sekisho_types::{HttpUrl, Timestamp};

use crate::functions::{CallLimits, FunctionError, Functions};

/// An answer is a few lines, or an item of DynamoDB's (400 KB there). And then: it is no answer.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// A function in Lambda's place takes at most this long (Lambda quotas: "Function timeout"). And then: it has not done it.
const FUNCTION_MAX: Duration = Duration::from_secs(900);
/// And this long if a statement waits for what it answers (developer guide, "Functions": `aws_lambda`). And then: the same. Of Lambda itself,
/// and who speaks as it does, the settings say how long.
const LAMBDA_ANSWER_MAX: Duration = Duration::from_secs(2);
/// A secret is not asked for again so long (developer guide, "Functions": `get_secret`).
const SECRET_KEPT: Duration = Duration::from_secs(15 * 60);
/// Secrets that are kept: which, a message may say. And then: others are asked for each time.
const SECRETS_KEPT_MAX: usize = 1_000;

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
    by_name: BTreeMap<&'static str, Service>,
    functions: Arc<Functions>,
    secrets: Mutex<HashMap<String, (Instant, String)>>,
}

struct Service {
    client: AwsClient,
    region: String,
    /// Scheme, host and port.
    origin: String,
    credentials: Credentials,
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
        Ok(Self { by_name: connected.collect::<Result<_, AwsError>>()?, functions, secrets: Mutex::default() })
    }

    /// Whether there are credentials for a service.
    pub fn signs(&self, signing: &Signing) -> bool {
        self.by_name.contains_key(&*signing.service_name)
    }

    /// The headers of a request with its signature. `None` if it does not go where the service's credentials are for.
    pub(crate) fn signed(
        &self,
        signing: &Signing,
        url: &HttpUrl,
        headers: &HeaderMap,
        body: &Bytes,
        now: Timestamp,
    ) -> Option<HeaderMap> {
        let origin = without_default_port(url.origin());
        let service = self.by_name.get(&*signing.service_name).filter(|service| service.origin == origin)?;
        let (_, authority) = origin.split_once("://")?;
        let path_and_query = &url.as_str()[url.origin().len()..];
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let mut all: Vec<(&str, &[u8])> = vec![("host", authority.as_bytes())];
        all.extend(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
        let path = if path.is_empty() { "/" } else { path };
        let parts = RequestParts { method: "POST", raw_path: path, raw_query: query, headers: &all };
        let (region, name) = (&signing.signing_region, &signing.service_name);
        let mut signed = headers.clone();
        for (name, value) in sign(&parts, &service.credentials, region, name, now, PayloadToSign::Body(body)) {
            signed.insert(name, HeaderValue::from_str(&value).ok()?);
        }
        Some(signed)
    }

    /// Whether there is somebody to ask what a function of a statement asks.
    ///
    /// # Errors
    /// The service that is missing.
    pub fn answers(&self, asks: &Asks) -> Result<(), &'static str> {
        let service = match asks.function {
            "aws_lambda" => {
                let by_function = match &asks.first {
                    Some(arn) => self.functions.has(arn),
                    None => !self.functions.is_empty(),
                };
                if by_function {
                    return Ok(());
                }
                "lambda"
            }
            "get_dynamodb" => "dynamodb",
            "get_secret" => "secretsmanager",
            _ => return Ok(()),
        };
        if self.by_name.contains_key(service) { Ok(()) } else { Err(service) }
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

    /// Asks; `None` if there is no such thing.
    pub(crate) async fn look_up(&self, lookup: &Lookup) -> Result<Option<String>, CallError> {
        if let Lookup::Secret { id } = lookup
            && let Some(secret) = self.kept_secret(id)
        {
            return Ok(Some(secret));
        }
        let answer = match lookup {
            Lookup::Function { arn, input } => self.run_function(arn, input, lookup).await?,
            Lookup::Item { .. } | Lookup::Secret { .. } => self.ask_service(lookup).await?.body,
        };
        let answer = lookup.read(&answer).map_err(CallError::NotTaken)?;
        if let (Lookup::Secret { id }, Some(secret)) = (lookup, &answer) {
            self.keep_secret(id, secret);
        }
        Ok(answer)
    }

    async fn run_function(&self, arn: &str, input: &str, lookup: &Lookup) -> Result<Bytes, CallError> {
        if self.functions.has(arn) {
            let limits = CallLimits { time: FUNCTION_MAX, answer_bytes: ANSWER_BYTES_MAX };
            let called = self.functions.call(arn, input.as_bytes().to_vec(), limits);
            let answer = tokio::time::timeout(LAMBDA_ANSWER_MAX, called).await;
            let answer = answer.map_err(|_| CallError::Slow(arn.to_owned()))?;
            return answer.map(Into::into).map_err(CallError::Function);
        }
        let answer = self.ask_service(lookup).await?;
        match answer.headers.contains_key("x-amz-function-error") {
            true => Err(CallError::NotTaken(format!("`{arn}` failed: {}", String::from_utf8_lossy(&answer.body)))),
            false => Ok(answer.body),
        }
    }

    async fn ask_service(&self, lookup: &Lookup) -> Result<Answer, CallError> {
        let name = lookup.service();
        self.by_name.get(name).ok_or(CallError::NoService(name))?.send(name, lookup.request()).await
    }

    fn kept_secret(&self, id: &str) -> Option<String> {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.get(id).filter(|(asked, _)| asked.elapsed() < SECRET_KEPT).map(|(_, secret)| secret.clone())
    }

    fn keep_secret(&self, id: &str, secret: &str) {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.retain(|_, (asked, _)| asked.elapsed() < SECRET_KEPT);
        if secrets.len() < SECRETS_KEPT_MAX {
            secrets.insert(id.to_owned(), (Instant::now(), secret.to_owned()));
        }
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

/// As clients send it, and as settings have it.
fn without_default_port(origin: &str) -> &str {
    let stripped = match origin.starts_with("https://") {
        true => origin.strip_suffix(":443"),
        false => origin.strip_suffix(":80"),
    };
    stripped.unwrap_or(origin)
}

impl Service {
    async fn send(&self, signing_name: &str, request: Request) -> Result<Answer, CallError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Credentials sign for the endpoint they are for, and for nobody who only looks like it.
    #[test]
    fn who_is_signed_for() {
        let service = RemoteService {
            name: "execute-api",
            endpoint: Endpoint::parse("https://api.example", false).unwrap(),
            region: "eu-west-1".into(),
            credentials: Credentials {
                access_key_id: "AKID".into(),
                secret_access_key: sekisho_types::Secret::new(b"secret".to_vec()),
                session_token: None,
            },
            request_max: Duration::from_secs(1),
        };
        let services = Services::new(vec![service], Arc::default()).unwrap();
        let signing = |name: &str| Signing {
            signing_region: "eu-west-1".into(),
            service_name: name.into(),
            role_arn: "r".into(),
        };
        #[rustfmt::skip] // service         address                             signed
        let table = [
            ("execute-api",                 "https://api.example/a?b=c",        true),
            ("execute-api",                 "https://api.example:443/a",        true),
            ("execute-api",                 "https://api.example:8443/a",       false),
            ("execute-api",                 "http://api.example/a",             false),
            ("execute-api",                 "https://api.example.net/a",        false),
            ("execute-api",                 "https://other.example/a",          false),
            ("lambda",                      "https://api.example/a",            false),
        ];
        for (name, url, expected) in table {
            let url = HttpUrl::parse(url).unwrap();
            let signed =
                services.signed(&signing(name), &url, &HeaderMap::new(), &Bytes::new(), Timestamp::from_seconds(1));
            assert_eq!(signed.is_some_and(|headers| headers.contains_key("authorization")), expected, "{name} {url}");
        }
    }
}
