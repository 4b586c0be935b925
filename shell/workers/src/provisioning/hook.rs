//! The pre-provisioning hook: somebody of the operator's is asked before a device is provisioned.
use std::time::Duration;

use serde_json::{Value, json};

use crate::functions::{CallLimits, Functions};

/// A hook that takes longer has said no (developer guide: pre-provisioning-hook).
const LIMITS: CallLimits = CallLimits { time: Duration::from_secs(5), answer_bytes: 64 * 1024 };

/// What a hook said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HookAnswer {
    /// Go on, with these parameters over the device's.
    Allow(Vec<(String, String)>),
    /// The device is refused; the operator reads why.
    Deny(String),
}

/// Asks the hook `arn`. Whatever goes wrong is a no.
pub(crate) async fn ask(functions: &Functions, arn: &str, event: &Value) -> HookAnswer {
    match functions.call(arn, event.to_string().into_bytes(), LIMITS).await {
        Err(problem) => HookAnswer::Deny(format!("hook {problem}")),
        Ok(answer) => read(arn, &answer),
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
    use std::collections::HashMap;

    use super::*;
    use crate::functions::FunctionTarget;

    fn standing_for(arn: &str, target: &str) -> Functions {
        Functions::new(HashMap::from([(arn.to_owned(), FunctionTarget::parse(target).unwrap())]))
    }

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
            let functions = standing_for("arn", &format!("command:{command}"));
            assert_eq!(ask(&functions, "arn", &json!({})).await, *answer, "{citation}");
        }
        let nobody = ask(&Functions::default(), "arn", &json!({})).await;
        assert_eq!(nobody, deny("hook nothing stands in the place of `arn`: set `functions`"));
    }

    #[tokio::test]
    async fn a_command_reads_the_event() {
        let functions = standing_for("arn", "command:cat");
        let event = json!({ "allowProvisioning": true, "parameterOverrides": { "echoed": "yes" } });
        assert_eq!(ask(&functions, "arn", &event).await, HookAnswer::Allow(vec![("echoed".into(), "yes".into())]));
    }
}
