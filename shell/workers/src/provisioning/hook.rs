//! The pre-provisioning hook: somebody of the operator's is asked before a device is provisioned.
//!
//! On AWS it is a Lambda function. Here a table of the configuration says what stands in the place of each ARN: an HTTP
//! endpoint or a local command, with Lambda's contract: the event comes as JSON, the answer is JSON.
use std::collections::HashMap;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use sekisho_client::{HttpClient, HttpError};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A hook that takes longer has said no (developer guide: pre-provisioning-hook).
const HOOK_MAX: Duration = Duration::from_secs(5);
/// An answer longer than this is none.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// What stands in the place of a Lambda function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookTarget {
    /// `http://…` or `https://…`: the event is posted.
    Http(String),
    /// A program and its arguments: the event is its standard input, the answer its standard output.
    Command(Vec<String>),
}

impl HookTarget {
    /// `http://host/path`, `https://host/path`, or `command:PROGRAM ARG…`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.starts_with("http://") || text.starts_with("https://") {
            return Some(Self::Http(text.to_owned()));
        }
        let words: Vec<String> = text.strip_prefix("command:")?.split_whitespace().map(str::to_owned).collect();
        (!words.is_empty()).then_some(Self::Command(words))
    }
}

/// The table, by ARN.
#[derive(Default)]
pub struct Hooks {
    table: HashMap<String, HookTarget>,
    http: HttpClient,
}

/// What a hook said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HookAnswer {
    /// Go on, with these parameters over the device's.
    Allow(Vec<(String, String)>),
    /// The device is refused; the operator reads why.
    Deny(String),
}

impl Hooks {
    /// From ARNs and what stands in their place.
    pub fn new(table: HashMap<String, HookTarget>) -> Self {
        Self { table, http: HttpClient::default() }
    }

    /// Asks the hook `arn` stands for. Whatever goes wrong is a no.
    pub(crate) async fn ask(&self, arn: &str, event: &Value) -> HookAnswer {
        let Some(target) = self.table.get(arn) else {
            return HookAnswer::Deny(format!("nothing stands in the place of hook `{arn}`: set `hooks`"));
        };
        match tokio::time::timeout(HOOK_MAX, self.call(target, event)).await {
            Err(_) => HookAnswer::Deny(format!("hook `{arn}` took longer than {} s", HOOK_MAX.as_secs())),
            Ok(Err(problem)) => HookAnswer::Deny(format!("hook `{arn}` failed: {problem}")),
            Ok(Ok(answer)) => read(arn, &answer),
        }
    }

    async fn call(&self, target: &HookTarget, event: &Value) -> Result<Vec<u8>, String> {
        match target {
            HookTarget::Http(url) => {
                let answered =
                    self.http.post_json(url, Bytes::from(event.to_string()), ANSWER_BYTES_MAX as usize).await;
                let (status, body) = answered.map_err(|error: HttpError| error.to_string())?;
                if !status.is_success() {
                    return Err(format!("it answered {status}"));
                }
                Ok(body.to_vec())
            }
            HookTarget::Command(words) => {
                let mut child = tokio::process::Command::new(&words[0])
                    .args(&words[1..])
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .kill_on_drop(true)
                    .spawn()
                    .map_err(|error| error.to_string())?;
                let mut input = child.stdin.take().ok_or("it has no standard input")?;
                let mut output = child.stdout.take().ok_or("it has no standard output")?.take(ANSWER_BYTES_MAX);
                let event = event.to_string();
                // A hook that does not read its input is none the worse for it.
                let write = async { drop((input.write_all(event.as_bytes()).await, input.shutdown().await, input)) };
                let mut answer = Vec::new();
                let (_, read) = tokio::join!(write, output.read_to_end(&mut answer));
                read.map_err(|error| error.to_string())?;
                let status = child.wait().await.map_err(|error| error.to_string())?;
                if status.success() { Ok(answer) } else { Err(format!("it ended with {status}")) }
            }
        }
    }
}

fn read(arn: &str, answer: &[u8]) -> HookAnswer {
    let answer: Value = match serde_json::from_slice(answer) {
        Ok(answer) => answer,
        Err(error) => return HookAnswer::Deny(format!("hook `{arn}` did not answer JSON: {error}")),
    };
    if answer["allowProvisioning"] != json!(true) {
        return HookAnswer::Deny(format!("hook `{arn}` refused"));
    }
    let overrides = match &answer["parameterOverrides"] {
        Value::Null => return HookAnswer::Allow(Vec::new()),
        Value::Object(overrides) => overrides,
        _ => return HookAnswer::Deny(format!("hook `{arn}`: parameterOverrides is not an object")),
    };
    let pairs = overrides.iter().map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    match pairs.collect::<Option<Vec<_>>>() {
        Some(pairs) => HookAnswer::Allow(pairs),
        None => HookAnswer::Deny(format!("hook `{arn}`: a value of parameterOverrides is not text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[rustfmt::skip]
    async fn a_hook_allows_by_saying_so_and_in_no_other_way() {
        let deny = |text: &str| HookAnswer::Deny(text.into());
        // citation                                       command                                                      answer
        let table: &[(&str, &str, HookAnswer)] = &[
            ("pre-provisioning-hook: output",              r#"echo {"allowProvisioning":true}"#,                         HookAnswer::Allow(vec![])),
            ("pre-provisioning-hook: parameterOverrides",  r#"echo {"allowProvisioning":true,"parameterOverrides":{"a":"b"}}"#, HookAnswer::Allow(vec![("a".into(), "b".into())])),
            ("pre-provisioning-hook: overrides are text",  r#"echo {"allowProvisioning":true,"parameterOverrides":{"a":1}}"#, deny("hook `arn`: a value of parameterOverrides is not text")),
            ("pre-provisioning-hook: false",               r#"echo {"allowProvisioning":false}"#,                        deny("hook `arn` refused")),
            ("pre-provisioning-hook: not a boolean",       r#"echo {"allowProvisioning":"true"}"#,                       deny("hook `arn` refused")),
            ("pre-provisioning-hook: absent",              "echo {}",                                                    deny("hook `arn` refused")),
            ("it fails",                                   "false",                                                      deny("hook `arn` failed: it ended with exit status: 1")),
            ("it is not there",                            "/nonexistent/hook",                                          deny("hook `arn` failed: No such file or directory (os error 2)")),
        ];
        for (citation, command, answer) in table {
            let target = HookTarget::parse(&format!("command:{command}")).unwrap();
            let hooks = Hooks::new(HashMap::from([("arn".to_owned(), target)]));
            assert_eq!(hooks.ask("arn", &json!({})).await, *answer, "{citation}");
        }
        let nobody = Hooks::default().ask("arn", &json!({})).await;
        assert_eq!(nobody, deny("nothing stands in the place of hook `arn`: set `hooks`"));
    }

    #[tokio::test]
    async fn a_command_reads_the_event() {
        let target = HookTarget::parse("command:cat").unwrap();
        let hooks = Hooks::new(HashMap::from([("arn".to_owned(), target)]));
        let event = json!({ "allowProvisioning": true, "parameterOverrides": { "echoed": "yes" } });
        assert_eq!(hooks.ask("arn", &event).await, HookAnswer::Allow(vec![("echoed".into(), "yes".into())]));
    }
}
