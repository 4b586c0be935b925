//! Policies and their versions.
use std::sync::Arc;

use sekisho_policy::PolicyDocument;
use sekisho_types::{PolicyName, Random, Timestamp};
use serde::{Deserialize, Serialize};

use crate::registry::hex;
use crate::{Event, Registry, RegistryError, Resource};

/// AWS IoT Core's quota of versions of a policy, the one in force among them.
pub const POLICY_VERSIONS_MAX: usize = 5;

/// A policy with its versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name.
    pub policy_name: PolicyName,
    /// 64 hexadecimal digits.
    pub generation_id: String,
    /// When it was made.
    pub creation_date: Timestamp,
    /// When a version was made, deleted or put in force.
    pub last_modified_date: Timestamp,
    /// The version in force.
    pub default_version_id: u32,
    /// The id the next version gets; ids are never used again.
    pub next_version_id: u32,
    /// Oldest first. AWS lists the newest first.
    pub versions: Vec<PolicyVersion>,
}

/// One version of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// 1, 2, …
    pub version_id: u32,
    /// JSON, as it was given.
    pub document: String,
    /// When it was made.
    pub creation_date: Timestamp,
}

impl Policy {
    /// A version by its id.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn version(&self, version_id: u32) -> Result<&PolicyVersion, RegistryError> {
        self.versions.iter().find(|version| version.version_id == version_id).ok_or_else(|| {
            RegistryError::not_found(Resource::PolicyVersion, format_args!("{} of {}", version_id, self.policy_name))
        })
    }

    /// The version in force.
    pub fn default_version(&self) -> &PolicyVersion {
        self.version(self.default_version_id).expect("the version in force is never deleted")
    }
}

impl Registry {
    /// A policy by its name.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn policy(&self, policy_name: &PolicyName) -> Result<&Policy, RegistryError> {
        self.policies
            .get(policy_name)
            .map(|held| &held.policy)
            .ok_or_else(|| RegistryError::not_found(Resource::Policy, policy_name))
    }

    /// All policies, by name, ascending.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.policies.values().map(|held| &held.policy)
    }

    /// `arn:aws:iot:<region>:<account>:policy/<name>`.
    pub fn policy_arn(&self, policy_name: &PolicyName) -> String {
        self.tenant.arn("iot", format_args!("policy/{policy_name}"))
    }

    /// `CreatePolicy`: the document becomes version 1, in force.
    ///
    /// # Errors
    /// [`RegistryError::AlreadyExists`], [`RegistryError::MalformedPolicy`].
    pub fn create_policy(
        &self,
        now: Timestamp,
        policy_name: PolicyName,
        document: &str,
        random: &mut dyn Random,
    ) -> Result<(Vec<Event>, Policy), RegistryError> {
        if let Some(existing) = self.policies.get(&policy_name) {
            let policy_name = &existing.policy.policy_name;
            return Err(RegistryError::AlreadyExists {
                message: format!("Policy cannot be created - name already exists (name={policy_name})"),
                resource_id: policy_name.to_string(),
                resource_arn: self.policy_arn(policy_name),
            });
        }
        check(document)?;
        let mut generation = [0; 32];
        random.fill(&mut generation);
        let policy = Policy {
            policy_name,
            generation_id: hex(&generation),
            creation_date: now,
            last_modified_date: now,
            default_version_id: 1,
            next_version_id: 2,
            versions: vec![PolicyVersion { version_id: 1, document: document.to_owned(), creation_date: now }],
        };
        Ok((vec![Event::PolicyCreated { policy: policy.clone() }], policy))
    }

    /// `CreatePolicyVersion`.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::MalformedPolicy`], [`RegistryError::VersionsLimitExceeded`].
    pub fn create_policy_version(
        &self,
        now: Timestamp,
        policy_name: &PolicyName,
        document: &str,
        set_as_default: bool,
    ) -> Result<(Vec<Event>, PolicyVersion), RegistryError> {
        let policy = self.policy(policy_name)?;
        check(document)?;
        if policy.versions.len() >= POLICY_VERSIONS_MAX {
            return Err(RegistryError::VersionsLimitExceeded(format!(
                "The policy {policy_name} already has the maximum number of versions ({POLICY_VERSIONS_MAX})"
            )));
        }
        let version_id = policy.next_version_id;
        let version = PolicyVersion { version_id, document: document.to_owned(), creation_date: now };
        let event = Event::PolicyVersionCreated {
            policy_name: policy_name.clone(),
            version_id,
            document: document.to_owned(),
            set_as_default,
            at: now,
        };
        Ok((vec![event], version))
    }

    /// `SetDefaultPolicyVersion`. The version in force already is no error.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn set_default_policy_version(
        &self,
        now: Timestamp,
        policy_name: &PolicyName,
        version_id: u32,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        let policy = self.policy(policy_name)?;
        policy.version(version_id)?;
        if policy.default_version_id == version_id {
            return Ok((Vec::new(), ()));
        }
        Ok((vec![Event::PolicyDefaultVersionSet { policy_name: policy_name.clone(), version_id, at: now }], ()))
    }

    /// `DeletePolicyVersion`.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; [`RegistryError::DeleteConflict`] for the version in force.
    pub fn delete_policy_version(
        &self,
        now: Timestamp,
        policy_name: &PolicyName,
        version_id: u32,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        let policy = self.policy(policy_name)?;
        policy.version(version_id)?;
        if policy.default_version_id == version_id {
            return Err(RegistryError::DeleteConflict("Cannot delete the default version of a policy".to_owned()));
        }
        Ok((vec![Event::PolicyVersionDeleted { policy_name: policy_name.clone(), version_id, at: now }], ()))
    }

    /// `DeletePolicy`.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; [`RegistryError::DeleteConflict`] while it has other versions or is attached.
    pub fn delete_policy(&self, policy_name: &PolicyName) -> Result<(Vec<Event>, ()), RegistryError> {
        let policy = self.policy(policy_name)?;
        if self.policy_targets.is_linked_to(policy_name) {
            return Err(RegistryError::DeleteConflict(format!(
                "The policy cannot be deleted as the policy is attached to one or more principals (name={policy_name})"
            )));
        }
        if policy.versions.len() > 1 {
            return Err(RegistryError::DeleteConflict(format!(
                "The policy cannot be deleted as versions other than the default version exist (name={policy_name})"
            )));
        }
        Ok((vec![Event::PolicyDeleted { policy_name: policy_name.clone() }], ()))
    }
}

/// A policy in the fold, its version in force compiled once.
#[derive(Clone, Debug)]
pub(crate) struct HeldPolicy {
    pub(crate) policy: Policy,
    pub(crate) in_force: Arc<PolicyDocument>,
}

impl HeldPolicy {
    pub(crate) fn new(policy: Policy) -> Self {
        let in_force = Arc::new(compile(&policy.default_version().document));
        Self { policy, in_force }
    }

    pub(crate) fn add_version(&mut self, version: PolicyVersion, set_as_default: bool) {
        self.policy.last_modified_date = version.creation_date;
        self.policy.next_version_id = version.version_id + 1;
        let version_id = version.version_id;
        let at = version.creation_date;
        self.policy.versions.push(version);
        if set_as_default {
            self.set_default(version_id, at);
        }
    }

    pub(crate) fn set_default(&mut self, version_id: u32, at: Timestamp) {
        if self.policy.version(version_id).is_err() {
            return;
        }
        self.policy.default_version_id = version_id;
        self.policy.last_modified_date = at;
        self.in_force = Arc::new(compile(&self.policy.default_version().document));
    }

    pub(crate) fn delete_version(&mut self, version_id: u32, at: Timestamp) {
        let in_force = self.policy.default_version_id;
        self.policy.versions.retain(|version| version.version_id != version_id || version.version_id == in_force);
        self.policy.last_modified_date = at;
    }
}

fn check(document: &str) -> Result<(), RegistryError> {
    PolicyDocument::parse(document).map(drop).map_err(|error| RegistryError::MalformedPolicy(error.to_string()))
}

/// Every document in an event was parsed by a command. Should a later release refuse one that an earlier took, its denials
/// must not be lost with it: it then denies everything, and the operator sees the policy stop working.
fn compile(document: &str) -> PolicyDocument {
    const DENY_ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
    PolicyDocument::parse(document)
        .or_else(|_| PolicyDocument::parse(DENY_ALL))
        .expect("the document that denies everything is a policy")
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    #[rustfmt::skip] // citation                                          command                                  answer
    fn versions() { check(&[
        ("iot CreatePolicy",                                              "create-policy p a",                     "ok"),
        ("iot CreatePolicy: ResourceAlreadyExistsException",              "create-policy p a",                     "AlreadyExists: Policy cannot be created - name already exists (name=p)"),
        ("iot PolicyName: pattern",                                       "create-policy a/b a",                   "InvalidRequest: `a/b` is not a valid policy name: 1 to 128 of a-z A-Z 0-9 _ + = , . @ -"),
        ("iot GetPolicy: defaultVersionId",                               "list-policy-versions p",                "1*"),
        ("iot GetPolicy: ResourceNotFoundException",                      "list-policy-versions q",                "NotFound: Policy q not found"),
        ("iot CreatePolicyVersion: setAsDefault absent",                  "create-policy-version p b",             "2"),
        ("iot CreatePolicyVersion: setAsDefault",                         "create-policy-version p c default",     "3"),
        ("iot ListPolicyVersions",                                        "list-policy-versions p",                "3* 2 1"),
        ("iot SetDefaultPolicyVersion",                                   "set-default p 2",                       "ok"),
        ("iot SetDefaultPolicyVersion",                                   "set-default p 2",                       "ok, nothing happened"),
        ("iot SetDefaultPolicyVersion: ResourceNotFoundException",        "set-default p 4",                       "NotFound: Policy version 4 of p not found"),
        ("iot DeletePolicyVersion: default",                              "delete-policy-version p 2",             "DeleteConflict: Cannot delete the default version of a policy"),
        ("iot DeletePolicyVersion",                                       "delete-policy-version p 3",             "ok"),
        ("iot DeletePolicyVersion: ResourceNotFoundException",            "delete-policy-version p 3",             "NotFound: Policy version 3 of p not found"),
        ("iot CreatePolicyVersion: ids are not used again",               "create-policy-version p d",             "4"),
        ("iot quotas: versions of a policy",                              "create-policy-version p e",             "5"),
        ("iot quotas: versions of a policy",                              "create-policy-version p f",             "6"),
        ("iot quotas: versions of a policy",                              "create-policy-version p g",             "VersionsLimitExceeded: The policy p already has the maximum number of versions (5)"),
        ("iot DeletePolicy: versions",                                    "delete-policy p",                       "DeleteConflict: The policy cannot be deleted as versions other than the default version exist (name=p)"),
        ("iot CreatePolicyVersion: ResourceNotFoundException",            "create-policy-version q a",             "NotFound: Policy q not found"),
    ]) }

    #[test]
    #[rustfmt::skip] // citation                                          command                                  answer
    fn deletion() { check(&[
        ("iot DeletePolicy: attached",                                    "create-policy p a",                     "ok"),
        ("iot DeletePolicy: attached",                                    "issue #0",                              "ok"),
        ("iot DeletePolicy: attached",                                    "attach-policy p #0",                    "ok"),
        ("aws-nuke 374",                                                  "delete-policy p",                       "DeleteConflict: The policy cannot be deleted as the policy is attached to one or more principals (name=p)"),
        ("iot DeletePolicy: attached",                                    "detach-policy p #0",                    "ok"),
        ("iot DeletePolicy",                                              "delete-policy p",                       "ok"),
        ("iot DeletePolicy: ResourceNotFoundException",                   "delete-policy p",                       "NotFound: Policy p not found"),
        ("iot ListPolicies",                                              "list-policies",                         ""),
    ]) }

    #[test]
    fn a_document_that_a_later_release_refuses_denies_everything() {
        let denies = format!("{:?}", super::compile("{}"));
        assert!(denies.contains("Deny") && !denies.contains("Allow"), "{denies}");
    }

    #[test]
    fn what_is_no_policy_is_malformed() {
        let mut world = crate::testing::World::new();
        for document in ["{", "{}", r#"{"Version":"2012-10-17"}"#] {
            assert!(world.run(&format!("create-policy p {document}")).starts_with("MalformedPolicy: "), "{document}");
        }
    }
}
