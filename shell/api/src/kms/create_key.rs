//! CreateKey: a symmetric encryption key of this account and region; the other kinds are refused by name.
use sekisho_kms::KmsError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::tags::{self, Tag};
use super::{SYMMETRIC_DEFAULT, commit};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    description: Option<String>,
    policy: Option<String>,
    key_usage: Option<String>,
    key_spec: Option<String>,
    customer_master_key_spec: Option<String>,
    origin: Option<String>,
    custom_key_store_id: Option<String>,
    xks_key_id: Option<String>,
    multi_region: Option<bool>,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let spec = match (input.key_spec, input.customer_master_key_spec) {
        (Some(_), Some(_)) => {
            let message = "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.";
            return Err(KmsError::Validation(message.into()).into());
        }
        (spec, older) => spec.or(older).unwrap_or_else(|| SYMMETRIC_DEFAULT.into()),
    };
    if spec != SYMMETRIC_DEFAULT && input.key_usage.is_none() {
        let message = "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.";
        return Err(KmsError::Validation(message.into()).into());
    }
    if let Some(usage) = input.key_usage.filter(|usage| spec == SYMMETRIC_DEFAULT && usage != "ENCRYPT_DECRYPT") {
        let message = format!("KeyUsage {usage} is not compatible with KeySpec {spec}");
        return Err(KmsError::Validation(message).into());
    }
    #[rustfmt::skip] // member            asked for                                        offered
    let choices = [
        ("KeySpec",          Some(spec),                                      Some(SYMMETRIC_DEFAULT)),
        ("Origin",           input.origin,                                    Some("AWS_KMS")),
        ("CustomKeyStoreId", input.custom_key_store_id,                       None),
        ("XksKeyId",         input.xks_key_id,                                None),
        ("MultiRegion",      input.multi_region.map(|on| on.to_string()),     Some("false")),
    ];
    for (name, asked, offered) in choices {
        if let Some(asked) = asked.filter(|asked| offered != Some(asked)) {
            return Err(KmsError::NotOffered(format!("{name} {asked}")).into());
        }
    }
    let tags = tags::pairs(input.tags)?;
    let (now, root_key, mut random) = (app.state.now(), app.state.root_key(), app.state.random());
    let description = input.description.unwrap_or_default();
    let key = commit(app, |cores| cores.kms.create_key(now, root_key, description, input.policy, tags, &mut random));
    Ok(json!({ "KeyMetadata": key.await?.metadata(app.state.tenant()) }))
}
