//! `ListThingRegistrationTaskReports`: presigned links to the reports, a part each.
use sekisho_sigv4::{Credentials, RequestParts, presign};
use sekisho_types::Secret;
use sekisho_workers::{REPORTS_BUCKET_PREFIX, report_key};
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{TOKEN_PAGE, page};
use crate::{ApiError, App};

/// How long a link is good.
const LINK_SECONDS: u32 = 3600;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    task_id: String,
    report_type: String,
    next_token: Option<String>,
    max_results: Option<usize>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let parts = app.state.read().registry.registration_task(&input.task_id)?.report_parts;
    let (kind, parts) = match input.report_type.as_str() {
        "RESULTS" => ("results", parts.results),
        _ => ("errors", parts.errors),
    };
    let keys = (1..=parts).map(|part| report_key(&input.task_id, kind, part));
    let size = input.max_results.unwrap_or(TOKEN_PAGE);
    let (keys, next) = page(keys, String::clone, false, input.next_token.as_deref(), size)?;
    let links = keys.iter().map(|key| link(app, key)).collect::<Result<Vec<_>, _>>()?;
    let mut output = json!({ "resourceLinks": links, "reportType": input.report_type });
    if let Some(next) = next {
        output["nextToken"] = json!(next);
    }
    Ok(output)
}

fn link(app: &App, key: &str) -> Result<String, ApiError> {
    let (id, secret) = app.credentials.iter().next().ok_or_else(|| ApiError::internal("there are no access keys"))?;
    let credentials = Credentials {
        access_key_id: id.clone(),
        secret_access_key: Secret::new(secret.expose().to_vec()),
        session_token: None,
    };
    let path = format!("/{REPORTS_BUCKET_PREFIX}{}/{key}", app.state.tenant().account);
    let (host, region) = (&app.settings.api_authority, app.state.tenant().region.as_str());
    let headers = [("host", host.as_bytes())];
    let request = RequestParts { method: "GET", raw_path: &path, raw_query: "", headers: &headers };
    let query = presign(&request, &credentials, region, "s3", app.state.now(), LINK_SECONDS);
    Ok(format!("http://{host}{path}?{query}"))
}
