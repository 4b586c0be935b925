//! `AssumeRole`: a session of a role for the account's operator; what it may do is what any session of a role may.
use sekisho_workers::{TemporaryCredentials, assume_role_as_operator};

use super::answer;
use crate::render::element;
use crate::{ApiError, App};

/// Seconds a session may be good for (STS model: roleDurationSecondsType, and IAM's maximum session duration).
const DURATION_S: std::ops::RangeInclusive<u32> = 900..=43_200;
const DEFAULT_DURATION_S: u32 = 3_600;

pub(crate) fn run(app: &App, form: &[(String, String)], request_id: &str) -> Result<String, ApiError> {
    let text = |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let invalid = |message: String| ApiError::new(400, "ValidationError", message);
    // A restriction that nobody would keep to is none.
    if let Some((name, _)) = form.iter().find(|(name, _)| name.starts_with("Policy")) {
        let name = name.split('.').next().unwrap_or_default();
        return Err(invalid(format!("{} is not offered: a session cannot be restricted", name.escape_debug())));
    }
    let required = |name: &str| {
        text(name).filter(|value| !value.is_empty()).ok_or_else(|| invalid(format!("{name} must not be empty")))
    };
    let (role_arn, session_name) = (required("RoleArn")?, required("RoleSessionName")?);
    if app.state.tenant().role_of(role_arn).is_none() {
        return Err(invalid(format!("{} is invalid", role_arn.escape_debug())));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !(2..=64).contains(&session_name.len()) || !session_name.chars().all(fits) {
        let message = "RoleSessionName must have 2 to 64 characters of a-z A-Z 0-9 _ + = , . @ -";
        return Err(invalid(message.to_owned()));
    }
    let duration = text("DurationSeconds").map_or(Some(DEFAULT_DURATION_S), |text| text.parse().ok());
    let duration = duration.filter(|duration| DURATION_S.contains(duration)).ok_or_else(|| {
        invalid(format!("DurationSeconds must be from {} to {}", DURATION_S.start(), DURATION_S.end()))
    })?;
    let credentials = assume_role_as_operator(&app.state, role_arn.to_owned(), session_name.to_owned(), duration);
    let TemporaryCredentials { access_key_id, secret_access_key, session_token, expiration, session } = credentials;
    Ok(answer("AssumeRole", request_id, |out| {
        out.push_str("<AssumedRoleUser>");
        element(out, "AssumedRoleId", &session.user_id());
        element(out, "Arn", &session.arn());
        out.push_str("</AssumedRoleUser><Credentials>");
        element(out, "AccessKeyId", &access_key_id);
        element(out, "SecretAccessKey", &String::from_utf8_lossy(secret_access_key.expose()));
        element(out, "SessionToken", &session_token);
        element(out, "Expiration", &expiration.to_string());
        out.push_str("</Credentials>");
    }))
}
