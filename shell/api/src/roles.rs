//! Who signs besides the account's root: sessions of roles. There are no IAM policies here that would say what a role may do, so it may
//! use the data planes, and change nothing that is configured.
use sekisho_sigv4::{Claim, NoSigner, Operator, SigV4Error, Signer};
use sekisho_workers::signer_of_session;

use crate::{ApiError, App, Protocol, Service, auth};

/// What sessions of roles may do, by service.
const ALLOWED: &[(Service, &[&str])] = &[
    (
        Service::IotData,
        &[
            "DeleteThingShadow",
            "GetRetainedMessage",
            "GetThingShadow",
            "ListNamedShadowsForThing",
            "ListRetainedMessages",
            "Publish",
            "UpdateThingShadow",
        ],
    ),
    (Service::Firehose, &["PutRecord", "PutRecordBatch"]),
    (
        Service::Kms,
        &[
            "Decrypt",
            "DeriveSharedSecret",
            "DescribeKey",
            "Encrypt",
            "GenerateDataKey",
            "GenerateDataKeyPair",
            "GenerateDataKeyPairWithoutPlaintext",
            "GenerateDataKeyWithoutPlaintext",
            "GenerateMac",
            "GenerateRandom",
            "GetPublicKey",
            "ReEncrypt",
            "Sign",
            "Verify",
            "VerifyMac",
        ],
    ),
    (
        Service::S3,
        &[
            "AbortMultipartUpload",
            "CompleteMultipartUpload",
            "CopyObject",
            "CreateMultipartUpload",
            "DeleteObject",
            "DeleteObjectTagging",
            "DeleteObjects",
            "GetBucketLocation",
            "GetObject",
            "GetObjectAttributes",
            "GetObjectTagging",
            "HeadBucket",
            "HeadObject",
            "ListMultipartUploads",
            "ListObjectVersions",
            "ListObjects",
            "ListObjectsV2",
            "ListParts",
            "PostObject",
            "PutObject",
            "PutObjectTagging",
            "UploadPart",
            "UploadPartCopy",
        ],
    ),
    (Service::Sts, &["GetCallerIdentity"]),
];

/// Whose an access key is, with its session token if one came.
pub(crate) fn signer_of(app: &App, access_key_id: &str, token: Option<&str>) -> Result<Signer, NoSigner> {
    match (token, app.credentials.get(access_key_id)) {
        (Some(token), _) => signer_of_session(&app.state, access_key_id, token),
        (None, Some(secret)) => Ok(Signer { secret: secret.clone(), session: None }),
        (None, None) => Err(NoSigner::AccessKey),
    }
}

/// Whether it is anybody's, asked before a body is read.
pub(crate) fn check_known(app: &App, claim: &Claim, token: Option<&str>) -> Result<(), SigV4Error> {
    let access_key_id = &claim.access_key_id;
    signer_of(app, access_key_id, token).map(drop).map_err(|reason| match reason {
        NoSigner::AccessKey => SigV4Error::UnknownAccessKey { access_key_id: access_key_id.to_string() },
        NoSigner::SessionToken => SigV4Error::UnknownSessionToken,
        NoSigner::Expired => SigV4Error::ExpiredSessionToken,
    })
}

/// Whether the device whose session it is has been let in until now: asked again once a body has come, which may have taken long.
pub(crate) fn check_still(app: &App, operator: &Operator, service: Service) -> Result<(), ApiError> {
    let Some(certificate_id) = operator.session().and_then(|session| session.certificate_id) else { return Ok(()) };
    let let_in = app.state.read().registry.identify(certificate_id, app.state.now());
    let_in.map(drop).map_err(|_| auth::refusal(service, &SigV4Error::UnknownSessionToken))
}

/// Refuses a session of a role what is not for it.
pub(crate) fn may(operator: &Operator, service: Service, operation: &str) -> Result<(), ApiError> {
    let Some(session) = operator.session() else { return Ok(()) };
    if ALLOWED.iter().any(|(of, operations)| *of == service && operations.contains(&operation)) {
        return Ok(());
    }
    let (status, code) = match (service, service.protocol()) {
        (Service::IotData | Service::IotJobsData, _) => (403, "ForbiddenException"),
        (_, Protocol::RestXml | Protocol::Query) => (403, "AccessDenied"),
        (_, Protocol::RestJson) => (403, "AccessDeniedException"),
        (_, Protocol::Json11) => (400, "AccessDeniedException"),
    };
    let (arn, prefix) = (session.arn(), prefix(service));
    Err(ApiError::new(status, code, format!("User: {arn} is not authorized to perform: {prefix}:{operation}")))
}

/// As policies call the service.
fn prefix(service: Service) -> &'static str {
    match service {
        Service::Iot | Service::IotData => "iot",
        Service::IotJobsData => "iotjobsdata",
        other => other.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sessions_may_do_is_offered_and_changes_no_configuration() {
        for (service, operations) in ALLOWED {
            for operation in *operations {
                let found = service.operations().iter().find(|known| known.name == *operation);
                assert!(*operation == "PostObject" || found.is_some_and(|found| found.offered), "{operation}");
                let about_keys = ["PutKeyPolicy", "CreateGrant", "ScheduleKeyDeletion", "CreateKey", "PutBucketPolicy"];
                assert!(!about_keys.contains(operation));
            }
            assert!(operations.is_sorted(), "{service:?}");
        }
    }
}
