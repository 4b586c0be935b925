//! A plan becomes events: thing, policies, attachments and status, all of them or none.
//!
//! A commit's events are one entry of the journal, so a device is provisioned whole or not at all, even under a kill.
use std::collections::{BTreeMap, BTreeSet};

use sekisho_identity::{CertificateStatus, PresentedCertificate};
use sekisho_policy::PolicyDocument;
use sekisho_provisioning::{Override, Plan, PolicyPlan, ThingPlan};
use sekisho_types::{
    BillingGroupName, CertificateId, PolicyName, Random, ThingGroupName, ThingName, ThingTypeName, Timestamp,
};

use crate::thing::check_attributes;
use crate::{
    Certificate, Event, POLICIES_PER_PRINCIPAL_MAX, PolicyTarget, Registry, RegistryError, ThingPrincipalType,
};

/// What was provisioned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provisioned {
    /// The certificate.
    pub certificate_id: CertificateId,
    /// The thing, if the template has one.
    pub thing_name: Option<ThingName>,
    /// Logical name to ARN.
    pub resource_arns: BTreeMap<String, String>,
    /// What the device is told.
    pub device_configuration: BTreeMap<String, String>,
}

/// Why a plan cannot be carried out: which resource of the template, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{logical_name}: {problem}")]
pub struct ProvisionFailure {
    /// The resource's name in the template.
    pub logical_name: String,
    /// What is wrong.
    pub problem: String,
    /// Whether the fault is an override that says FAIL, or a conflict with what is there.
    pub conflict: bool,
}

/// What a thing that is there has and the template wants otherwise.
enum Differs<T> {
    /// Nothing.
    No,
    /// This is what it shall be.
    To(T),
}

impl Registry {
    /// Carries a plan out for `certificate`, which is registered, or is by an event of the same commit.
    ///
    /// # Errors
    /// [`ProvisionFailure`]: nothing happens.
    pub fn provision(
        &self,
        now: Timestamp,
        plan: &Plan,
        certificate: &Certificate,
        random: &mut dyn Random,
    ) -> Result<(Vec<Event>, Provisioned), ProvisionFailure> {
        let certificate_id = certificate.certificate_id;
        let mut events = Vec::new();
        let mut resource_arns = BTreeMap::new();
        resource_arns.insert(plan.certificate.logical_name.clone(), self.certificate_arn(certificate_id));
        let thing_name = match &plan.thing {
            Some(thing) => {
                let name = self.provision_thing(thing, &mut events, random).map_err(|e| e.of(&thing.logical_name))?;
                resource_arns.insert(thing.logical_name.clone(), self.thing_arn(&name));
                Some(name)
            }
            None => None,
        };
        self.provision_policies(now, plan, certificate_id, &mut events, &mut resource_arns, random)?;
        if let (Some(name), Some(thing)) = (&thing_name, &plan.thing) {
            self.attach_to_thing(name, certificate_id, &mut events).map_err(|e| e.of(&thing.logical_name))?;
        }
        self.provision_status(now, plan, certificate, &mut events).map_err(|e| e.of(&plan.certificate.logical_name))?;
        let device_configuration = plan.device_configuration.clone();
        Ok((events, Provisioned { certificate_id, thing_name, resource_arns, device_configuration }))
    }

    /// Whether a plan could be carried out for `presented`, registered or not. Nothing happens.
    ///
    /// # Errors
    /// What it would be refused with.
    pub fn rehearse(
        &self,
        now: Timestamp,
        plan: &Plan,
        presented: &PresentedCertificate,
        random: &mut dyn Random,
    ) -> Result<(), String> {
        let certificate = match self.certificates.get(&presented.certificate_id()) {
            Some(known) => known.clone(),
            None => {
                let made = self.register(now, presented, CertificateStatus::PendingActivation, None, random);
                made.map_err(|error| error.to_string())?.1
            }
        };
        self.provision(now, plan, &certificate, random).map(drop).map_err(|error| error.to_string())
    }

    fn provision_thing(
        &self,
        plan: &ThingPlan,
        events: &mut Vec<Event>,
        random: &mut dyn Random,
    ) -> Result<ThingName, Problem> {
        let name = ThingName::parse(&plan.thing_name).map_err(Problem::new)?;
        let thing_type = plan.thing_type_name.as_deref().map(ThingTypeName::parse).transpose().map_err(Problem::new)?;
        let wanted = plan.attributes.clone().unwrap_or_default();
        match self.things.get(&name) {
            None => {
                let (made, _) =
                    self.create_thing(name.clone(), thing_type, wanted, None, random).map_err(Problem::new)?;
                events.extend(made);
            }
            Some(existing) => {
                let attributes = match &plan.attributes {
                    None => Differs::No,
                    Some(wanted) => changed(
                        "AttributePayload",
                        plan.override_attributes,
                        &existing.attributes,
                        wanted,
                        |merged, wanted| merged.extend(wanted.clone()),
                    )?,
                };
                let thing_type = match &thing_type {
                    None => Differs::No,
                    wanted @ Some(_) => changed(
                        "ThingTypeName",
                        plan.override_thing_type,
                        &existing.thing_type_name,
                        wanted,
                        |_, _| {},
                    )?,
                };
                let mut thing = existing.clone();
                if let Differs::To(attributes) = attributes {
                    thing.attributes = attributes;
                }
                if let Differs::To(thing_type_name) = thing_type {
                    self.check_type(thing_type_name.as_ref()).map_err(Problem::new)?;
                    thing.thing_type_name = thing_type_name;
                }
                if thing != *existing {
                    check_attributes(&thing).map_err(Problem::new)?;
                    thing.version += 1;
                    events.push(Event::ThingUpdated { thing });
                }
            }
        }
        if let Some(groups) = &plan.thing_groups {
            self.provision_groups(plan, &name, groups, events)?;
        }
        if let Some(group) = &plan.billing_group {
            let group = BillingGroupName::parse(group).map_err(Problem::new)?;
            self.billing_group(&group).map_err(Problem::new)?;
            let present = self.billing_group_of_thing(&name);
            if let Some(other) = present.filter(|present| **present != group) {
                // No OverrideSetting speaks of it.
                return Err(Problem::conflict(format!("BillingGroup differs: the thing is in `{other}`")));
            }
            if present.is_none() {
                events.push(Event::BillingGroupMemberSet { thing_name: name.clone(), billing_group_name: Some(group) });
            }
        }
        Ok(name)
    }

    fn provision_groups(
        &self,
        plan: &ThingPlan,
        name: &ThingName,
        groups: &[String],
        events: &mut Vec<Event>,
    ) -> Result<(), Problem> {
        let parse = |group: &String| {
            let group = ThingGroupName::parse(group).map_err(Problem::new)?;
            self.thing_group(&group).map_err(Problem::new)?;
            Ok(group)
        };
        let wanted = groups.iter().map(parse).collect::<Result<BTreeSet<_>, Problem>>()?;
        let present: BTreeSet<ThingGroupName> =
            self.thing_group_members.of(name).map(|(group, ())| group.clone()).collect();
        let target = if !self.things.contains_key(name) {
            wanted
        } else {
            match changed("ThingGroups", plan.override_thing_groups, &present, &wanted, |merged, wanted| {
                merged.extend(wanted.iter().cloned());
            })? {
                Differs::No => return Ok(()),
                Differs::To(target) => target,
            }
        };
        let to_add: Vec<_> = target.difference(&present).cloned().collect();
        let to_remove: Vec<_> = present.difference(&target).cloned().collect();
        events.extend(self.change_groups(name, &to_add, &to_remove)?);
        Ok(())
    }

    fn provision_policies(
        &self,
        now: Timestamp,
        plan: &Plan,
        certificate_id: CertificateId,
        events: &mut Vec<Event>,
        resource_arns: &mut BTreeMap<String, String>,
        random: &mut dyn Random,
    ) -> Result<(), ProvisionFailure> {
        let target = PolicyTarget::Certificate(certificate_id);
        let mut attached: BTreeSet<PolicyName> =
            self.policy_targets.of(&target).map(|(name, ())| name.clone()).collect();
        for policy in &plan.policies {
            let (logical_name, name) = match policy {
                PolicyPlan::Existing { logical_name, policy_name }
                | PolicyPlan::Document { logical_name, policy_name, .. } => (logical_name, policy_name),
            };
            let fail = |error: &dyn std::fmt::Display| Problem::new(error).of(logical_name);
            let policy_name = PolicyName::parse(name).map_err(|error| fail(&error))?;
            let made_by_this =
                |event: &Event| matches!(event, Event::PolicyCreated { policy } if policy.policy_name == policy_name);
            match policy {
                PolicyPlan::Existing { .. } => drop(self.policy(&policy_name).map_err(|error| fail(&error))?),
                PolicyPlan::Document { document, .. } => {
                    PolicyDocument::parse(document).map_err(|error| fail(&error))?;
                    if self.policy(&policy_name).is_err() && !events.iter().any(made_by_this) {
                        let made = self.create_policy(now, policy_name.clone(), document, random);
                        events.extend(made.map_err(|error| fail(&error))?.0);
                    }
                }
            }
            resource_arns.insert(logical_name.clone(), self.policy_arn(&policy_name));
            if attached.insert(policy_name.clone()) {
                events.push(Event::PolicyAttached { policy_name, target: target.clone() });
            }
            if attached.len() > POLICIES_PER_PRINCIPAL_MAX {
                return Err(fail(&format!("more than {POLICIES_PER_PRINCIPAL_MAX} policies on one certificate")));
            }
        }
        Ok(())
    }

    fn attach_to_thing(
        &self,
        thing_name: &ThingName,
        certificate_id: CertificateId,
        events: &mut Vec<Event>,
    ) -> Result<(), Problem> {
        if self.thing_principals.kind(&certificate_id, thing_name).is_some() {
            return Ok(());
        }
        let mut others = self.thing_principals.of(&certificate_id);
        if let Some((other, _)) = others.find(|(_, kind)| *kind == ThingPrincipalType::ExclusiveThing) {
            return Err(Problem::conflict(format!("the certificate belongs exclusively to thing `{other}`")));
        }
        events.push(Event::ThingPrincipalAttached {
            thing_name: thing_name.clone(),
            certificate_id,
            thing_principal_type: ThingPrincipalType::default(),
        });
        Ok(())
    }

    fn provision_status(
        &self,
        now: Timestamp,
        plan: &Plan,
        certificate: &Certificate,
        events: &mut Vec<Event>,
    ) -> Result<(), Problem> {
        let wanted = if plan.certificate.active { CertificateStatus::Active } else { CertificateStatus::Inactive };
        if certificate.status == wanted {
            return Ok(());
        }
        // A certificate that waits for this very step has no status that could be in the way.
        if certificate.status != CertificateStatus::PendingActivation {
            match plan.certificate.override_status {
                Some(Override::DoNothing) => return Ok(()),
                Some(Override::Fail) => {
                    return Err(Problem::conflict(format!("the certificate is {}, not {wanted}", certificate.status)));
                }
                Some(Override::Replace | Override::Merge) | None => {}
            }
        }
        certificate.status.may_become(wanted).map_err(Problem::new)?;
        let certificate_id = certificate.certificate_id;
        events.push(Event::CertificateStatusChanged { certificate_id, status: wanted, at: now });
        Ok(())
    }
}

/// What a part of a resource becomes that is there already. Where the template does not say, only what is the same passes:
/// changing or keeping something else in silence would surprise one of two people.
fn changed<T: Clone + PartialEq>(
    what: &str,
    how: Option<Override>,
    present: &T,
    wanted: &T,
    merge: impl FnOnce(&mut T, &T),
) -> Result<Differs<T>, Problem> {
    if present == wanted {
        return Ok(Differs::No);
    }
    match how {
        Some(Override::DoNothing) => Ok(Differs::No),
        Some(Override::Replace) => Ok(Differs::To(wanted.clone())),
        Some(Override::Merge) => {
            let mut merged = present.clone();
            merge(&mut merged, wanted);
            Ok(Differs::To(merged))
        }
        Some(Override::Fail) => Err(Problem::conflict(format!("{what} differs, and its OverrideSetting is FAIL"))),
        None => Err(Problem::conflict(format!("{what} differs, and has no OverrideSetting"))),
    }
}

struct Problem {
    text: String,
    conflict: bool,
}

impl Problem {
    fn new(error: impl std::fmt::Display) -> Self {
        Self { text: error.to_string(), conflict: false }
    }

    fn conflict(text: String) -> Self {
        Self { text, conflict: true }
    }

    fn of(self, logical_name: &str) -> ProvisionFailure {
        ProvisionFailure { logical_name: logical_name.to_owned(), problem: self.text, conflict: self.conflict }
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        Self::new(error)
    }
}
