//! IoT's control plane: things, certificates, policies, who is attached to what, rules. A file an operation.
mod destination; // endpoints of rules, as operations tell of them
mod called; // services that rules call
mod membership; // a thing and a group, each by name or ARN
mod page; // lists, a page at a time
mod policies; // policies as lists tell them
mod refuse; // the registry's errors in AWS's words

mod describe_endpoint;

mod create_thing;
mod delete_thing;
mod describe_thing;
mod list_things;
mod update_thing;

mod create_certificate_from_csr;
mod create_keys_and_certificate;
mod delete_certificate;
mod describe_certificate;
mod list_certificates;
mod update_certificate;

mod create_policy;
mod create_policy_version;
mod delete_policy;
mod delete_policy_version;
mod get_policy;
mod get_policy_version;
mod list_policies;
mod list_policy_versions;
mod set_default_policy_version;

mod attach_policy;
mod attach_principal_policy;
mod attach_thing_principal;
mod detach_policy;
mod detach_principal_policy;
mod detach_thing_principal;
mod get_effective_policies;
mod list_attached_policies;
mod list_principal_things;
mod list_targets_for_policy;
mod list_thing_principals;
mod test_authorization;

mod confirm_topic_rule_destination;
mod create_topic_rule;
mod create_topic_rule_destination;
mod delete_topic_rule_destination;
mod get_topic_rule_destination;
mod list_topic_rule_destinations;
mod update_topic_rule_destination;
mod delete_topic_rule;
mod disable_topic_rule;
mod enable_topic_rule;
mod get_topic_rule;
mod list_topic_rules;
mod replace_topic_rule;

mod delete_ca_certificate;
mod delete_registration_code;
mod describe_ca_certificate;
mod get_registration_code;
mod list_ca_certificates;
mod list_certificates_by_ca;
mod register_ca_certificate;
mod update_ca_certificate;

mod accept_certificate_transfer;
mod cancel_certificate_transfer;
mod list_outgoing_certificates;
mod register_certificate;
mod register_certificate_without_ca;
mod reject_certificate_transfer;
mod transfer_certificate;

mod create_provisioning_claim;
mod create_provisioning_template;
mod create_provisioning_template_version;
mod delete_provisioning_template;
mod delete_provisioning_template_version;
mod describe_provisioning_template;
mod describe_provisioning_template_version;
mod list_provisioning_template_versions;
mod list_provisioning_templates;
mod update_provisioning_template;

mod describe_thing_registration_task;
mod list_thing_registration_task_reports;
mod list_thing_registration_tasks;
mod register_thing;
mod start_thing_registration_task;
mod stop_thing_registration_task;

mod list_tags_for_resource;
mod tag_resource;
mod untag_resource;

mod thing_type; // what requests bring and answers show
mod create_thing_type;
mod delete_thing_type;
mod deprecate_thing_type;
mod describe_thing_type;
mod list_thing_types;
mod update_thing_type;

mod add_thing_to_thing_group;
mod create_thing_group;
mod delete_thing_group;
mod describe_thing_group;
mod list_thing_groups;
mod list_thing_groups_for_thing;
mod list_things_in_thing_group;
mod remove_thing_from_thing_group;
mod update_thing_group;
mod update_thing_groups_for_thing;

mod add_thing_to_billing_group;
mod create_billing_group;
mod delete_billing_group;
mod describe_billing_group;
mod list_billing_groups;
mod list_things_in_billing_group;
mod remove_thing_from_billing_group;
mod update_billing_group;

mod create_role_alias;
mod delete_role_alias;
mod describe_role_alias;
mod list_role_aliases;
mod update_role_alias;

mod clear_default_authorizer;
mod create_authorizer;
mod delete_authorizer;
mod describe_authorizer;
mod describe_default_authorizer;
mod list_authorizers;
mod set_default_authorizer;
mod test_invoke_authorizer;
mod update_authorizer;

mod describe_event_configurations;
mod update_event_configurations;

mod list_policy_principals;
mod list_principal_policies;
mod list_principal_things_v2;
mod list_thing_principals_v2;
mod search_index;

use std::collections::BTreeMap;

use sekisho_registry::{Event, Registry, RegistryError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::INTERNAL;
use crate::{ApiError, App, parse};

pub(crate) use self::confirm_topic_rule_destination::{confirm, confirmation};

#[cfg(test)]
mod tests;

/// Answers an operation.
#[rustfmt::skip] // one operation a line
pub(crate) async fn handle(app: &App, operation: &str, input: Value) -> Result<Value, ApiError> {
    match operation {
        "DescribeEndpoint" => describe_endpoint::run(app, parse(input)?),
        "CreateThing" => create_thing::run(app, parse(input)?).await,
        "DescribeThing" => describe_thing::run(app, parse(input)?),
        "UpdateThing" => update_thing::run(app, parse(input)?).await,
        "DeleteThing" => delete_thing::run(app, parse(input)?).await,
        "ListThings" => list_things::run(app, parse(input)?),
        "CreateKeysAndCertificate" => create_keys_and_certificate::run(app, parse(input)?).await,
        "CreateCertificateFromCsr" => create_certificate_from_csr::run(app, parse(input)?).await,
        "DescribeCertificate" => describe_certificate::run(app, parse(input)?),
        "UpdateCertificate" => update_certificate::run(app, parse(input)?).await,
        "DeleteCertificate" => delete_certificate::run(app, parse(input)?).await,
        "ListCertificates" => list_certificates::run(app, parse(input)?),
        "CreatePolicy" => create_policy::run(app, parse(input)?).await,
        "GetPolicy" => get_policy::run(app, parse(input)?),
        "ListPolicies" => list_policies::run(app, parse(input)?),
        "DeletePolicy" => delete_policy::run(app, parse(input)?).await,
        "CreatePolicyVersion" => create_policy_version::run(app, parse(input)?).await,
        "GetPolicyVersion" => get_policy_version::run(app, parse(input)?),
        "ListPolicyVersions" => list_policy_versions::run(app, parse(input)?),
        "SetDefaultPolicyVersion" => set_default_policy_version::run(app, parse(input)?).await,
        "DeletePolicyVersion" => delete_policy_version::run(app, parse(input)?).await,
        "AttachPolicy" => attach_policy::run(app, parse(input)?).await,
        "DetachPolicy" => detach_policy::run(app, parse(input)?).await,
        "AttachPrincipalPolicy" => attach_principal_policy::run(app, parse(input)?).await,
        "DetachPrincipalPolicy" => detach_principal_policy::run(app, parse(input)?).await,
        "ListAttachedPolicies" => list_attached_policies::run(app, parse(input)?),
        "ListTargetsForPolicy" => list_targets_for_policy::run(app, parse(input)?),
        "GetEffectivePolicies" => get_effective_policies::run(app, parse(input)?),
        "TestAuthorization" => test_authorization::run(app, parse(input)?),
        "AttachThingPrincipal" => attach_thing_principal::run(app, parse(input)?).await,
        "DetachThingPrincipal" => detach_thing_principal::run(app, parse(input)?).await,
        "ListThingPrincipals" => list_thing_principals::run(app, parse(input)?),
        "ListPrincipalThings" => list_principal_things::run(app, parse(input)?),
        "CreateTopicRule" => create_topic_rule::run(app, parse(input)?).await.map_err(of_rules),
        "ReplaceTopicRule" => replace_topic_rule::run(app, parse(input)?).await.map_err(of_rules),
        "CreateTopicRuleDestination" => create_topic_rule_destination::run(app, parse(input)?).await.map_err(of_rules),
        "ConfirmTopicRuleDestination" => {
            confirm_topic_rule_destination::run(app, parse(input)?).await.map_err(of_rules)
        }
        "UpdateTopicRuleDestination" => update_topic_rule_destination::run(app, parse(input)?).await.map_err(of_rules),
        "DeleteTopicRuleDestination" => delete_topic_rule_destination::run(app, parse(input)?).await.map_err(of_rules),
        "GetTopicRuleDestination" => get_topic_rule_destination::run(app, parse(input)?).map_err(of_rules),
        "ListTopicRuleDestinations" => list_topic_rule_destinations::run(app, parse(input)?).map_err(of_rules),
        "GetTopicRule" => get_topic_rule::run(app, parse(input)?).map_err(of_rules),
        "ListTopicRules" => list_topic_rules::run(app, parse(input)?).map_err(of_rules),
        "EnableTopicRule" => enable_topic_rule::run(app, parse(input)?).await.map_err(of_rules),
        "DisableTopicRule" => disable_topic_rule::run(app, parse(input)?).await.map_err(of_rules),
        "DeleteTopicRule" => delete_topic_rule::run(app, parse(input)?).await.map_err(of_rules),
        "GetRegistrationCode" => get_registration_code::run(app).await,
        "DeleteRegistrationCode" => delete_registration_code::run(app).await,
        "RegisterCACertificate" => register_ca_certificate::run(app, parse(input)?).await,
        "DescribeCACertificate" => describe_ca_certificate::run(app, parse(input)?),
        "UpdateCACertificate" => update_ca_certificate::run(app, parse(input)?).await,
        "DeleteCACertificate" => delete_ca_certificate::run(app, parse(input)?).await,
        "ListCACertificates" => list_ca_certificates::run(app, parse(input)?),
        "ListCertificatesByCA" => list_certificates_by_ca::run(app, parse(input)?),
        "RegisterCertificate" => register_certificate::run(app, parse(input)?).await,
        "RegisterCertificateWithoutCA" => register_certificate_without_ca::run(app, parse(input)?).await,
        "TransferCertificate" => transfer_certificate::run(app, parse(input)?).await,
        "CancelCertificateTransfer" => cancel_certificate_transfer::run(app, parse(input)?).await,
        "AcceptCertificateTransfer" => accept_certificate_transfer::run(app, parse(input)?),
        "RejectCertificateTransfer" => reject_certificate_transfer::run(app, parse(input)?),
        "ListOutgoingCertificates" => list_outgoing_certificates::run(app, parse(input)?),
        "CreateProvisioningTemplate" => create_provisioning_template::run(app, parse(input)?).await,
        "DescribeProvisioningTemplate" => describe_provisioning_template::run(app, parse(input)?),
        "UpdateProvisioningTemplate" => update_provisioning_template::run(app, parse(input)?).await,
        "DeleteProvisioningTemplate" => delete_provisioning_template::run(app, parse(input)?).await,
        "ListProvisioningTemplates" => list_provisioning_templates::run(app, parse(input)?),
        "CreateProvisioningTemplateVersion" => create_provisioning_template_version::run(app, parse(input)?).await,
        "DescribeProvisioningTemplateVersion" => describe_provisioning_template_version::run(app, parse(input)?),
        "DeleteProvisioningTemplateVersion" => delete_provisioning_template_version::run(app, parse(input)?).await,
        "ListProvisioningTemplateVersions" => list_provisioning_template_versions::run(app, parse(input)?),
        "CreateProvisioningClaim" => create_provisioning_claim::run(app, parse(input)?).await,
        "RegisterThing" => register_thing::run(app, parse(input)?).await,
        "StartThingRegistrationTask" => start_thing_registration_task::run(app, parse(input)?).await,
        "StopThingRegistrationTask" => stop_thing_registration_task::run(app, parse(input)?).await,
        "DescribeThingRegistrationTask" => describe_thing_registration_task::run(app, parse(input)?),
        "ListThingRegistrationTasks" => list_thing_registration_tasks::run(app, parse(input)?),
        "ListThingRegistrationTaskReports" => list_thing_registration_task_reports::run(app, parse(input)?),
        "ListTagsForResource" => list_tags_for_resource::run(app, parse(input)?),
        "TagResource" => tag_resource::run(app, parse(input)?).await,
        "UntagResource" => untag_resource::run(app, parse(input)?).await,
        "CreateThingType" => create_thing_type::run(app, parse(input)?).await,
        "DeleteThingType" => delete_thing_type::run(app, parse(input)?).await,
        "DeprecateThingType" => deprecate_thing_type::run(app, parse(input)?).await,
        "DescribeThingType" => describe_thing_type::run(app, parse(input)?),
        "ListThingTypes" => list_thing_types::run(app, parse(input)?),
        "UpdateThingType" => update_thing_type::run(app, parse(input)?).await,
        "AddThingToThingGroup" => add_thing_to_thing_group::run(app, parse(input)?).await,
        "CreateThingGroup" => create_thing_group::run(app, parse(input)?).await,
        "DeleteThingGroup" => delete_thing_group::run(app, parse(input)?).await,
        "DescribeThingGroup" => describe_thing_group::run(app, parse(input)?),
        "ListThingGroups" => list_thing_groups::run(app, parse(input)?),
        "ListThingGroupsForThing" => list_thing_groups_for_thing::run(app, parse(input)?),
        "ListThingsInThingGroup" => list_things_in_thing_group::run(app, parse(input)?),
        "RemoveThingFromThingGroup" => remove_thing_from_thing_group::run(app, parse(input)?).await,
        "UpdateThingGroup" => update_thing_group::run(app, parse(input)?).await,
        "UpdateThingGroupsForThing" => update_thing_groups_for_thing::run(app, parse(input)?).await,
        "AddThingToBillingGroup" => add_thing_to_billing_group::run(app, parse(input)?).await,
        "CreateBillingGroup" => create_billing_group::run(app, parse(input)?).await,
        "DeleteBillingGroup" => delete_billing_group::run(app, parse(input)?).await,
        "DescribeBillingGroup" => describe_billing_group::run(app, parse(input)?),
        "ListBillingGroups" => list_billing_groups::run(app, parse(input)?),
        "ListThingsInBillingGroup" => list_things_in_billing_group::run(app, parse(input)?),
        "RemoveThingFromBillingGroup" => remove_thing_from_billing_group::run(app, parse(input)?).await,
        "UpdateBillingGroup" => update_billing_group::run(app, parse(input)?).await,
        "CreateRoleAlias" => create_role_alias::run(app, parse(input)?).await,
        "DescribeRoleAlias" => describe_role_alias::run(app, parse(input)?),
        "UpdateRoleAlias" => update_role_alias::run(app, parse(input)?).await,
        "DeleteRoleAlias" => delete_role_alias::run(app, parse(input)?).await,
        "ListRoleAliases" => list_role_aliases::run(app, parse(input)?),
        "CreateAuthorizer" => create_authorizer::run(app, parse(input)?).await,
        "DescribeAuthorizer" => describe_authorizer::run(app, parse(input)?),
        "UpdateAuthorizer" => update_authorizer::run(app, parse(input)?).await,
        "DeleteAuthorizer" => delete_authorizer::run(app, parse(input)?).await,
        "ListAuthorizers" => list_authorizers::run(app, parse(input)?),
        "SetDefaultAuthorizer" => set_default_authorizer::run(app, parse(input)?).await,
        "DescribeDefaultAuthorizer" => describe_default_authorizer::run(app),
        "ClearDefaultAuthorizer" => clear_default_authorizer::run(app).await,
        "TestInvokeAuthorizer" => test_invoke_authorizer::run(app, parse(input)?).await,
        "DescribeEventConfigurations" => describe_event_configurations::run(app),
        "UpdateEventConfigurations" => update_event_configurations::run(app, parse(input)?).await,
        "ListPolicyPrincipals" => list_policy_principals::run(app, parse(input)?),
        "ListPrincipalPolicies" => list_principal_policies::run(app, parse(input)?),
        "ListPrincipalThingsV2" => list_principal_things_v2::run(app, parse(input)?),
        "ListThingPrincipalsV2" => list_thing_principals_v2::run(app, parse(input)?),
        "SearchIndex" => search_index::run(app, parse(input)?),
        other => Err(ApiError::not_implemented(other)),
    }
}

/// A fault of ours has another name in the operations of rules (iot model: their errors).
fn of_rules(error: ApiError) -> ApiError {
    if error.code == INTERNAL { ApiError { code: "InternalException".into(), ..error } } else { error }
}

/// Runs a command of the registry and waits until it is durable.
async fn commit<T>(
    app: &App,
    command: impl FnOnce(&Registry) -> Result<(Vec<Event>, T), RegistryError>,
) -> Result<T, ApiError> {
    let committed = app.state.commit(|cores| {
        let (events, output) = command(&cores.registry)?;
        Ok::<_, RegistryError>((events.into_iter().map(Into::into).collect(), output))
    });
    Ok(committed.await?)
}

/// As [`commit`], for operations that answer nothing.
async fn commit_empty(
    app: &App,
    command: impl FnOnce(&Registry) -> Result<(Vec<Event>, ()), RegistryError>,
) -> Result<Value, ApiError> {
    commit(app, command).await.map(|()| json!({}))
}

/// `attributePayload`.
#[derive(Deserialize, Default)]
struct AttributePayload {
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default)]
    merge: bool,
}

/// `thingGroupProperties`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct ThingGroupProperties {
    thing_group_description: Option<String>,
    attribute_payload: Option<AttributePayload>,
}

/// `billingGroupProperties`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct BillingGroupProperties {
    billing_group_description: Option<String>,
}

/// `GroupNameAndArn`.
fn name_and_arn(name: &str, arn: String) -> Value {
    json!({ "groupName": name, "groupArn": arn })
}

/// A tag as it stands in lists; a list because AWS allows nothing else in JSON here.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

fn tag_map(tags: Vec<Tag>) -> BTreeMap<String, String> {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}
