//! `SetDefaultAuthorizer`
use serde_json::{Value, json};

use super::commit;
use super::describe_authorizer::Input;
use crate::{ApiError, App};

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    commit(app, |registry| registry.set_default_authorizer(&input.authorizer_name)).await?;
    let arn = app.state.read().registry.authorizer_arn(&input.authorizer_name);
    Ok(json!({ "authorizerName": input.authorizer_name, "authorizerArn": arn }))
}
