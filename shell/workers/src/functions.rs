//! What stands in the place of Lambda functions: a table of the configuration says for each ARN which HTTP endpoint or local
//! command it is. Lambda's contract: the event comes as JSON, the answer is JSON.
use std::collections::HashMap;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use sekisho_calls::is_passing;
use sekisho_client::{HttpClient, HttpError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

/// What stands in the place of a Lambda function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionTarget {
    /// `http://…` or `https://…`: the event is posted.
    Http(String),
    /// A program and its arguments: the event is its standard input, the answer its standard output.
    Command(Vec<String>),
}

impl FunctionTarget {
    /// `http://host/path`, `https://host/path`, or `command:PROGRAM ARG…`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.starts_with("http://") || text.starts_with("https://") {
            return Some(Self::Http(text.to_owned()));
        }
        let words: Vec<String> = text.strip_prefix("command:")?.split_whitespace().map(str::to_owned).collect();
        (!words.is_empty()).then_some(Self::Command(words))
    }
}

/// How long a call may take and how long its answer may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallLimits {
    pub time: Duration,
    pub answer_bytes: usize,
}

/// Why there is no answer, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub(crate) struct FunctionError {
    said: String,
    /// It was not reached, or not heard of again: the same call may do better later.
    pub is_passing: bool,
}

/// The table, by ARN.
#[derive(Default)]
pub struct Functions {
    table: HashMap<String, FunctionTarget>,
    http: HttpClient,
}

impl Functions {
    /// From ARNs and what stands in their place.
    pub fn new(table: HashMap<String, FunctionTarget>) -> Self {
        Self { table, http: HttpClient::default() }
    }

    /// The name in the table for `arn`, or for the function that is named without its version.
    pub(crate) fn name(&self, arn: &str) -> Option<&str> {
        let unqualified = arn.splitn(8, ':').take(7).map(str::len).sum::<usize>() + 6;
        let known = self.table.get_key_value(arn).or_else(|| self.table.get_key_value(arn.get(..unqualified)?));
        known.map(|(name, _)| name.as_str())
    }

    /// Whether anything stands in its place.
    pub(crate) fn has(&self, arn: &str) -> bool {
        self.name(arn).is_some()
    }

    /// Calls it.
    ///
    /// # Errors
    /// [`FunctionError`].
    pub(crate) async fn call(&self, arn: &str, event: Vec<u8>, limits: CallLimits) -> Result<Vec<u8>, FunctionError> {
        self.run(arn, event, limits.time, Some(limits.answer_bytes)).await
    }

    /// Lets it do its work, and cares for no answer (Lambda's invocation type `Event`).
    ///
    /// # Errors
    /// [`FunctionError`].
    pub(crate) async fn invoke(&self, arn: &str, event: Vec<u8>, time: Duration) -> Result<(), FunctionError> {
        self.run(arn, event, time, None).await.map(drop)
    }

    /// `most` bytes of the answer are wanted, or none is.
    async fn run(
        &self,
        arn: &str,
        event: Vec<u8>,
        time: Duration,
        most: Option<usize>,
    ) -> Result<Vec<u8>, FunctionError> {
        let failed = |said, is_passing| Err(FunctionError { said, is_passing });
        let Some(target) = self.name(arn).and_then(|name| self.table.get(name)) else {
            return failed(format!("nothing stands in the place of `{arn}`: set `functions`"), false);
        };
        match tokio::time::timeout(time, self.call_target(target, event, most)).await {
            Err(_) => failed(format!("`{arn}` took longer than {} s", time.as_secs()), true),
            Ok(Err(error)) => failed(format!("`{arn}` failed: {}", error.said), error.is_passing),
            Ok(Ok(answer)) => Ok(answer),
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    async fn call_target(
        &self,
        target: &FunctionTarget,
        event: Vec<u8>,
        most: Option<usize>,
    ) -> Result<Vec<u8>, FunctionError> {
        let failed = |said: String| FunctionError { said, is_passing: false };
        // It was not started, or not heard to the end.
        let broken = |said: &dyn std::fmt::Display| FunctionError { said: said.to_string(), is_passing: true };
        match target {
            FunctionTarget::Http(url) => {
                let event = Bytes::from(event);
                let answered = match most {
                    Some(most) => self.http.post_json(url, event, most).await,
                    None => self.http.post_json_for_head(url, event).await,
                };
                let answered = answered.map_err(|error: HttpError| {
                    let is_passing = !matches!(error, HttpError::Request(_)) && !error.is_too_long();
                    FunctionError { said: error.to_string(), is_passing }
                })?;
                if !answered.status().is_success() {
                    let is_passing = is_passing(answered.status().as_u16(), "");
                    return Err(FunctionError { said: format!("it answered {}", answered.status()), is_passing });
                }
                if answered.headers().contains_key("x-amz-function-error") {
                    return Err(failed(format!("it failed: {}", String::from_utf8_lossy(answered.body()))));
                }
                Ok(answered.into_body().to_vec())
            }
            FunctionTarget::Command(words) => {
                let mut child = tokio::process::Command::new(&words[0])
                    .args(&words[1..])
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .kill_on_drop(true)
                    .spawn()
                    .map_err(|error| broken(&error))?;
                let mut input = child.stdin.take().ok_or_else(|| broken(&"it has no standard input"))?;
                let output = child.stdout.take().ok_or_else(|| broken(&"it has no standard output"))?;
                // One that does not read its input is none the worse for it.
                let write = async { drop((input.write_all(&event).await, input.shutdown().await, input)) };
                let (_, read) = tokio::join!(write, read_at_most(output, most.unwrap_or(0)));
                let answer = read.map_err(|error| broken(&error))?;
                let status = child.wait().await.map_err(|error| broken(&error))?;
                match status.code() {
                    Some(0) => Ok(answer),
                    Some(_) => Err(failed(format!("it ended with {status}"))),
                    None => Err(broken(&format_args!("it ended with {status}"))), // somebody killed it
                }
            }
        }
    }
}

/// What is beyond is read and forgotten: who writes it would wait for ever.
async fn read_at_most(mut output: impl AsyncRead + Unpin, most: usize) -> std::io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    (&mut output).take(most as u64).read_to_end(&mut answer).await?;
    tokio::io::copy(&mut output, &mut tokio::io::sink()).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_function_is_found_without_its_version() {
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:clean";
        let functions =
            Functions::new(HashMap::from([(arn.to_owned(), FunctionTarget::parse("command:cat").unwrap())]));
        let limits = CallLimits { time: Duration::from_secs(60), answer_bytes: 3 };
        for arn in [arn.to_owned(), format!("{arn}:$LATEST"), format!("{arn}:7")] {
            assert_eq!(functions.call(&arn, b"event".to_vec(), limits).await, Ok(b"eve".to_vec()), "{arn}");
        }
        let other = functions.call(&format!("{arn}-up"), Vec::new(), limits).await.unwrap_err();
        assert!(other.to_string().contains("set `functions`") && !other.is_passing, "{other}");
    }

    #[tokio::test]
    async fn what_a_function_does_when_nobody_asks_for_its_answer() {
        #[rustfmt::skip] // command                   done, or may be done later
        let table = [
            ("command:true",                          Ok(())),
            ("command:head -c 300000 /dev/zero",      Ok(())),
            ("command:false",                         Err(false)),
            ("command:no-such-program",               Err(true)),
            ("command:bash -c kill${IFS}-9${IFS}$$",  Err(true)),
        ];
        for (command, expected) in table {
            let functions = Functions::new(HashMap::from([("f".to_owned(), FunctionTarget::parse(command).unwrap())]));
            let done = functions.invoke("f", b"event".to_vec(), Duration::from_secs(60)).await;
            assert_eq!(done.map_err(|error| error.is_passing), expected, "{command}");
        }
    }
}
