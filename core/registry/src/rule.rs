//! Topic rules: the payload as it was given, and its SQL compiled beside it.
use std::sync::Arc;

use sekisho_rules::{Action, ActionError, Program, SqlVersion, compile};
use sekisho_types::{HttpUrl, RuleName, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Event, Registry, RegistryError, Resource};

/// AWS IoT Core's quota of rules of an account.
pub const TOPIC_RULES_MAX: usize = 1000;
/// AWS IoT Core's limit on a rule, in bytes of its `topicRulePayload`.
const RULE_BYTES_MAX: usize = 256 * 1024;
/// AWS IoT Core's quota of actions of a rule.
const ACTIONS_MAX: usize = 10;

/// A topic rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopicRule {
    /// Its name.
    pub rule_name: RuleName,
    /// When it was made; replacing a rule keeps it.
    pub created_at: Timestamp,
    /// How often it was replaced: records carry it, so that one tells which statement selected it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replacements: u32,
    /// The API's `topicRulePayload`: `sql`, `actions`, and so on.
    pub payload: Value,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl TopicRule {
    /// The statement.
    pub fn sql(&self) -> &str {
        self.payload.get("sql").and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether messages pass it by.
    pub fn rule_disabled(&self) -> bool {
        self.payload.get("ruleDisabled").and_then(Value::as_bool).unwrap_or(false)
    }

    /// What to do with a selected message, each as the API spells it.
    pub fn actions(&self) -> &[Value] {
        self.payload.get("actions").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// What to do where an action failed.
    pub fn error_action(&self) -> Option<&Value> {
        self.payload.get("errorAction").filter(|action| !action.is_null())
    }

    /// Where owners of endpoints are to be asked whether this rule may call them.
    pub fn confirmation_urls(&self) -> Vec<HttpUrl> {
        let Ok(program) = self.compile() else { return Vec::new() };
        let actions = self.actions().iter().chain(self.error_action());
        let asked = actions.filter_map(|action| match Action::parse(action, &program) {
            Ok(Action::Http(http)) => http.confirmation_url().cloned(),
            _ => None,
        });
        asked.collect()
    }

    fn version(&self) -> Result<SqlVersion, RegistryError> {
        match self.payload.get("awsIotSqlVersion").and_then(Value::as_str) {
            None => Ok(SqlVersion::default()),
            Some(text) => SqlVersion::parse(text)
                .ok_or_else(|| RegistryError::SqlParse(format!("{text} is not a version of AWS IoT SQL"))),
        }
    }

    fn compile(&self) -> Result<Program, RegistryError> {
        let version = self.version()?;
        compile(self.sql(), version).map_err(|error| RegistryError::SqlParse(error.to_string()))
    }

    /// Its actions, the error action last.
    fn check(&self) -> Result<Vec<Action>, RegistryError> {
        if self.actions().len() > ACTIONS_MAX {
            let message = format!("A rule can have at most {ACTIONS_MAX} actions");
            return Err(RegistryError::InvalidRequest(message));
        }
        if self.payload.to_string().len() > RULE_BYTES_MAX {
            let message = format!("A rule can have at most {RULE_BYTES_MAX} bytes");
            return Err(RegistryError::InvalidRequest(message));
        }
        let program = self.compile()?;
        let actions = self.actions().iter().map(|action| Action::parse(action, &program));
        let error_action = self.error_action().map(|action| Action::parse_error_action(action, &program));
        let read: Result<Vec<Action>, ActionError> = actions.chain(error_action).collect();
        read.map_err(|error| match error {
            ActionError::Template { .. } => RegistryError::SqlParse(error.to_string()),
            ActionError::NotOffered(_) | ActionError::Invalid(_) => RegistryError::InvalidRequest(error.to_string()),
        })
    }
}

impl Registry {
    /// A rule by its name.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn topic_rule(&self, rule_name: &RuleName) -> Result<&TopicRule, RegistryError> {
        self.rules
            .get(rule_name)
            .map(|held| &held.rule)
            .ok_or_else(|| RegistryError::not_found(Resource::TopicRule, rule_name))
    }

    /// All rules with their compiled statements, by name, ascending.
    pub fn topic_rules(&self) -> impl Iterator<Item = (&TopicRule, Option<&Arc<Program>>)> {
        self.rules.values().map(|held| (&held.rule, held.program.as_ref()))
    }

    /// `arn:aws:iot:<region>:<account>:rule/<name>`.
    pub fn topic_rule_arn(&self, rule_name: &RuleName) -> String {
        self.tenant.arn("iot", format_args!("rule/{rule_name}"))
    }

    /// `CreateTopicRule`.
    ///
    /// # Errors
    /// [`RegistryError::AlreadyExists`], [`RegistryError::SqlParse`], [`RegistryError::InvalidRequest`].
    pub fn create_topic_rule(
        &self,
        now: Timestamp,
        rule_name: RuleName,
        payload: Value,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        if self.rules.contains_key(&rule_name) {
            return Err(RegistryError::AlreadyExists {
                message: format!("Rule with name {rule_name} already exists"),
                resource_id: rule_name.to_string(),
                resource_arn: self.topic_rule_arn(&rule_name),
            });
        }
        if self.rules.len() >= TOPIC_RULES_MAX {
            // The model gives CreateTopicRule no LimitExceededException.
            return Err(RegistryError::InvalidRequest(format!("An account can have at most {TOPIC_RULES_MAX} rules")));
        }
        let rule = TopicRule { rule_name, created_at: now, replacements: 0, payload };
        self.check_destinations(&rule.check()?)?;
        Ok((vec![Event::TopicRulePut { rule }], ()))
    }

    /// `ReplaceTopicRule`.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::SqlParse`], [`RegistryError::InvalidRequest`].
    pub fn replace_topic_rule(&self, rule_name: &RuleName, payload: Value) -> Result<(Vec<Event>, ()), RegistryError> {
        let present = self.topic_rule(rule_name)?;
        let (created_at, replacements) = (present.created_at, present.replacements.saturating_add(1));
        let rule = TopicRule { rule_name: rule_name.clone(), created_at, replacements, payload };
        self.check_destinations(&rule.check()?)?;
        Ok((vec![Event::TopicRulePut { rule }], ()))
    }

    /// The private networks that actions reach into are there, enabled or not.
    fn check_destinations(&self, actions: &[Action]) -> Result<(), RegistryError> {
        let arns = actions.iter().filter_map(|action| match action {
            Action::Kafka(kafka) => Some(kafka.destination_arn()),
            _ => None,
        });
        let is_there = |arn: &str| self.destination_of_arn(arn).is_ok_and(|found| found.endpoint().is_none());
        match arns.into_iter().find(|arn| !is_there(arn)) {
            Some(arn) => {
                let message = format!("kafka: destinationArn: there is no VPC destination `{arn}`");
                Err(RegistryError::InvalidRequest(message))
            }
            None => Ok(()),
        }
    }

    /// `EnableTopicRule`, `DisableTopicRule`. What it is already is no error.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn set_topic_rule_disabled(
        &self,
        rule_name: &RuleName,
        disabled: bool,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        let mut rule = self.topic_rule(rule_name)?.clone();
        if rule.rule_disabled() == disabled {
            return Ok((Vec::new(), ()));
        }
        if let Value::Object(payload) = &mut rule.payload {
            payload.insert("ruleDisabled".to_owned(), Value::Bool(disabled));
        }
        Ok((vec![Event::TopicRulePut { rule }], ()))
    }

    /// `DeleteTopicRule`. A rule that does not exist is no error.
    ///
    /// # Errors
    /// None so far.
    pub fn delete_topic_rule(&self, rule_name: &RuleName) -> Result<(Vec<Event>, ()), RegistryError> {
        let exists = self.rules.contains_key(rule_name);
        Ok((exists.then(|| Event::TopicRuleDeleted { rule_name: rule_name.clone() }).into_iter().collect(), ()))
    }
}

/// A rule in the fold.
#[derive(Clone, Debug)]
pub(crate) struct HeldRule {
    pub(crate) rule: TopicRule,
    /// Absent only if a later release refuses a statement that an earlier one took. Such a rule selects nothing, and its
    /// description shows it.
    pub(crate) program: Option<Arc<Program>>,
}

impl HeldRule {
    pub(crate) fn new(rule: TopicRule) -> Self {
        let program = rule.compile().ok().map(Arc::new);
        Self { rule, program }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{World, check};

    #[test]
    #[rustfmt::skip] // citation                                          command                                  answer
    fn rules() { check(&[
        ("iot CreateTopicRule",                                           "create-rule r SELECT * FROM 'a/+'",     "ok"),
        ("iot CreateTopicRule: ResourceAlreadyExistsException",           "create-rule r SELECT * FROM 'a/+'",     "AlreadyExists: Rule with name r already exists"),
        ("iot RuleName: pattern",                                         "create-rule a-b SELECT * FROM 'a'",     "InvalidRequest: `a-b` is not a valid rule name: 1 to 128 of a-z A-Z 0-9 _"),
        ("iot GetTopicRule: missing",                                     "replace-rule q SELECT * FROM 'a'",      "NotFound: Topic rule q not found"),
        ("iot ReplaceTopicRule",                                          "replace-rule r SELECT a FROM 'b'",      "ok"),
        ("iot ListTopicRules",                                            "create-rule q SELECT * FROM 'a'",       "ok"),
        ("iot ListTopicRules",                                            "list-rules",                            "q r"),
        ("iot DisableTopicRule",                                          "disable-rule r",                        "ok"),
        ("iot DisableTopicRule: again",                                   "disable-rule r",                        "ok, nothing happened"),
        ("iot DisableTopicRule",                                          "list-enabled-rules",                    "q"),
        ("iot DisableTopicRule",                                          "list-rules",                            "q r"),
        ("iot EnableTopicRule",                                           "enable-rule r",                         "ok"),
        ("iot EnableTopicRule",                                           "list-enabled-rules",                    "q r"),
        ("iot DisableTopicRule: missing",                                 "disable-rule x",                        "NotFound: Topic rule x not found"),
        ("iot DeleteTopicRule",                                           "delete-rule r",                         "ok"),
        ("here: deleting what is not there is no error",                  "delete-rule r",                         "ok, nothing happened"),
        ("iot ListTopicRules",                                            "list-rules",                            "q"),
    ]) }

    #[test]
    fn a_rule_counts_its_replacements_and_nothing_else() {
        let mut world = World::new();
        for (command, count) in [
            ("create-rule r SELECT * FROM 'a'", "r@0"),
            ("replace-rule r SELECT * FROM 'b'", "r@1"),
            ("disable-rule r", "r@1"),
            ("replace-rule r SELEKT", "r@1"),
            ("replace-rule r SELECT * FROM 'c'", "r@2"),
        ] {
            world.run(command);
            assert_eq!(world.run("list-rule-versions"), count, "{command}");
        }
        world.run("delete-rule r");
        world.run("create-rule r SELECT * FROM 'a'");
        assert_eq!(world.run("list-rule-versions"), "r@0", "another rule of the same name");
        let kept = r#"{"topic_rule_put": {"rule": {"rule_name": "r", "created_at": 1, "payload": {}}}}"#;
        let crate::Event::TopicRulePut { rule } = serde_json::from_str(kept).unwrap() else { panic!("a rule") };
        assert_eq!(rule.replacements, 0, "what was written before they were counted");
    }

    #[test]
    fn what_cannot_be_compiled_is_refused_and_leaves_the_rule_as_it_was() {
        let mut world = World::new();
        assert!(world.run("create-rule r SELEKT * FROM 'a'").starts_with("SqlParse: "));
        assert_eq!(world.run("create-rule r SELECT * FROM 'a'"), "ok");
        assert!(world.run("replace-rule r SELEKT * FROM 'a'").starts_with("SqlParse: "));
        let (rule, program) = world.registry.rules().next().unwrap();
        assert_eq!(rule.sql(), "SELECT * FROM 'a'");
        assert!(format!("{program:?}").contains('a'));
    }

    #[test]
    fn versions_and_numbers_of_actions() {
        let registry = World::new().registry;
        let name = sekisho_types::RuleName::parse("r").unwrap();
        let create = |version: &str, actions: usize| {
            let action = serde_json::json!({"firehose": {"deliveryStreamName": "s", "roleArn": "r"}});
            let actions = vec![action; actions];
            let payload =
                serde_json::json!({"sql": "SELECT * FROM 'a'", "awsIotSqlVersion": version, "actions": actions});
            registry.create_topic_rule(crate::testing::NOW, name.clone(), payload).map(drop)
        };
        assert_eq!(create("2016-03-23", 10), Ok(()), "iot TopicRulePayload: at most 10 actions");
        assert!(matches!(create("2016-03-23", 11), Err(crate::RegistryError::InvalidRequest(_))));
        assert!(matches!(create("2017-01-01", 1), Err(crate::RegistryError::SqlParse(_))));
    }
}
