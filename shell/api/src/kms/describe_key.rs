//! DescribeKey. Asked for the alias of an AWS managed key, it makes the key, as AWS does.
use sekisho_objects::{MANAGED_KEY_ALIAS, MANAGED_KEY_DESCRIPTION};
use serde::Deserialize;
use serde_json::{Value, json};

use super::commit;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    key_id: String,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let managed_arn = app.state.tenant().arn("kms", MANAGED_KEY_ALIAS);
    if input.key_id == MANAGED_KEY_ALIAS || input.key_id == managed_arn {
        let (now, root_key, mut random) = (app.state.now(), app.state.root_key(), app.state.random());
        commit(app, |cores| {
            let (alias, description) = (MANAGED_KEY_ALIAS, MANAGED_KEY_DESCRIPTION);
            Ok(cores.kms.ensure_managed(now, root_key, alias, description, &mut random))
        })
        .await?;
    }
    let cores = app.state.read();
    Ok(json!({ "KeyMetadata": cores.kms.resolve(&input.key_id)?.metadata(app.state.tenant()) }))
}
