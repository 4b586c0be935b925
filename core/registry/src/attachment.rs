//! Who speaks for whom: policies on certificates and thing groups, certificates on things.
use std::collections::BTreeSet;

use sekisho_types::{CertificateId, PolicyName, ThingGroupName, ThingName};
use serde::{Deserialize, Serialize};

use crate::{Certificate, Event, Policy, Registry, RegistryError};

/// AWS IoT Core's quota of policies attached to one principal.
pub const POLICIES_PER_PRINCIPAL_MAX: usize = 10;

/// AWS IoT Core's quota of policies attached to one thing group.
pub const POLICIES_PER_THING_GROUP_MAX: usize = 2;

/// What a policy can be attached to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyTarget {
    /// A certificate.
    Certificate(CertificateId),
    /// A thing group: every certificate of every thing in it and in the groups below.
    ThingGroup(ThingGroupName),
}

/// Whether a certificate may belong to other things too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ThingPrincipalType {
    /// It belongs to this thing alone, whatever client id it connects with.
    ExclusiveThing,
    /// It may belong to several; the client id says which is meant.
    #[default]
    NonExclusiveThing,
}

impl ThingPrincipalType {
    /// The API's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExclusiveThing => "EXCLUSIVE_THING",
            Self::NonExclusiveThing => "NON_EXCLUSIVE_THING",
        }
    }

    /// The type the API spells so.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::ExclusiveThing, Self::NonExclusiveThing].into_iter().find(|kind| kind.as_str() == text)
    }
}

impl Registry {
    /// `AttachPolicy`. Attached already is no error.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the policy or the target, [`RegistryError::InvalidRequest`] for what can be none,
    /// [`RegistryError::LimitExceeded`] at a certificate's eleventh and a thing group's third.
    pub fn attach_policy(&self, policy_name: &PolicyName, target: &str) -> Result<(Vec<Event>, ()), RegistryError> {
        self.policy(policy_name)?;
        let target = self.existing_target(target)?;
        if self.policy_targets.kind(&target, policy_name).is_some() {
            return Ok((Vec::new(), ()));
        }
        let max = match target {
            PolicyTarget::Certificate(_) => POLICIES_PER_PRINCIPAL_MAX,
            PolicyTarget::ThingGroup(_) => POLICIES_PER_THING_GROUP_MAX,
        };
        if self.policy_targets.count(&target) >= max {
            return Err(RegistryError::LimitExceeded(format!(
                "The maximum number of policies attached to {} is {max}",
                self.target_arn(&target)
            )));
        }
        Ok((vec![Event::PolicyAttached { policy_name: policy_name.clone(), target }], ()))
    }

    /// `DetachPolicy`. Not attached is no error.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the policy, [`RegistryError::InvalidRequest`] for what can be no target.
    pub fn detach_policy(&self, policy_name: &PolicyName, target: &str) -> Result<(Vec<Event>, ()), RegistryError> {
        self.policy(policy_name)?;
        let target = self.target(target)?;
        if self.policy_targets.kind(&target, policy_name).is_none() {
            return Ok((Vec::new(), ()));
        }
        Ok((vec![Event::PolicyDetached { policy_name: policy_name.clone(), target }], ()))
    }

    /// `ListAttachedPolicies`: names, ascending; with `recursive` those of the groups a thing group is in too.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the target, [`RegistryError::InvalidRequest`] for what can be none.
    pub fn attached_policies(&self, target: &str, recursive: bool) -> Result<BTreeSet<&PolicyName>, RegistryError> {
        let target = self.existing_target(target)?;
        let mut names: BTreeSet<_> = self.policy_targets.of(&target).map(|(name, ())| name).collect();
        if let (PolicyTarget::ThingGroup(name), true) = (&target, recursive) {
            for ancestor in self.ancestors(self.thing_group(name)?) {
                let target = PolicyTarget::ThingGroup(ancestor.thing_group_name.clone());
                names.extend(self.policy_targets.of(&target).map(|(name, ())| name));
            }
        }
        Ok(names)
    }

    /// `ListTargetsForPolicy`: ARNs, ascending.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the policy.
    pub fn targets_of_policy(&self, policy_name: &PolicyName) -> Result<Vec<String>, RegistryError> {
        self.policy(policy_name)?;
        Ok(self.policy_targets.to(policy_name).map(|target| self.target_arn(target)).collect())
    }

    /// `ListPolicyPrincipals`: the certificates among its targets; thing groups are no principals.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the policy.
    pub fn principals_of_policy(&self, policy_name: &PolicyName) -> Result<Vec<&Certificate>, RegistryError> {
        self.policy(policy_name)?;
        let principals = self.policy_targets.to(policy_name).filter_map(|target| match target {
            PolicyTarget::Certificate(certificate_id) => self.certificates.get(certificate_id),
            PolicyTarget::ThingGroup(_) => None,
        });
        Ok(principals.collect())
    }

    /// `ListPrincipalPolicies`: by name, ascending.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the certificate, [`RegistryError::InvalidRequest`] for a principal that is none.
    pub fn policies_of_principal(&self, principal: &str) -> Result<Vec<&Policy>, RegistryError> {
        self.principal(principal)?;
        self.attached_policies(principal, false)?.into_iter().map(|name| self.policy(name)).collect()
    }

    /// `AttachThingPrincipal`. Attached already in the same way is no error.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the thing or the certificate; [`RegistryError::InvalidRequest`] for a principal that is
    /// no certificate, and where an exclusive attachment would not be, or would not stay, the only one.
    pub fn attach_thing_principal(
        &self,
        thing_name: &ThingName,
        principal: &str,
        thing_principal_type: ThingPrincipalType,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        self.thing(thing_name)?;
        let certificate_id = self.principal(principal)?;
        self.certificate(certificate_id)?;
        if self.thing_principals.kind(&certificate_id, thing_name) == Some(thing_principal_type) {
            return Ok((Vec::new(), ()));
        }
        let exclusive = |kind| kind == ThingPrincipalType::ExclusiveThing;
        let mut others = self.thing_principals.of(&certificate_id);
        if let Some((other, _)) = others.find(|(_, kind)| exclusive(*kind) || exclusive(thing_principal_type)) {
            return Err(RegistryError::InvalidRequest(format!(
                "Principal {principal} is attached to thing {other}; an exclusive attachment must be its only one"
            )));
        }
        let thing_name = thing_name.clone();
        Ok((vec![Event::ThingPrincipalAttached { thing_name, certificate_id, thing_principal_type }], ()))
    }

    /// `DetachThingPrincipal`. Not attached is no error.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the thing, [`RegistryError::InvalidRequest`] for a principal that is no certificate.
    pub fn detach_thing_principal(
        &self,
        thing_name: &ThingName,
        principal: &str,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        self.thing(thing_name)?;
        let certificate_id = self.principal(principal)?;
        if self.thing_principals.kind(&certificate_id, thing_name).is_none() {
            return Ok((Vec::new(), ()));
        }
        Ok((vec![Event::ThingPrincipalDetached { thing_name: thing_name.clone(), certificate_id }], ()))
    }

    /// `ListThingPrincipals`, `ListThingPrincipalsV2`: ARNs and how each is attached, ascending.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the thing.
    pub fn principals_of_thing(
        &self,
        thing_name: &ThingName,
    ) -> Result<Vec<(String, ThingPrincipalType)>, RegistryError> {
        self.thing(thing_name)?;
        let with_kind = |id: &CertificateId| {
            self.thing_principals.kind(id, thing_name).map(|kind| (self.certificate_arn(*id), kind))
        };
        Ok(self.thing_principals.to(thing_name).filter_map(with_kind).collect())
    }

    /// The certificates attached to a thing, ascending; none of one that is not there.
    pub fn certificates_of_thing<'a>(&'a self, thing_name: &'a ThingName) -> impl Iterator<Item = CertificateId> + 'a {
        self.thing_principals.to(thing_name).copied()
    }

    /// `ListPrincipalThings`, `ListPrincipalThingsV2`: names and how each is attached, ascending.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the certificate, [`RegistryError::InvalidRequest`] for a principal that is none.
    pub fn things_of_principal(&self, principal: &str) -> Result<Vec<(&ThingName, ThingPrincipalType)>, RegistryError> {
        let certificate_id = self.principal(principal)?;
        self.certificate(certificate_id)?;
        Ok(self.thing_principals.of(&certificate_id).collect())
    }

    fn target(&self, arn: &str) -> Result<PolicyTarget, RegistryError> {
        let certificate = self.certificate_of_arn(arn).map(PolicyTarget::Certificate);
        let target = certificate.or_else(|| {
            let name = self.tenant.resource_of("iot", arn)?.strip_prefix("thinggroup/")?;
            ThingGroupName::parse(name).ok().map(PolicyTarget::ThingGroup)
        });
        target.ok_or_else(|| {
            RegistryError::InvalidRequest(format!(
                "Invalid target: {arn} is not a certificate's or a thing group's ARN"
            ))
        })
    }

    fn existing_target(&self, arn: &str) -> Result<PolicyTarget, RegistryError> {
        let target = self.target(arn)?;
        match &target {
            PolicyTarget::Certificate(certificate_id) => self.certificate(*certificate_id).map(drop)?,
            PolicyTarget::ThingGroup(name) => self.thing_group(name).map(drop)?,
        }
        Ok(target)
    }

    fn target_arn(&self, target: &PolicyTarget) -> String {
        match target {
            PolicyTarget::Certificate(certificate_id) => self.certificate_arn(*certificate_id),
            PolicyTarget::ThingGroup(name) => self.thing_group_arn(name),
        }
    }

    fn principal(&self, arn: &str) -> Result<CertificateId, RegistryError> {
        self.certificate_of_arn(arn).ok_or_else(|| {
            RegistryError::InvalidRequest(format!("Invalid principal: {arn} is not a certificate's ARN"))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{World, check};

    #[test]
    #[rustfmt::skip] // citation                                          command                                  answer
    fn policies_on_certificates() { check(&[
        ("iot AttachPolicy: ResourceNotFoundException",                   "attach-policy p #0",                    "NotFound: Policy p not found"),
        ("iot AttachPolicy",                                              "create-policy p a",                     "ok"),
        ("iot AttachPolicy: ResourceNotFoundException",                   "attach-policy p #0",                    "NotFound: Certificate #0 not found"),
        ("iot AttachPolicy",                                              "issue #0",                              "ok"),
        ("iot AttachPolicy",                                              "attach-policy p #0",                    "ok"),
        ("iot AttachPolicy: idempotent",                                  "attach-policy p #0",                    "ok, nothing happened"),
        ("iot AttachPolicy: target",                                      "attach-policy p nonsense",              "InvalidRequest: Invalid target: nonsense is not a certificate's or a thing group's ARN"),
        ("iot AttachPolicy: target of another account",                   "attach-policy p arn:aws:iot:eu-north-1:111111111111:cert/0",  "InvalidRequest: Invalid target: arn:aws:iot:eu-north-1:111111111111:cert/0 is not a certificate's or a thing group's ARN"),
        ("iot ListAttachedPolicies",                                      "create-policy o a",                     "ok"),
        ("iot ListAttachedPolicies",                                      "attach-policy o #0",                    "ok"),
        ("iot ListAttachedPolicies",                                      "list-attached-policies #0",             "o p"),
        ("iot ListAttachedPolicies: ResourceNotFoundException",           "list-attached-policies #1",             "NotFound: Certificate #1 not found"),
        ("iot ListTargetsForPolicy",                                      "list-targets p",                        "arn:aws:iot:eu-north-1:000000000000:cert/#0"),
        ("iot ListTargetsForPolicy: ResourceNotFoundException",           "list-targets q",                        "NotFound: Policy q not found"),
        ("iot DetachPolicy",                                              "detach-policy p #0",                    "ok"),
        ("iot DetachPolicy: idempotent",                                  "detach-policy p #0",                    "ok, nothing happened"),
        ("iot DetachPolicy: ResourceNotFoundException",                   "detach-policy q #0",                    "NotFound: Policy q not found"),
        ("iot ListAttachedPolicies",                                      "list-attached-policies #0",             "o"),
    ]) }

    #[test]
    fn ten_policies_are_attached_and_the_eleventh_is_refused() {
        let mut world = World::new();
        world.run("issue #0");
        for name in "abcdefghijk".chars() {
            assert_eq!(world.run(&format!("create-policy {name} a")), "ok");
            let answer = if name < 'k' {
                "ok"
            } else {
                "LimitExceeded: The maximum number of policies attached to arn:aws:iot:eu-north-1:000000000000:cert/#0 is 10"
            };
            assert_eq!(world.run(&format!("attach-policy {name} #0")), answer, "iot quotas: policies per principal");
        }
    }

    #[test]
    #[rustfmt::skip] // citation                                          command                                  answer
    fn certificates_on_things() { check(&[
        ("iot AttachThingPrincipal: ResourceNotFoundException",           "attach-principal a #0",                 "NotFound: Thing a not found"),
        ("iot AttachThingPrincipal",                                      "create-thing a",                        "ok"),
        ("iot AttachThingPrincipal",                                      "create-thing b",                        "ok"),
        ("iot AttachThingPrincipal: ResourceNotFoundException",           "attach-principal a #0",                 "NotFound: Certificate #0 not found"),
        ("iot AttachThingPrincipal: principal",                           "attach-principal a nonsense",           "InvalidRequest: Invalid principal: nonsense is not a certificate's ARN"),
        ("iot AttachThingPrincipal",                                      "issue #0",                              "ok"),
        ("iot AttachThingPrincipal",                                      "issue #1",                              "ok"),
        ("iot AttachThingPrincipal",                                      "attach-principal a #0",                 "ok"),
        ("iot AttachThingPrincipal: again",                               "attach-principal a #0",                 "ok, nothing happened"),
        ("iot AttachThingPrincipal: several things",                      "attach-principal b #0",                 "ok"),
        ("iot ListPrincipalThingsV2",                                     "list-principal-things #0",              "a NON_EXCLUSIVE_THING b NON_EXCLUSIVE_THING"),
        ("iot dev guide: exclusive-thing, others are there",              "attach-principal a #0 exclusive",       "InvalidRequest: Principal arn:aws:iot:eu-north-1:000000000000:cert/#0 is attached to thing a; an exclusive attachment must be its only one"),
        ("iot dev guide: exclusive-thing",                                "attach-principal a #1 exclusive",       "ok"),
        ("iot dev guide: exclusive-thing, no other thing",                "attach-principal b #1",                 "InvalidRequest: Principal arn:aws:iot:eu-north-1:000000000000:cert/#1 is attached to thing a; an exclusive attachment must be its only one"),
        ("iot dev guide: exclusive-thing, one type at a time",            "attach-principal a #1",                 "InvalidRequest: Principal arn:aws:iot:eu-north-1:000000000000:cert/#1 is attached to thing a; an exclusive attachment must be its only one"),
        ("iot ListPrincipalThingsV2",                                     "list-principal-things #1",              "a EXCLUSIVE_THING"),
        ("iot ListPrincipalThings: ResourceNotFoundException",            "list-principal-things #2",              "NotFound: Certificate #2 not found"),
        ("iot DetachThingPrincipal",                                      "detach-principal a #0",                 "ok"),
        ("iot DetachThingPrincipal: again",                               "detach-principal a #0",                 "ok, nothing happened"),
        ("iot ListThingPrincipalsV2",                                     "list-thing-principals a",               "arn:aws:iot:eu-north-1:000000000000:cert/#1 EXCLUSIVE_THING"),
        ("iot ListThingPrincipals: ResourceNotFoundException",            "list-thing-principals c",               "NotFound: Thing c not found"),
    ]) }
}
