//! What stands in the place of Lambda functions: a table of the configuration says for each ARN which HTTP endpoint or local
//! command it is. Lambda's contract: the event comes as JSON, the answer is JSON.
use std::collections::HashMap;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use sekisho_client::{HttpClient, HttpError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

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

    /// Calls the function `arn`, or the one that is named without its version.
    ///
    /// # Errors
    /// What went wrong, in words for the operator.
    pub(crate) async fn call(&self, arn: &str, event: Vec<u8>, limits: CallLimits) -> Result<Vec<u8>, String> {
        let unqualified = arn.splitn(8, ':').take(7).map(str::len).sum::<usize>() + 6;
        let target = self.table.get(arn).or_else(|| self.table.get(arn.get(..unqualified)?));
        let Some(target) = target else {
            return Err(format!("nothing stands in the place of `{arn}`: set `functions`"));
        };
        match tokio::time::timeout(limits.time, self.call_target(target, event, limits.answer_bytes)).await {
            Err(_) => Err(format!("`{arn}` took longer than {} s", limits.time.as_secs())),
            Ok(Err(problem)) => Err(format!("`{arn}` failed: {problem}")),
            Ok(Ok(answer)) => Ok(answer),
        }
    }

    async fn call_target(&self, target: &FunctionTarget, event: Vec<u8>, most: usize) -> Result<Vec<u8>, String> {
        match target {
            FunctionTarget::Http(url) => {
                let answered = self.http.post_json(url, Bytes::from(event), most).await;
                let answered = answered.map_err(|error: HttpError| error.to_string())?;
                if !answered.status().is_success() {
                    return Err(format!("it answered {}", answered.status()));
                }
                if answered.headers().contains_key("x-amz-function-error") {
                    return Err(format!("it failed: {}", String::from_utf8_lossy(answered.body())));
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
                    .map_err(|error| error.to_string())?;
                let mut input = child.stdin.take().ok_or("it has no standard input")?;
                let mut output = child.stdout.take().ok_or("it has no standard output")?.take(most as u64);
                // One that does not read its input is none the worse for it.
                let write = async { drop((input.write_all(&event).await, input.shutdown().await, input)) };
                let mut answer = Vec::new();
                let (_, read) = tokio::join!(write, output.read_to_end(&mut answer));
                read.map_err(|error| error.to_string())?;
                let status = child.wait().await.map_err(|error| error.to_string())?;
                if status.success() { Ok(answer) } else { Err(format!("it ended with {status}")) }
            }
        }
    }
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
        assert!(other.contains("set `functions`"), "{other}");
    }
}
