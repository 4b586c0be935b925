//! A thing and a group, each by name or ARN, as four calls name them.
use sekisho_registry::{Registry, RegistryError};
use sekisho_types::{BillingGroupName, ThingGroupName, ThingName};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfThingGroup {
    thing_group_name: Option<ThingGroupName>,
    thing_group_arn: Option<String>,
    thing_name: Option<ThingName>,
    thing_arn: Option<String>,
}

impl OfThingGroup {
    pub(super) fn names(self, registry: &Registry) -> Result<(ThingName, ThingGroupName), RegistryError> {
        let thing = registry.thing_name(self.thing_name, self.thing_arn.as_deref())?;
        Ok((thing, registry.thing_group_name(self.thing_group_name, self.thing_group_arn.as_deref())?))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfBillingGroup {
    billing_group_name: Option<BillingGroupName>,
    billing_group_arn: Option<String>,
    thing_name: Option<ThingName>,
    thing_arn: Option<String>,
}

impl OfBillingGroup {
    pub(super) fn names(self, registry: &Registry) -> Result<(ThingName, BillingGroupName), RegistryError> {
        let thing = registry.thing_name(self.thing_name, self.thing_arn.as_deref())?;
        Ok((thing, registry.billing_group_name(self.billing_group_name, self.billing_group_arn.as_deref())?))
    }
}
