//! May the account's root, or a session of a role, do this with this key? Asked once, before the operation.
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sekisho_kms::{Blob, EncryptionContext, Key, Kms};
use sekisho_sigv4::RoleSession;
use serde_json::Value;

use crate::{ApiError, App};

/// Operations that are about no key, or about keys that the answer itself is asked for.
const OF_NO_KEY: &[&str] =
    &["CreateKey", "GenerateRandom", "ListAliases", "ListKeys", "ListRetirableGrants", "RetireGrant"];

/// Judges `operation` by the policies of the keys it is about. A key that is not there is the operation's to refuse.
pub(super) fn check(app: &App, session: Option<&RoleSession>, operation: &str, input: &Value) -> Result<(), ApiError> {
    if OF_NO_KEY.contains(&operation) {
        return Ok(());
    }
    let cores = app.state.read();
    let request = Request { kms: &cores.kms, session, operation, input };
    match operation {
        "ReEncrypt" => {
            let from = request.named("SourceKeyId").or_else(|| request.of_blob());
            request.judge("ReEncryptFrom", from, "SourceEncryption")?;
            request.judge("ReEncryptTo", request.named("DestinationKeyId"), "DestinationEncryption")
        }
        "CreateAlias" => request.judge(operation, request.named("TargetKeyId"), "Encryption"),
        "DeleteAlias" => request.judge(operation, request.named("AliasName"), "Encryption"),
        "UpdateAlias" => {
            request.judge(operation, request.named("AliasName"), "Encryption")?;
            request.judge(operation, request.named("TargetKeyId"), "Encryption")
        }
        "Decrypt" => request.judge(operation, request.named("KeyId").or_else(|| request.of_blob()), "Encryption"),
        _ => request.judge(operation, request.named("KeyId"), "Encryption"),
    }
}

struct Request<'a> {
    kms: &'a Kms,
    session: Option<&'a RoleSession>,
    operation: &'a str,
    input: &'a Value,
}

impl<'a> Request<'a> {
    fn text(&self, member: &str) -> Option<&'a str> {
        self.input.get(member).and_then(Value::as_str)
    }

    fn named(&self, member: &str) -> Option<&'a Key> {
        self.kms.resolve(self.text(member)?).ok().map(|key| &**key)
    }

    fn of_blob(&self) -> Option<&'a Key> {
        let blob = BASE64_STANDARD.decode(self.text("CiphertextBlob")?).ok()?;
        self.kms.key(&Blob::decode(&blob).ok()?.key_id)
    }

    /// Judges `action`; `prefix` begins the names of the members that say how and with which context.
    fn judge(&self, action: &str, key: Option<&Key>, prefix: &str) -> Result<(), ApiError> {
        let Some(key) = key else { return Ok(()) };
        let context: EncryptionContext = self
            .input
            .get(format!("{prefix}Context"))
            .and_then(|context| serde_json::from_value(context.clone()).ok())
            .unwrap_or_default();
        let mut asked = self.kms.asked(action, key, &context);
        if let Some(session) = self.session {
            asked.principal = session.arn();
            asked.values.insert("aws:principalarn", vec![session.role_arn.clone()]);
        }
        let algorithm = self.text(&format!("{prefix}Algorithm"));
        let mut say = |name, value: Option<&str>| {
            if let Some(value) = value {
                asked.values.insert(name, vec![value.to_owned()]);
            }
        };
        let encrypts = matches!(self.operation, "Encrypt" | "Decrypt" | "ReEncrypt")
            || self.operation.starts_with("GenerateDataKey");
        say("kms:encryptionalgorithm", algorithm.or_else(|| encrypts.then_some("SYMMETRIC_DEFAULT")));
        say("kms:signingalgorithm", self.text("SigningAlgorithm"));
        say("kms:macalgorithm", self.text("MacAlgorithm"));
        let signs = matches!(self.operation, "Sign" | "Verify");
        say("kms:messagetype", self.text("MessageType").or_else(|| signs.then_some("RAW")));
        let named = self.text("KeyId").and_then(|text| text.find("alias/").map(|at| &text[at..]));
        say("kms:requestalias", named);
        say("kms:granteeprincipal", self.text("GranteePrincipal"));
        say("kms:retiringprincipal", self.text("RetiringPrincipal"));
        if self.operation == "CreateGrant" {
            say("kms:grantisforawsresource", Some("false"));
            let operations = self.input.get("Operations").and_then(Value::as_array).into_iter().flatten();
            let operations = operations.filter_map(|operation| operation.as_str().map(str::to_owned)).collect();
            asked.values.insert("kms:grantoperations", operations);
            let kinds = self.input.get("Constraints").and_then(Value::as_object).into_iter().flatten();
            let kinds: Vec<String> = kinds.map(|(kind, _)| kind.clone()).collect();
            if !kinds.is_empty() {
                asked.values.insert("kms:grantconstrainttype", kinds);
            }
        }
        Ok(self.kms.authorize(key, &asked)?)
    }
}
