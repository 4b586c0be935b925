//! `RegisterThing`: a template, filled in for one device.
use std::collections::BTreeMap;

use sekisho_workers::{RegisterThingError, parse_registration_template, register_thing};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    template_body: String,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let template = parse_registration_template(&input.template_body)?;
    let (certificate, provisioned) = register_thing(&app.state, &app.issuing, &template, &input.parameters).await?;
    Ok(json!({ "certificatePem": certificate.to_pem(), "resourceArns": provisioned.resource_arns }))
}

impl From<RegisterThingError> for ApiError {
    fn from(error: RegisterThingError) -> Self {
        let message = error.to_string();
        match error {
            RegisterThingError::Template(_) => Self::new(400, "InvalidRequestException", message),
            RegisterThingError::Resource(_) => Self::new(400, "ResourceRegistrationFailureException", message),
            RegisterThingError::Conflict(_) => Self::new(409, "ConflictingResourceUpdateException", message),
            RegisterThingError::Internal(_) => Self::internal(message),
        }
    }
}
