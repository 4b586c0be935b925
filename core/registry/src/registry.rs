//! The fold: what every event does to the state, and the shortest list of events that makes the same state again.
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sekisho_identity::CertificateStatus;
use sekisho_types::{
    AuthorizerName, BillingGroupName, CertificateId, PolicyName, Random, RoleAliasName, RuleName, Tenant,
    ThingGroupName, ThingName, ThingTypeName, Timestamp,
};

use crate::ca_certificate::HeldCa;
use crate::claim::{HeldClaim, Ownerships};
use crate::links::Links;
use crate::policy::HeldPolicy;
use crate::revocation::RevocationLists;
use crate::rule::HeldRule;
use crate::{
    Authorizer, BillingGroup, CaRecord, Certificate, Destination, Event, EventConfigurations, PolicyTarget,
    PolicyVersion, ProvisioningTemplate, RegistrationTask, RoleAlias, Thing, ThingGroup, ThingPrincipalType, ThingType,
};

/// The account's IoT control plane.
#[derive(Clone, Debug)]
pub struct Registry {
    pub(crate) tenant: Tenant,
    pub(crate) things: BTreeMap<ThingName, Thing>,
    pub(crate) certificates: HashMap<CertificateId, Certificate>,
    pub(crate) certificates_by_creation: BTreeSet<(Timestamp, CertificateId)>,
    pub(crate) policies: BTreeMap<PolicyName, HeldPolicy>,
    pub(crate) policy_targets: Links<PolicyTarget, PolicyName, ()>,
    pub(crate) thing_principals: Links<CertificateId, ThingName, ThingPrincipalType>,
    pub(crate) rules: BTreeMap<RuleName, HeldRule>,
    pub(crate) issuing_ca: Option<CaRecord>,
    pub(crate) server_ca: Option<CaRecord>,
    pub(crate) pending_ca_key: Option<String>,
    pub(crate) endpoint_prefix: Option<String>,
    pub(crate) tags: BTreeMap<String, BTreeMap<String, String>>,
    pub(crate) thing_types: BTreeMap<ThingTypeName, ThingType>,
    pub(crate) thing_groups: BTreeMap<ThingGroupName, ThingGroup>,
    /// From children to their one parent.
    pub(crate) thing_group_parents: Links<ThingGroupName, ThingGroupName, ()>,
    pub(crate) thing_group_members: Links<ThingName, ThingGroupName, ()>,
    /// The group that was deleted last, and the certificates of those who were in it: `affected` asks when the group is gone.
    pub(crate) thing_group_left: Option<(ThingGroupName, Vec<CertificateId>)>,
    pub(crate) billing_groups: BTreeMap<BillingGroupName, BillingGroup>,
    pub(crate) billing_group_members: Links<ThingName, BillingGroupName, ()>,
    pub(crate) registration_code: Option<String>,
    pub(crate) cas: HashMap<CertificateId, Arc<HeldCa>>,
    /// By the DER of the subject.
    pub(crate) cas_by_subject: HashMap<Box<[u8]>, BTreeSet<CertificateId>>,
    pub(crate) revocation_lists: RevocationLists,
    pub(crate) certificates_by_ca: HashMap<CertificateId, BTreeSet<(Timestamp, CertificateId)>>,
    pub(crate) provisioning_templates: BTreeMap<String, ProvisioningTemplate>,
    pub(crate) claims: HashMap<CertificateId, HeldClaim>,
    pub(crate) ownerships: Ownerships,
    pub(crate) registration_tasks: BTreeMap<String, RegistrationTask>,
    pub(crate) event_configurations: EventConfigurations,
    pub(crate) role_aliases: BTreeMap<RoleAliasName, RoleAlias>,
    pub(crate) authorizers: BTreeMap<AuthorizerName, Authorizer>,
    pub(crate) default_authorizer: Option<AuthorizerName>,
    pub(crate) destinations: BTreeMap<String, Destination>,
}

impl Registry {
    /// An empty registry.
    pub fn new(tenant: Tenant) -> Self {
        Self {
            tenant,
            things: BTreeMap::new(),
            certificates: HashMap::new(),
            certificates_by_creation: BTreeSet::new(),
            policies: BTreeMap::new(),
            policy_targets: Links::default(),
            thing_principals: Links::default(),
            rules: BTreeMap::new(),
            issuing_ca: None,
            server_ca: None,
            pending_ca_key: None,
            endpoint_prefix: None,
            tags: BTreeMap::new(),
            thing_types: BTreeMap::new(),
            thing_groups: BTreeMap::new(),
            thing_group_parents: Links::default(),
            thing_group_members: Links::default(),
            thing_group_left: None,
            billing_groups: BTreeMap::new(),
            billing_group_members: Links::default(),
            registration_code: None,
            cas: HashMap::new(),
            cas_by_subject: HashMap::new(),
            revocation_lists: RevocationLists::default(),
            certificates_by_ca: HashMap::new(),
            provisioning_templates: BTreeMap::new(),
            claims: HashMap::new(),
            ownerships: Ownerships::new(),
            registration_tasks: BTreeMap::new(),
            event_configurations: EventConfigurations::default(),
            role_aliases: BTreeMap::new(),
            authorizers: BTreeMap::new(),
            default_authorizer: None,
            destinations: BTreeMap::new(),
        }
    }

    /// Whose account this is.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Takes in what happened. The same live and in recovery; an event about something that is not there does nothing.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::ThingCreated { thing } | Event::ThingUpdated { thing } => {
                self.things.insert(thing.thing_name.clone(), thing.clone());
            }
            Event::ThingDeleted { thing_name } => {
                self.things.remove(thing_name);
                self.thing_group_members.remove(thing_name);
                self.billing_group_members.remove(thing_name);
            }
            Event::CertificateRegistered { certificate } => {
                let id = certificate.certificate_id;
                self.certificates_by_creation.insert((certificate.creation_date, id));
                if let Some(ca) = certificate.ca_certificate_id {
                    self.certificates_by_ca.entry(ca).or_default().insert((certificate.creation_date, id));
                }
                self.certificates.insert(id, certificate.clone());
            }
            Event::CertificateStatusChanged { certificate_id, status, at } => {
                if let Some(certificate) = self.certificates.get_mut(certificate_id) {
                    certificate.status = *status;
                    certificate.last_modified_date = *at;
                    certificate.transfer = None;
                }
            }
            Event::CertificateDeleted { certificate_id } => {
                if let Some(certificate) = self.certificates.remove(certificate_id) {
                    self.certificates_by_creation.remove(&(certificate.creation_date, *certificate_id));
                    if let Some(listed) =
                        certificate.ca_certificate_id.and_then(|ca| self.certificates_by_ca.get_mut(&ca))
                    {
                        listed.remove(&(certificate.creation_date, *certificate_id));
                        if listed.is_empty() {
                            certificate.ca_certificate_id.map(|ca| self.certificates_by_ca.remove(&ca));
                        }
                    }
                    self.policy_targets.remove(&PolicyTarget::Certificate(*certificate_id));
                    self.thing_principals.remove(certificate_id);
                }
            }
            Event::PolicyCreated { policy } => {
                self.policies.insert(policy.policy_name.clone(), HeldPolicy::new(policy.clone()));
            }
            Event::PolicyVersionCreated { policy_name, version_id, document, set_as_default, at } => {
                if let Some(held) = self.policies.get_mut(policy_name) {
                    let version =
                        PolicyVersion { version_id: *version_id, document: document.clone(), creation_date: *at };
                    held.add_version(version, *set_as_default);
                }
            }
            Event::PolicyDefaultVersionSet { policy_name, version_id, at } => {
                if let Some(held) = self.policies.get_mut(policy_name) {
                    held.set_default(*version_id, *at);
                }
            }
            Event::PolicyVersionDeleted { policy_name, version_id, at } => {
                if let Some(held) = self.policies.get_mut(policy_name) {
                    held.delete_version(*version_id, *at);
                }
            }
            Event::PolicyDeleted { policy_name } => {
                self.policies.remove(policy_name);
                self.tags.remove(&self.policy_arn(policy_name));
            }
            Event::PolicyAttached { policy_name, target } => self.policy_targets.attach(target, policy_name, ()),
            Event::PolicyDetached { policy_name, target } => self.policy_targets.detach(target, policy_name),
            Event::ThingPrincipalAttached { thing_name, certificate_id, thing_principal_type } => {
                self.thing_principals.attach(certificate_id, thing_name, *thing_principal_type);
            }
            Event::ThingPrincipalDetached { thing_name, certificate_id } => {
                self.thing_principals.detach(certificate_id, thing_name);
            }
            Event::TopicRulePut { rule } => {
                self.rules.insert(rule.rule_name.clone(), HeldRule::new(rule.clone()));
            }
            Event::TopicRuleDeleted { rule_name } => {
                self.rules.remove(rule_name);
                self.tags.remove(&self.topic_rule_arn(rule_name));
            }
            Event::IssuingCaSet { ca } => {
                self.issuing_ca = Some(ca.clone());
                self.pending_ca_key = None;
            }
            Event::PendingCaKeySet { sealed_private_key } => self.pending_ca_key = Some(sealed_private_key.clone()),
            Event::ServerCaSet { ca } => self.server_ca = Some(ca.clone()),
            Event::EndpointPrefixSet { prefix } => self.endpoint_prefix = Some(prefix.clone()),
            Event::RegistrationCodeSet { registration_code } => self.registration_code.clone_from(registration_code),
            Event::CaCertificatePut { ca_certificate } => {
                let held = HeldCa::new(ca_certificate.clone());
                if let Some(presented) = &held.presented {
                    let subject = presented.subject().as_der().into();
                    self.cas_by_subject.entry(subject).or_default().insert(ca_certificate.certificate_id);
                }
                self.cas.insert(ca_certificate.certificate_id, Arc::new(held));
            }
            Event::CaCertificateDeleted { certificate_id } => {
                self.tags.remove(&self.ca_certificate_arn(*certificate_id));
                if self.cas.remove(certificate_id).is_some() {
                    self.cas_by_subject.retain(|_, ids| {
                        ids.remove(certificate_id);
                        !ids.is_empty()
                    });
                }
            }
            Event::RevocationListBegun { id } => self.revocation_lists.begin(id),
            Event::RevocationListExtended { id, serial_numbers } => self.revocation_lists.extend(id, serial_numbers),
            Event::RevocationListTaken { id, this_update, next_update } => {
                self.revocation_lists.take(id, *this_update, *next_update);
            }
            Event::CertificateTransferStarted { certificate_id, transfer } => {
                if let Some(certificate) = self.certificates.get_mut(certificate_id) {
                    certificate.status = CertificateStatus::PendingTransfer;
                    certificate.last_modified_date = transfer.date;
                    certificate.transfer = Some(transfer.clone());
                }
            }
            Event::ProvisioningTemplatePut { template } => {
                self.provisioning_templates.insert(template.template_name.clone(), template.clone());
            }
            Event::ProvisioningTemplateDeleted { template_name } => {
                self.provisioning_templates.remove(template_name);
                self.tags.remove(&self.provisioning_template_arn(template_name));
            }
            Event::ProvisioningClaimAdded { claim } => {
                self.claims.insert(claim.certificate_id, HeldClaim::new(claim.clone(), &self.tenant));
            }
            Event::ProvisioningClaimExpired { certificate_id } => {
                self.claims.remove(certificate_id);
            }
            Event::OwnershipTokenIssued { token_sha256, ownership } => {
                self.ownerships.insert(token_sha256.clone(), *ownership);
            }
            Event::OwnershipTokenSpent { token_sha256 } => {
                self.ownerships.remove(token_sha256);
            }
            Event::RegistrationTaskPut { task } => {
                self.registration_tasks.insert(task.task_id.clone(), task.clone());
            }
            Event::RegistrationTaskProgressed { task_id, line, percentage_progress, at } => {
                if let Some(task) = self.registration_tasks.get_mut(task_id) {
                    task.progressed(line, *percentage_progress, *at);
                }
            }
            Event::RegistrationTaskForgotten { task_id } => {
                self.registration_tasks.remove(task_id);
            }
            Event::EventConfigurationsSet { configurations } => self.event_configurations = configurations.clone(),
            Event::RoleAliasPut { role_alias } => {
                self.role_aliases.insert(role_alias.role_alias.clone(), role_alias.clone());
            }
            Event::RoleAliasDeleted { role_alias } => {
                self.role_aliases.remove(role_alias);
                self.tags.remove(&self.role_alias_arn(role_alias));
            }
            Event::AuthorizerPut { authorizer } => {
                self.authorizers.insert(authorizer.authorizer_name.clone(), authorizer.clone());
            }
            Event::AuthorizerDeleted { authorizer_name } => {
                self.authorizers.remove(authorizer_name);
                self.tags.remove(&self.authorizer_arn(authorizer_name));
            }
            Event::DestinationPut { destination } => {
                self.destinations.insert(destination.id.clone(), destination.clone());
            }
            Event::DestinationDeleted { id } => {
                self.destinations.remove(id);
            }
            Event::DefaultAuthorizerSet { authorizer_name } => self.default_authorizer.clone_from(authorizer_name),
            Event::Tagged { arn, tags } => {
                self.tags.entry(arn.clone()).or_default().extend(tags.clone());
            }
            Event::Untagged { arn, keys } => {
                if let Some(tags) = self.tags.get_mut(arn) {
                    tags.retain(|key, _| !keys.contains(key));
                    if tags.is_empty() {
                        self.tags.remove(arn);
                    }
                }
            }
            Event::ThingTypeCreated { thing_type } | Event::ThingTypeUpdated { thing_type } => {
                self.thing_types.insert(thing_type.thing_type_name.clone(), thing_type.clone());
            }
            Event::ThingTypeDeleted { thing_type_name } => {
                self.thing_types.remove(thing_type_name);
                self.tags.remove(&self.thing_type_arn(thing_type_name));
            }
            Event::ThingGroupCreated { thing_group } | Event::ThingGroupUpdated { thing_group } => {
                self.put_thing_group(thing_group);
            }
            Event::ThingGroupDeleted { thing_group_name } => self.drop_thing_group(thing_group_name),
            Event::ThingGroupMemberAdded { thing_name, thing_group_name } => {
                if self.things.contains_key(thing_name) && self.thing_groups.contains_key(thing_group_name) {
                    self.thing_group_members.attach(thing_name, thing_group_name, ());
                }
            }
            Event::ThingGroupMemberRemoved { thing_name, thing_group_name } => {
                self.thing_group_members.detach(thing_name, thing_group_name);
            }
            Event::BillingGroupCreated { billing_group } | Event::BillingGroupUpdated { billing_group } => {
                self.billing_groups.insert(billing_group.billing_group_name.clone(), billing_group.clone());
            }
            Event::BillingGroupDeleted { billing_group_name } => {
                self.billing_groups.remove(billing_group_name);
                self.billing_group_members.remove_to(billing_group_name);
                self.tags.remove(&self.billing_group_arn(billing_group_name));
            }
            Event::BillingGroupMemberSet { thing_name, billing_group_name } => {
                self.billing_group_members.remove(thing_name);
                let group = billing_group_name.as_ref().filter(|name| self.billing_groups.contains_key(*name));
                if let Some(name) = group.filter(|_| self.things.contains_key(thing_name)) {
                    self.billing_group_members.attach(thing_name, name, ());
                }
            }
        }
    }

    /// The shortest list of events that folds to this state.
    pub fn snapshot(&self) -> Vec<Event> {
        let mut events = Vec::new();
        events.extend(self.things.values().map(|thing| Event::ThingCreated { thing: thing.clone() }));
        let certificates = self.certificates();
        events.extend(certificates.map(|found| Event::CertificateRegistered { certificate: found.clone() }));
        events.extend(self.policies().map(|policy| Event::PolicyCreated { policy: policy.clone() }));
        for certificate in self.certificates() {
            let certificate_id = certificate.certificate_id;
            let target = PolicyTarget::Certificate(certificate_id);
            events.extend(self.policy_targets.of(&target).map(|(policy_name, ())| Event::PolicyAttached {
                policy_name: policy_name.clone(),
                target: target.clone(),
            }));
            events.extend(self.thing_principals.of(&certificate_id).map(|(thing_name, thing_principal_type)| {
                Event::ThingPrincipalAttached { thing_name: thing_name.clone(), certificate_id, thing_principal_type }
            }));
        }
        events.extend(self.topic_rules().map(|(rule, _)| Event::TopicRulePut { rule: rule.clone() }));
        events.extend(self.issuing_ca.iter().map(|ca| Event::IssuingCaSet { ca: ca.clone() }));
        events.extend(
            self.pending_ca_key
                .iter()
                .map(|sealed_private_key| Event::PendingCaKeySet { sealed_private_key: sealed_private_key.clone() }),
        );
        events.extend(self.server_ca.iter().map(|ca| Event::ServerCaSet { ca: ca.clone() }));
        events.extend(self.endpoint_prefix.iter().map(|prefix| Event::EndpointPrefixSet { prefix: prefix.clone() }));
        events.extend(
            self.registration_code
                .iter()
                .map(|code| Event::RegistrationCodeSet { registration_code: Some(code.clone()) }),
        );
        events.extend(
            self.ca_certificates().into_iter().map(|ca| Event::CaCertificatePut { ca_certificate: ca.clone() }),
        );
        events.extend(self.revocation_lists.snapshot());
        if self.event_configurations != EventConfigurations::default() {
            events.push(Event::EventConfigurationsSet { configurations: self.event_configurations.clone() });
        }
        let role_aliases = self.role_aliases.values();
        events.extend(role_aliases.map(|role_alias| Event::RoleAliasPut { role_alias: role_alias.clone() }));
        let authorizers = self.authorizers.values();
        events.extend(authorizers.map(|authorizer| Event::AuthorizerPut { authorizer: authorizer.clone() }));
        if self.default_authorizer.is_some() {
            events.push(Event::DefaultAuthorizerSet { authorizer_name: self.default_authorizer.clone() });
        }
        let destinations = self.destinations.values();
        events.extend(destinations.map(|destination| Event::DestinationPut { destination: destination.clone() }));
        let templates = self.provisioning_templates.values();
        events.extend(templates.map(|template| Event::ProvisioningTemplatePut { template: template.clone() }));
        events.extend(self.claims.values().map(|held| Event::ProvisioningClaimAdded { claim: held.claim.clone() }));
        events.extend(self.ownerships.iter().map(|(token_sha256, ownership)| Event::OwnershipTokenIssued {
            token_sha256: token_sha256.clone(),
            ownership: *ownership,
        }));
        let tasks = self.registration_tasks.values();
        events.extend(tasks.map(|task| Event::RegistrationTaskPut { task: task.clone() }));
        events.extend(self.tags.iter().map(|(arn, tags)| Event::Tagged { arn: arn.clone(), tags: tags.clone() }));
        events.extend(self.thing_types.values().map(|found| Event::ThingTypeCreated { thing_type: found.clone() }));
        for (thing_group_name, thing_group) in &self.thing_groups {
            events.push(Event::ThingGroupCreated { thing_group: thing_group.clone() });
            let target = PolicyTarget::ThingGroup(thing_group_name.clone());
            events.extend(self.policy_targets.of(&target).map(|(policy_name, ())| Event::PolicyAttached {
                policy_name: policy_name.clone(),
                target: target.clone(),
            }));
            events.extend(self.thing_group_members.to(thing_group_name).map(|thing_name| {
                let (thing_name, thing_group_name) = (thing_name.clone(), thing_group_name.clone());
                Event::ThingGroupMemberAdded { thing_name, thing_group_name }
            }));
        }
        for (billing_group_name, billing_group) in &self.billing_groups {
            events.push(Event::BillingGroupCreated { billing_group: billing_group.clone() });
            events.extend(self.billing_group_members.to(billing_group_name).map(|thing_name| {
                let billing_group_name = Some(billing_group_name.clone());
                Event::BillingGroupMemberSet { thing_name: thing_name.clone(), billing_group_name }
            }));
        }
        events
    }
}

/// A version 4 UUID (RFC 9562 §5.4).
pub(crate) fn uuid(random: &mut dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    uuid_of(bytes)
}

/// The same of bytes that are there.
pub(crate) fn uuid_of(mut bytes: [u8; 16]) -> String {
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let digits = hex(&bytes);
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, tenant};

    /// Command lines over a small world, so that they meet each other often.
    fn line(of: (u8, u8, u8)) -> String {
        let (command, a, b) = of;
        let thing = ["a", "b"][usize::from(a % 2)];
        let policy = ["p", "q"][usize::from(a % 2)];
        let cert = ["#0", "#1", "#2"][usize::from(b % 3)];
        let group = ["g", "h", "i"][usize::from(a % 3)];
        let kind = ["policy", "thingtype", "billinggroup"][usize::from(a / 2 % 3)];
        let arn = format!("arn:aws:iot:eu-north-1:000000000000:{kind}/{policy}");
        match command % 44 {
            0 => format!("create-thing {thing} site={}", b % 2),
            1 => format!("update-thing {thing} merge x{}=y", b % 4),
            2 => format!("update-thing {thing} none"),
            3 => format!("delete-thing {thing}"),
            4 => format!("issue {cert} active"),
            5 => format!("register {cert}"),
            6 => format!("status {cert} {}", ["ACTIVE", "INACTIVE", "REVOKED"][usize::from(a % 3)]),
            7 => format!("delete-certificate {cert}"),
            8 => format!("delete-certificate {cert} force"),
            9 => format!("create-policy {policy} t{b}"),
            10 => format!("create-policy-version {policy} t{b} default"),
            11 => format!("create-policy-version {policy} t{b}"),
            12 => format!("set-default {policy} {}", b % 8),
            13 => format!("delete-policy-version {policy} {}", b % 8),
            14 => format!("delete-policy {policy}"),
            15 => format!("attach-policy {policy} {cert}"),
            16 => format!("detach-policy {policy} {cert}"),
            17 => format!("attach-principal {thing} {cert}"),
            18 => format!("attach-principal {thing} {cert} exclusive"),
            19 => format!("detach-principal {thing} {cert}"),
            20 => format!("create-rule {policy} SELECT * FROM 't{b}'"),
            21 => format!("{} {policy}", ["enable-rule", "disable-rule", "delete-rule"][usize::from(b % 3)]),
            22 => format!("replace-rule {policy} SELECT * FROM 'u{b}'"),
            23 => format!("tag {arn} k{}=v{b}", b % 3),
            24 => format!("untag {arn} k{}", b % 3),
            25 => format!("create-type {policy} k{}", b % 2),
            26 => format!("update-type {policy} k{b}"),
            27 => format!("deprecate-type {policy} {}", ["", "undo"][usize::from(b % 2)]),
            28 => format!("delete-type {policy} late"),
            29 => format!("create-thing {thing} type:{} billing:{policy}", ["p", "q"][usize::from(b % 2)]),
            30 => format!("update-thing {thing} {}", ["type:p", "type:q", "untype"][usize::from(b % 3)]),
            31 => format!("create-group {group} site={}", b % 2),
            32 => format!("create-group {group} in:{}", ["g", "h", "i"][usize::from(b % 3)]),
            33 => format!("update-group {group} merge x{}=y", b % 4),
            34 => format!("delete-group {group}"),
            35 => format!("add-to-group {thing} {group}"),
            36 => format!("remove-from-group {thing} {group}"),
            37 => format!("attach-policy {policy} @{group}"),
            38 => format!("detach-policy {policy} @{group}"),
            39 => format!("create-billing-group {policy}"),
            40 => match b % 2 {
                0 => format!("update-billing-group {policy} v{} t{b}", 1 + b % 3),
                _ => format!("delete-billing-group {policy}"),
            },
            41 => format!("add-to-billing-group {thing} {}", ["p", "q"][usize::from(b % 2)]),
            42 => format!("remove-from-billing-group {thing} {policy}"),
            _ => "endpoint".to_owned(),
        }
    }

    /// Everything a reader can see.
    fn seen(world: &mut World) -> Vec<String> {
        let mut out = Vec::new();
        for question in ["list-things", "list-certificates", "list-policies", "list-rules", "list-enabled-rules"] {
            out.push(world.run(question));
        }
        for question in ["list-types", "list-groups recursive", "list-billing-groups", "list-rule-versions"] {
            out.push(world.run(question));
        }
        for name in ["g", "h", "i"] {
            out.push(world.run(&format!("describe-group {name}")));
            out.push(world.run(&format!("list-attached-policies @{name}")));
            out.push(world.run(&format!("list-things-in-group {name} recursive")));
        }
        for cert in ["#0", "#1", "#2"] {
            for question in ["describe-certificate", "list-attached-policies", "list-principal-things"] {
                out.push(world.run(&format!("{question} {cert}")));
            }
            let id = world.id(cert);
            out.push(format!("{:?}", world.registry.policies_of(id, None)));
            out.push(format!("{:?}", world.registry.thing_of(id, "a")));
        }
        for name in ["p", "q"] {
            out.push(world.run(&format!("list-targets {name}")));
            out.push(world.run(&format!("list-policy-versions {name}")));
            for kind in ["policy", "thingtype", "billinggroup"] {
                out.push(world.run(&format!("list-tags arn:aws:iot:eu-north-1:000000000000:{kind}/{name}")));
            }
            out.push(world.run(&format!("describe-type {name}")));
            out.push(world.run(&format!("list-things - - type:{name}")));
            out.push(world.run(&format!("describe-billing-group {name}")));
            out.push(world.run(&format!("list-things-in-billing-group {name}")));
        }
        for name in ["a", "b"] {
            out.push(world.run(&format!("list-thing-principals {name}")));
            out.push(world.run(&format!("list-groups-of {name}")));
        }
        out
    }

    #[test]
    fn history_and_snapshot_fold_to_the_same_registry() {
        bolero::check!(name = "fold").with_iterations(300).with_type::<Vec<(u8, u8, u8)>>().for_each(|commands| {
            let mut world = World::new();
            for command in commands {
                world.run(&line(*command));
            }
            let before = seen(&mut world);
            let snapshot = world.registry.snapshot();
            let live = std::mem::take(&mut world.history);
            assert!(snapshot.len() <= live.len(), "a snapshot is no longer than what happened");
            for events in [&live, &snapshot] {
                let mut folded = Registry::new(tenant());
                for event in events {
                    let json = serde_json::to_string(event).unwrap();
                    let read: Event = serde_json::from_str(&json).unwrap();
                    assert_eq!(&read, event);
                    folded.apply(&read);
                }
                assert_eq!(folded.snapshot(), snapshot);
                world.registry = folded;
                assert_eq!(seen(&mut world), before);
            }
        });
    }

    #[test]
    fn a_uuid_says_its_version_and_variant() {
        assert_eq!(uuid(&mut |out: &mut [u8]| out.fill(0xff)), "ffffffff-ffff-4fff-bfff-ffffffffffff", "RFC 9562 §5.4");
    }
}
