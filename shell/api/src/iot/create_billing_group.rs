//! `CreateBillingGroup`
use sekisho_types::BillingGroupName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BillingGroupProperties, Tag, commit, tag_map};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    billing_group_name: BillingGroupName,
    #[serde(default)]
    billing_group_properties: BillingGroupProperties,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let (now, mut random) = (app.state.now(), app.state.random());
    let arn = app.state.read().registry.billing_group_arn(&input.billing_group_name);
    let description = input.billing_group_properties.billing_group_description;
    let created = commit(app, |registry| {
        let (mut events, group) =
            registry.create_billing_group(now, input.billing_group_name, description, &mut random)?;
        if !events.is_empty() {
            events.extend(registry.tagged(&arn, tag_map(input.tags))?);
        }
        Ok((events, group))
    });
    let group = created.await?;
    Ok(json!({
        "billingGroupName": group.billing_group_name,
        "billingGroupArn": arn,
        "billingGroupId": group.billing_group_id,
    }))
}
