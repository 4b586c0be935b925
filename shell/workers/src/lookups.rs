//! Services and functions are asked what statements want to know of them (developer guide, "Functions").
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sekisho_calls::{Lookup, service_asked_by};
use sekisho_client::Answer;
use sekisho_rules::Asks;

use crate::functions::CallLimits;
use crate::services::{ANSWER_BYTES_MAX, CallError, FUNCTION_MAX, Services};

/// A function in Lambda's place takes at most this long if a statement waits for what it answers (developer guide, "Functions":
/// `aws_lambda`). And then: it has not answered. Of Lambda itself, and who speaks as it does, the settings say how long.
pub(crate) const LAMBDA_ANSWER_MAX: Duration = Duration::from_secs(2);
/// A secret is not asked for again so long (developer guide, "Functions": `get_secret`).
const SECRET_KEPT: Duration = Duration::from_secs(15 * 60);
/// Secrets that are kept: which, a message may say. And then: others are asked for each time.
const SECRETS_KEPT_MAX: usize = 1_000;

/// Those that were asked for lately.
#[derive(Default)]
pub(crate) struct Secrets(Mutex<HashMap<String, (Instant, String)>>);

impl Secrets {
    fn get(&self, id: &str) -> Option<String> {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.get(id).filter(|(asked, _)| asked.elapsed() < SECRET_KEPT).map(|(_, secret)| secret.clone())
    }

    fn keep(&self, id: &str, secret: &str) {
        let mut secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.retain(|_, (asked, _)| asked.elapsed() < SECRET_KEPT);
        if secrets.len() < SECRETS_KEPT_MAX {
            secrets.insert(id.to_owned(), (Instant::now(), secret.to_owned()));
        }
    }
}

impl Services {
    /// Whether there is somebody to ask what a function of a statement asks.
    ///
    /// # Errors
    /// The service that is missing.
    pub fn answers(&self, asks: &Asks) -> Result<(), &'static str> {
        let Some(service) = service_asked_by(asks.function) else { return Ok(()) };
        let by_function = match &asks.first {
            Some(arn) => self.functions.has(arn),
            None => !self.functions.is_empty(),
        };
        let is_there = self.by_name.contains_key(service) || (service == "lambda" && by_function);
        if is_there { Ok(()) } else { Err(service) }
    }

    /// Asks; `None` if there is no such thing.
    pub(crate) async fn look_up(&self, lookup: &Lookup) -> Result<Option<String>, CallError> {
        if let Lookup::Secret { id } = lookup
            && let Some(secret) = self.secrets.get(id)
        {
            return Ok(Some(secret));
        }
        let answer = match lookup {
            Lookup::Function { arn, input } => self.run_function(arn, input, lookup).await?,
            Lookup::Item { .. } | Lookup::Secret { .. } => self.ask_service(lookup).await?.body,
        };
        let answer = lookup.read(&answer).map_err(CallError::NotTaken)?;
        if let (Lookup::Secret { id }, Some(secret)) = (lookup, &answer) {
            self.secrets.keep(id, secret);
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
}
