//! Nothing an operator writes into a policy, and nothing it is asked about, may panic.
use std::sync::Arc;

use sekisho_identity::{CertificateRecord, CertificateStatus, DeviceIdentity};
use sekisho_policy::{
    Action, Connect, Context, Outcome, PolicyDocument, PolicySet, Publish, Receive, RetainPublish, Subscribe,
    ThingContext, authorize, explain,
};
use sekisho_types::{AccountId, CertificateId, ClientId, PolicyName, Region, Tenant, Timestamp};
use sekisho_types::{ThingName, TopicFilter, TopicName};

struct Device {
    who: DeviceIdentity,
    context: Context,
}

impl Device {
    fn new() -> Self {
        let (now, not_after) = (Timestamp::from_seconds(0), Timestamp::from_seconds(9));
        let record = CertificateRecord { status: CertificateStatus::Active, not_before: now, not_after };
        let who = DeviceIdentity::establish(CertificateId::new([1; 32]), &record, now).unwrap();
        let (account, region) = (AccountId::parse("000000000000").unwrap(), Region::parse("us-east-1").unwrap());
        let thing = ThingContext {
            thing_name: ThingName::parse("pump-7").unwrap(),
            thing_type_name: None,
            attributes: [("hall".to_owned(), "3".to_owned())].into(),
            is_attached: true,
        };
        let context = Context {
            client_id: Some(ClientId::parse("窯*").unwrap()),
            thing: Some(thing),
            source_ip: Some([10, 1, 2, 3].into()),
            last_will: true,
            now: Some(Timestamp::from_seconds(17)),
            ..Context::new(Tenant { account, region })
        };
        Self { who, context }
    }

    fn ask<A: Action>(&self, action: A, policies: &PolicySet) {
        let resource = self.context.tenant.arn("iot", action.resource());
        let explained = explain(A::NAME, &resource, policies, &self.context);
        let decided = authorize(&self.who, action, policies, &self.context);
        assert_eq!(explained.outcome == Outcome::Allowed, decided.is_ok());
        if let Err(denied) = decided {
            assert_eq!(explained.outcome == Outcome::ExplicitDeny, denied.is_explicit());
            assert_eq!(denied.action(), A::NAME);
            assert!(denied.to_string().starts_with(A::NAME.as_str()));
        }
    }

    fn ask_everything(&self, document: &str) {
        let Ok(document) = PolicyDocument::parse(document) else { return };
        let policies = PolicySet::new(vec![(PolicyName::parse("p").unwrap(), Arc::new(document))]);
        let topic = TopicName::parse("topic/a/窯/10.0.0.0/8").unwrap();
        self.ask(Connect { client_id: ClientId::parse("窯*").unwrap() }, &policies);
        self.ask(Publish { topic: topic.clone() }, &policies);
        self.ask(RetainPublish { topic: topic.clone() }, &policies);
        self.ask(Receive { topic }, &policies);
        self.ask(Subscribe { filter: TopicFilter::parse("a/+/#").unwrap() }, &policies);
    }
}

#[test]
fn policy_document() {
    let device = Device::new();
    bolero::check!().for_each(|bytes: &[u8]| device.ask_everything(&String::from_utf8_lossy(bytes)));
}

/// Random bytes are hardly ever a document; random choices of a document's words often are.
#[test]
fn policy_document_of_words() {
    #[rustfmt::skip]
    const WORDS: &[&str] = &[
        "*", "?", "**?", "${*}", "${iot:ClientId}", "${iot:Connection.Thing.Attributes[hall]}", "${", "}", "${}", "a", "窯", "/", "topic/",
        "client/", "10.0.0.0/8", "::/0", "true", "3", "-1e999", "2026-11-24", "arn:*:s3::", ":", "${iot:ClientId}:",
    ];
    #[rustfmt::skip]
    const KEYS: &[&str] = &[
        "iot:ClientId", "aws:SourceIp", "iot:ConnectAttributes", "iot:Connection.Thing.Attributes[hall]",
        "iot:Certificate.Subject.CommonName.List", "aws:CurrentTime", "aws:EpochTime", "x",
    ];
    #[rustfmt::skip]
    const OPERATORS: &[&str] = &[
        "StringLike", "StringNotEquals", "NumericLessThan", "IpAddress", "Bool", "DateEquals", "StringLikeIfExists", "ArnLike",
        "ArnNotEquals",
    ];
    const SETS: &[&str] = &["", "ForAllValues:", "ForAnyValue:"];
    let device = Device::new();
    bolero::check!().with_type::<(Vec<u8>, [u8; 4])>().for_each(|(words, [deny, key, operator, set])| {
        let pick = |choices: &[&'static str], byte: &u8| choices[usize::from(*byte) % choices.len()];
        let text: String = words.iter().map(|byte| pick(WORDS, byte)).collect();
        let effect = if deny % 2 == 0 { "Allow" } else { "Deny" };
        let operator = format!("{}{}", pick(SETS, set), pick(OPERATORS, operator));
        let document = serde_json::json!({"Statement": {"Effect": effect, "Action": "*", "Resource": format!("*{text}"),
            "Condition": {operator: {pick(KEYS, key): text}}}});
        device.ask_everything(&document.to_string());
    });
}
