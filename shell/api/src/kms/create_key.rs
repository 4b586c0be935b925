//! CreateKey: any kind of key of this account and region; what needs another service or region is refused by name.
use sekisho_kms::{KeySpec, KeyUsage, KmsError, NewKey, Origin};
use serde::Deserialize;
use serde_json::{Value, json};

use super::tags::{self, Tag};
use super::{commit, key_pair, word};
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
    bypass_policy_lockout_safety_check: bool,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let spec = match (input.key_spec, input.customer_master_key_spec) {
        (Some(_), Some(_)) => {
            let message = "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.";
            return Err(KmsError::Validation(message.into()).into());
        }
        (spec, older) => spec.or(older),
    };
    let spec = spec.map_or(Ok(KeySpec::default()), |spec| word(KeySpec::parse, "KeySpec", &spec))?;
    let usage = match input.key_usage {
        Some(usage) => word(KeyUsage::parse, "KeyUsage", &usage)?,
        None if spec == KeySpec::SymmetricDefault => KeyUsage::EncryptDecrypt,
        None => {
            let message = "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.";
            return Err(KmsError::Validation(message.into()).into());
        }
    };
    let origin = input.origin.map_or(Ok(Origin::default()), |origin| word(Origin::parse, "Origin", &origin))?;
    #[rustfmt::skip] // member            asked for                                        offered
    let choices = [
        ("CustomKeyStoreId", input.custom_key_store_id,                       None),
        ("XksKeyId",         input.xks_key_id,                                None),
        ("MultiRegion",      input.multi_region.map(|on| on.to_string()),     Some("false")),
    ];
    for (name, asked, offered) in choices {
        if let Some(asked) = asked.filter(|asked| offered != Some(asked)) {
            return Err(KmsError::NotOffered(format!("{name} {asked}")).into());
        }
    }
    let new = NewKey {
        description: input.description.unwrap_or_default(),
        policy: input.policy,
        tags: tags::pairs(input.tags)?,
        spec,
        usage,
        origin,
        bypass_lockout_check: input.bypass_policy_lockout_safety_check,
    };
    new.check()?;
    let private_key = if new.needs_private_key() { Some(key_pair::generate(spec).await?) } else { None };
    let (now, root_key, mut random) = (app.state.now(), app.state.root_key(), app.state.random());
    let key = commit(app, |cores| cores.kms.create(now, root_key, new, private_key.as_ref(), &mut random)).await?;
    Ok(json!({ "KeyMetadata": key.metadata(app.state.tenant()) }))
}
