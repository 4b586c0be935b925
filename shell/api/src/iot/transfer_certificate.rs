//! `TransferCertificate`: to an account elsewhere; it waits there, for ever as seen from here.
use sekisho_types::{AccountId, CertificateId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::commit;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    certificate_id: CertificateId,
    target_aws_account: String,
    transfer_message: Option<String>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let target = AccountId::parse(&input.target_aws_account)?;
    let now = app.state.now();
    let transferred = commit(app, |registry| {
        registry.transfer_certificate(now, input.certificate_id, target, input.transfer_message)
    });
    Ok(json!({ "transferredCertificateArn": transferred.await? }))
}
