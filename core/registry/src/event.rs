//! What can have happened: the journal's words for the control plane.
//!
//! These are on disk for ever. Add variants and fields with a serde default; never change what one means.
use std::collections::BTreeMap;

use sekisho_identity::CertificateStatus;
use sekisho_types::{
    AuthorizerName, BillingGroupName, CertificateId, PolicyName, RoleAliasName, RuleName, ThingGroupName, ThingName,
    ThingTypeName, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{
    Authorizer, BillingGroup, CaCertificate, CaRecord, Certificate, Destination, EventConfigurations, LineOutcome,
    Ownership, Policy, PolicyTarget, ProvisioningClaim, ProvisioningTemplate, RegistrationTask, RevocationListId,
    RoleAlias, Thing, ThingGroup, ThingPrincipalType, ThingType, TopicRule, Transfer,
};

/// One change. What creates something carries it whole, so a snapshot is a list of creations.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields repeat the names of what they hold")]
pub enum Event {
    /// A thing is there.
    ThingCreated { thing: Thing },
    /// A thing has other attributes or another type; `thing.version` went up.
    ThingUpdated { thing: Thing },
    /// A thing is gone, and its links with it.
    ThingDeleted { thing_name: ThingName },
    /// A certificate is known.
    CertificateRegistered { certificate: Certificate },
    /// A certificate may or may not connect from now on.
    CertificateStatusChanged { certificate_id: CertificateId, status: CertificateStatus, at: Timestamp },
    /// A certificate is unknown again, and its links are gone with it.
    CertificateDeleted { certificate_id: CertificateId },
    /// A policy is there, with all its versions.
    PolicyCreated { policy: Policy },
    /// A policy has one more version.
    PolicyVersionCreated {
        policy_name: PolicyName,
        version_id: u32,
        document: String,
        set_as_default: bool,
        at: Timestamp,
    },
    /// Another version is in force.
    PolicyDefaultVersionSet { policy_name: PolicyName, version_id: u32, at: Timestamp },
    /// A version that was not in force is gone.
    PolicyVersionDeleted { policy_name: PolicyName, version_id: u32, at: Timestamp },
    /// A policy is gone.
    PolicyDeleted { policy_name: PolicyName },
    /// A policy speaks for a target.
    PolicyAttached { policy_name: PolicyName, target: PolicyTarget },
    /// It no longer does.
    PolicyDetached { policy_name: PolicyName, target: PolicyTarget },
    /// A certificate belongs to a thing.
    ThingPrincipalAttached {
        thing_name: ThingName,
        certificate_id: CertificateId,
        #[serde(default)]
        thing_principal_type: ThingPrincipalType,
    },
    /// It no longer does.
    ThingPrincipalDetached { thing_name: ThingName, certificate_id: CertificateId },
    /// A rule is there, new or in place of the one that had its name.
    TopicRulePut { rule: TopicRule },
    /// A rule is gone.
    TopicRuleDeleted { rule_name: RuleName },
    /// We sign device certificates with this CA.
    IssuingCaSet { ca: CaRecord },
    /// A key was made for an intermediate that a customer's CA is to certify.
    PendingCaKeySet { sealed_private_key: String },
    /// We sign the server's certificate with this CA.
    ServerCaSet { ca: CaRecord },
    /// The first label of the account's endpoint.
    EndpointPrefixSet { prefix: String },
    /// A resource has these tags, besides those it had.
    Tagged { arn: String, tags: BTreeMap<String, String> },
    /// A resource has these tags no more.
    Untagged { arn: String, keys: Vec<String> },
    /// A thing type is there, perhaps deprecated already.
    ThingTypeCreated { thing_type: ThingType },
    /// A thing type has other properties, or is deprecated, or is no longer.
    ThingTypeUpdated { thing_type: ThingType },
    /// A thing type is gone; no thing had it.
    ThingTypeDeleted { thing_type_name: ThingTypeName },
    /// A thing group is there.
    ThingGroupCreated { thing_group: ThingGroup },
    /// A thing group has other properties; `thing_group.version` went up.
    ThingGroupUpdated { thing_group: ThingGroup },
    /// A thing group is gone, and its members and its policies are it no longer. It had no children.
    ThingGroupDeleted { thing_group_name: ThingGroupName },
    /// A thing belongs to a thing group.
    ThingGroupMemberAdded { thing_name: ThingName, thing_group_name: ThingGroupName },
    /// It no longer does.
    ThingGroupMemberRemoved { thing_name: ThingName, thing_group_name: ThingGroupName },
    /// A billing group is there.
    BillingGroupCreated { billing_group: BillingGroup },
    /// A billing group has other properties; `billing_group.version` went up.
    BillingGroupUpdated { billing_group: BillingGroup },
    /// A billing group is gone, and things belong to it no longer.
    BillingGroupDeleted { billing_group_name: BillingGroupName },
    /// A thing belongs to this billing group and no other, or to none.
    BillingGroupMemberSet {
        thing_name: ThingName,
        #[serde(default)]
        billing_group_name: Option<BillingGroupName>,
    },
    /// Who registers a CA must sign this, or nobody can until another is asked for.
    RegistrationCodeSet { registration_code: Option<String> },
    /// A customer's CA is there, new or changed.
    CaCertificatePut { ca_certificate: CaCertificate },
    /// A customer's CA is gone; what it signed stays.
    CaCertificateDeleted { certificate_id: CertificateId },
    /// A list of certificates that a CA's key revokes is coming in.
    RevocationListBegun { id: RevocationListId },
    /// More of it.
    RevocationListExtended { id: RevocationListId, serial_numbers: Vec<String> },
    /// It is whole, and in force.
    RevocationListTaken {
        id: RevocationListId,
        this_update: Timestamp,
        #[serde(default)]
        next_update: Option<Timestamp>,
    },
    /// A certificate is on its way to another account.
    CertificateTransferStarted { certificate_id: CertificateId, transfer: Transfer },
    /// A provisioning template is there, new or changed, with all its versions.
    ProvisioningTemplatePut { template: ProvisioningTemplate },
    /// A provisioning template is gone.
    ProvisioningTemplateDeleted { template_name: String },
    /// A certificate may ask for another by one template.
    ProvisioningClaimAdded { claim: ProvisioningClaim },
    /// It may no longer.
    ProvisioningClaimExpired { certificate_id: CertificateId },
    /// Whoever has the token owns a certificate that waits to be provisioned.
    OwnershipTokenIssued { token_sha256: String, ownership: Ownership },
    /// The token was used, or is too old.
    OwnershipTokenSpent { token_sha256: String },
    /// A bulk registration task is there, new or further.
    RegistrationTaskPut { task: RegistrationTask },
    /// A line of its input is done.
    RegistrationTaskProgressed { task_id: String, line: LineOutcome, percentage_progress: u8, at: Timestamp },
    /// A finished one is too old to be told of.
    RegistrationTaskForgotten { task_id: String },
    /// These kinds of registry events are told from now on, and no others.
    EventConfigurationsSet { configurations: EventConfigurations },
    /// A role alias is there, new or changed.
    RoleAliasPut { role_alias: RoleAlias },
    /// A role alias is gone, and credentials that were given out by it are good no more.
    RoleAliasDeleted { role_alias: RoleAliasName },
    /// A custom authorizer is there, new or changed.
    AuthorizerPut { authorizer: Authorizer },
    /// A custom authorizer is gone, and lets nobody in any more.
    AuthorizerDeleted { authorizer_name: AuthorizerName },
    /// A destination of rules is there, new or changed.
    DestinationPut { destination: Destination },
    /// A destination of rules is gone, and is called no more.
    DestinationDeleted { id: String },
    /// This one is asked where none is named, or none is.
    DefaultAuthorizerSet {
        #[serde(default)]
        authorizer_name: Option<AuthorizerName>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Registry;
    use crate::testing::{NOW, tenant};

    /// What a journal of the first release holds. A line that no longer reads, or reads as something else, loses a state.
    #[rustfmt::skip]
    const WRITTEN: &[&str] = &[
        r#"{"thing_created":{"thing":{"thing_name":"pump-7","thing_id":"0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f","thing_type_name":null,"attributes":{"site":"a"},"version":1}}}"#,
        r#"{"thing_updated":{"thing":{"thing_name":"pump-7","thing_id":"0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f","thing_type_name":null,"attributes":{},"version":2}}}"#,
        r#"{"certificate_registered":{"certificate":{"certificate_id":"ID","der":"MAA=","ca_certificate_id":null,"status":"INACTIVE","not_before":0,"not_after":2524607999000,"creation_date":1,"last_modified_date":1,"customer_version":1,"generation_id":"g","certificate_mode":"SNI_ONLY"}}}"#,
        r#"{"certificate_status_changed":{"certificate_id":"ID","status":"ACTIVE","at":2}}"#,
        r#"{"policy_created":{"policy":{"policy_name":"p","generation_id":"g","creation_date":1,"last_modified_date":1,"default_version_id":1,"next_version_id":2,"versions":[{"version_id":1,"document":"{}","creation_date":1}]}}}"#,
        r#"{"policy_version_created":{"policy_name":"p","version_id":2,"document":"{}","set_as_default":true,"at":2}}"#,
        r#"{"policy_default_version_set":{"policy_name":"p","version_id":1,"at":3}}"#,
        r#"{"policy_version_deleted":{"policy_name":"p","version_id":2,"at":4}}"#,
        r#"{"policy_attached":{"policy_name":"p","target":{"certificate":"ID"}}}"#,
        r#"{"thing_principal_attached":{"thing_name":"pump-7","certificate_id":"ID","thing_principal_type":"EXCLUSIVE_THING"}}"#,
        r#"{"topic_rule_put":{"rule":{"rule_name":"r","created_at":5,"payload":{"sql":"SELECT * FROM 'a'","actions":[],"ruleDisabled":false}}}}"#,
        r#"{"topic_rule_put":{"rule":{"rule_name":"r","created_at":5,"replacements":2,"payload":{"sql":"SELECT * FROM 'a'","actions":[],"ruleDisabled":false}}}}"#,
        r#"{"issuing_ca_set":{"ca":{"certificate_pem":"c","sealed_private_key":"k"}}}"#,
        r#"{"server_ca_set":{"ca":{"certificate_pem":"c","sealed_private_key":"k"}}}"#,
        r#"{"endpoint_prefix_set":{"prefix":"a0123456789abc"}}"#,
        r#"{"tagged":{"arn":"arn:aws:iot:eu-north-1:000000000000:rule/r","tags":{"a":"1","b":"2"}}}"#,
        r#"{"untagged":{"arn":"arn:aws:iot:eu-north-1:000000000000:rule/r","keys":["a"]}}"#,
        r#"{"thing_type_created":{"thing_type":{"thing_type_name":"pump","thing_type_id":"i","thing_type_description":"d","searchable_attributes":["site"],"creation_date":5,"deprecation_date":null}}}"#,
        r#"{"thing_type_updated":{"thing_type":{"thing_type_name":"pump","thing_type_id":"i","thing_type_description":null,"searchable_attributes":[],"creation_date":5,"deprecation_date":6}}}"#,
        r#"{"thing_group_created":{"thing_group":{"thing_group_name":"plant","thing_group_id":"i","parent_group_name":null,"thing_group_description":"d","attributes":{"site":"a"},"version":1,"creation_date":5}}}"#,
        r#"{"thing_group_updated":{"thing_group":{"thing_group_name":"plant","thing_group_id":"i","parent_group_name":null,"thing_group_description":null,"attributes":{},"version":2,"creation_date":5}}}"#,
        r#"{"thing_group_created":{"thing_group":{"thing_group_name":"hall","thing_group_id":"i","parent_group_name":"plant","thing_group_description":null,"attributes":{},"version":1,"creation_date":5}}}"#,
        r#"{"thing_group_member_added":{"thing_name":"pump-7","thing_group_name":"hall"}}"#,
        r#"{"policy_attached":{"policy_name":"p","target":{"thing_group":"plant"}}}"#,
        r#"{"billing_group_created":{"billing_group":{"billing_group_name":"payer","billing_group_id":"i","billing_group_description":"d","version":1,"creation_date":5}}}"#,
        r#"{"billing_group_updated":{"billing_group":{"billing_group_name":"payer","billing_group_id":"i","billing_group_description":null,"version":2,"creation_date":5}}}"#,
        r#"{"billing_group_member_set":{"thing_name":"pump-7","billing_group_name":"payer"}}"#,
        r#"{"billing_group_member_set":{"thing_name":"pump-7","billing_group_name":null}}"#,
        r#"{"policy_detached":{"policy_name":"p","target":{"thing_group":"plant"}}}"#,
        r#"{"thing_group_member_removed":{"thing_name":"pump-7","thing_group_name":"hall"}}"#,
        r#"{"thing_group_deleted":{"thing_group_name":"hall"}}"#,
        r#"{"thing_group_deleted":{"thing_group_name":"plant"}}"#,
        r#"{"authorizer_put":{"authorizer":{"authorizer_name":"a","authorizer_function_arn":"arn:aws:lambda:eu-north-1:000000000000:function:who","token_key_name":"token","token_signing_public_keys":{"first":"k"},"status":"ACTIVE","signing_disabled":false,"enable_caching_for_http":true,"creation_date":5,"last_modified_date":6}}}"#,
        r#"{"default_authorizer_set":{"authorizer_name":"a"}}"#,
        r#"{"default_authorizer_set":{"authorizer_name":null}}"#,
        r#"{"authorizer_deleted":{"authorizer_name":"a"}}"#,
        r#"{"billing_group_deleted":{"billing_group_name":"payer"}}"#,
        r#"{"thing_type_deleted":{"thing_type_name":"pump"}}"#,
        r#"{"thing_principal_detached":{"thing_name":"pump-7","certificate_id":"ID"}}"#,
        r#"{"policy_detached":{"policy_name":"p","target":{"certificate":"ID"}}}"#,
        r#"{"certificate_deleted":{"certificate_id":"ID"}}"#,
        r#"{"policy_deleted":{"policy_name":"p"}}"#,
        r#"{"topic_rule_deleted":{"rule_name":"r"}}"#,
        r#"{"thing_deleted":{"thing_name":"pump-7"}}"#,
    ];

    #[test]
    fn what_was_written_is_read_and_written_the_same() {
        let mut registry = Registry::new(tenant());
        for (i, line) in WRITTEN.iter().enumerate() {
            let line = line.replace("ID", &"0f".repeat(32));
            let event: Event = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(serde_json::to_string(&event).unwrap(), line);
            registry.apply(&event);
            if i == 9 {
                let id = CertificateId::new([0x0f; 32]);
                assert!(registry.identify(id, NOW).is_ok());
                assert!(registry.thing_of(id, "anybody").is_some_and(|thing| thing.is_attached));
                assert_eq!(registry.policies_of(id, None).iter().count(), 1);
            }
        }
        let left = registry.snapshot();
        assert_eq!(left.len(), 3, "the CAs and the prefix stay: {left:?}");
    }

    #[test]
    fn fields_that_came_later_have_a_default() {
        let line = format!(
            r#"{{"thing_principal_attached":{{"thing_name":"pump-7","certificate_id":"{}"}}}}"#,
            "0f".repeat(32)
        );
        let event: Event = serde_json::from_str(&line).unwrap();
        assert!(matches!(
            event,
            Event::ThingPrincipalAttached { thing_principal_type: ThingPrincipalType::NonExclusiveThing, .. }
        ));
    }
}
