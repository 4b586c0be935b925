//! What a bucket's policy says of a request, asked before every operation (S3 user guide: "Bucket policies for Amazon S3").
//!
//! A caller is the account's root, whom IAM allows everything, or a session of a role, which may use objects: what a bucket policy
//! changes is what it denies.
use sekisho_iam::{Context, Decision, Request};
use sekisho_objects::{Encryption, VersionId};
use sekisho_sigv4::RoleSession;
use sekisho_state::Cores;
use sekisho_types::BucketName;

use super::copy_source::CopySource;
use super::describe::{SSE, SSE_KEY_ID, given};
use super::names;
use crate::auth::iso;
use crate::{ApiError, App, S3Request};

/// Whether an action is of the bucket or of an object in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Bucket,
    Object,
}

#[rustfmt::skip] // operation                            action                                    of
const ACTIONS: &[(&str,                                  &str,                                     Of)] = &[
    ("AbortMultipartUpload",                             "s3:AbortMultipartUpload",                Of::Object),
    ("CompleteMultipartUpload",                          "s3:PutObject",                           Of::Object),
    ("CopyObject",                                       "s3:PutObject",                           Of::Object),
    ("CreateMultipartUpload",                            "s3:PutObject",                           Of::Object),
    ("DeleteBucket",                                     "s3:DeleteBucket",                        Of::Bucket),
    ("DeleteBucketCors",                                 "s3:PutBucketCORS",                       Of::Bucket),
    ("DeleteBucketEncryption",                           "s3:PutEncryptionConfiguration",          Of::Bucket),
    ("DeleteBucketLifecycle",                            "s3:PutLifecycleConfiguration",           Of::Bucket),
    ("DeleteBucketOwnershipControls",                    "s3:PutBucketOwnershipControls",          Of::Bucket),
    ("DeleteBucketReplication",                          "s3:PutReplicationConfiguration",         Of::Bucket),
    ("DeleteBucketTagging",                              "s3:PutBucketTagging",                    Of::Bucket),
    ("DeleteBucketWebsite",                              "s3:DeleteBucketWebsite",                 Of::Bucket),
    ("DeleteObject",                                     "s3:DeleteObject",                        Of::Object),
    ("DeleteObjectTagging",                              "s3:DeleteObjectTagging",                 Of::Object),
    ("DeletePublicAccessBlock",                          "s3:PutBucketPublicAccessBlock",          Of::Bucket),
    ("GetBucketAccelerateConfiguration",                 "s3:GetAccelerateConfiguration",          Of::Bucket),
    ("GetBucketAcl",                                     "s3:GetBucketAcl",                        Of::Bucket),
    ("GetBucketCors",                                    "s3:GetBucketCORS",                       Of::Bucket),
    ("GetBucketEncryption",                              "s3:GetEncryptionConfiguration",          Of::Bucket),
    ("GetBucketLifecycleConfiguration",                  "s3:GetLifecycleConfiguration",           Of::Bucket),
    ("GetBucketLocation",                                "s3:GetBucketLocation",                   Of::Bucket),
    ("GetBucketLogging",                                 "s3:GetBucketLogging",                    Of::Bucket),
    ("GetBucketNotificationConfiguration",               "s3:GetBucketNotification",               Of::Bucket),
    ("GetBucketOwnershipControls",                       "s3:GetBucketOwnershipControls",          Of::Bucket),
    ("GetBucketPolicyStatus",                            "s3:GetBucketPolicyStatus",               Of::Bucket),
    ("GetBucketReplication",                             "s3:GetReplicationConfiguration",         Of::Bucket),
    ("GetBucketRequestPayment",                          "s3:GetBucketRequestPayment",             Of::Bucket),
    ("GetBucketTagging",                                 "s3:GetBucketTagging",                    Of::Bucket),
    ("GetBucketVersioning",                              "s3:GetBucketVersioning",                 Of::Bucket),
    ("GetBucketWebsite",                                 "s3:GetBucketWebsite",                    Of::Bucket),
    ("GetObject",                                        "s3:GetObject",                           Of::Object),
    ("GetObjectAcl",                                     "s3:GetObjectAcl",                        Of::Object),
    ("GetObjectAttributes",                              "s3:GetObjectAttributes",                 Of::Object),
    ("GetObjectLockConfiguration",                       "s3:GetBucketObjectLockConfiguration",    Of::Bucket),
    ("GetObjectTagging",                                 "s3:GetObjectTagging",                    Of::Object),
    ("GetPublicAccessBlock",                             "s3:GetBucketPublicAccessBlock",          Of::Bucket),
    ("HeadBucket",                                       "s3:ListBucket",                          Of::Bucket),
    ("HeadObject",                                       "s3:GetObject",                           Of::Object),
    ("ListMultipartUploads",                             "s3:ListBucketMultipartUploads",          Of::Bucket),
    ("ListObjectVersions",                               "s3:ListBucketVersions",                  Of::Bucket),
    ("ListObjects",                                      "s3:ListBucket",                          Of::Bucket),
    ("ListObjectsV2",                                    "s3:ListBucket",                          Of::Bucket),
    ("ListParts",                                        "s3:ListMultipartUploadParts",            Of::Object),
    ("PostObject",                                       "s3:PutObject",                           Of::Object),
    ("PutBucketAccelerateConfiguration",                 "s3:PutAccelerateConfiguration",          Of::Bucket),
    ("PutBucketAcl",                                     "s3:PutBucketAcl",                        Of::Bucket),
    ("PutBucketCors",                                    "s3:PutBucketCORS",                       Of::Bucket),
    ("PutBucketEncryption",                              "s3:PutEncryptionConfiguration",          Of::Bucket),
    ("PutBucketLifecycleConfiguration",                  "s3:PutLifecycleConfiguration",           Of::Bucket),
    ("PutBucketLogging",                                 "s3:PutBucketLogging",                    Of::Bucket),
    ("PutBucketNotificationConfiguration",               "s3:PutBucketNotification",               Of::Bucket),
    ("PutBucketOwnershipControls",                       "s3:PutBucketOwnershipControls",          Of::Bucket),
    ("PutBucketRequestPayment",                          "s3:PutBucketRequestPayment",             Of::Bucket),
    ("PutBucketTagging",                                 "s3:PutBucketTagging",                    Of::Bucket),
    ("PutBucketVersioning",                              "s3:PutBucketVersioning",                 Of::Bucket),
    ("PutObject",                                        "s3:PutObject",                           Of::Object),
    ("PutObjectAcl",                                     "s3:PutObjectAcl",                        Of::Object),
    ("PutObjectTagging",                                 "s3:PutObjectTagging",                    Of::Object),
    ("PutPublicAccessBlock",                             "s3:PutBucketPublicAccessBlock",          Of::Bucket),
    ("UpdateObjectEncryption",                           "s3:UpdateObjectEncryption",              Of::Object),
    ("UploadPart",                                       "s3:PutObject",                           Of::Object),
    ("UploadPartCopy",                                   "s3:PutObject",                           Of::Object),
];
/// Operations that have an action of their own when they name a version, and its end.
const OF_VERSIONS: [&str; 8] = [
    "s3:DeleteObject",
    "s3:DeleteObjectTagging",
    "s3:GetObject",
    "s3:GetObjectAcl",
    "s3:GetObjectAttributes",
    "s3:GetObjectTagging",
    "s3:PutObjectAcl",
    "s3:PutObjectTagging",
];

/// An action of a request, and on what.
struct Asked<'a> {
    action: &'a str,
    bucket: &'a str,
    key: Option<&'a str>,
    version: Option<VersionId>,
}

/// Refuses what the bucket's policy denies. The bucket's owner may always read, change and remove the policy itself, so that
/// nobody locks himself out.
pub(super) fn authorize(app: &App, request: &S3Request) -> Result<(), ApiError> {
    let Some((_, action, of)) = ACTIONS.iter().find(|(operation, ..)| *operation == request.operation) else {
        return Ok(());
    };
    let bucket = request.bucket.as_deref().unwrap_or_default();
    let key = match of {
        Of::Bucket => None,
        Of::Object => Some(request.key.as_deref().unwrap_or_default()),
    };
    let version = names::version(request)?;
    let ask = |action| check(app, request, &Asked { action, bucket, key, version });
    ask(action)?;
    // What an operation does besides.
    match request.operation {
        "UpdateObjectEncryption" => ask("s3:PutObject")?,
        "GetObjectAttributes" => ask("s3:GetObject")?,
        "PutObject" | "PostObject" | "CreateMultipartUpload" | "CopyObject"
            if given(request, "x-amz-tagging").is_some() =>
        {
            ask("s3:PutObjectTagging")?;
        }
        _ => {}
    }
    if matches!(request.operation, "CopyObject" | "UploadPartCopy") {
        let from = CopySource::of(request)?;
        let ask = |action| {
            let (bucket, key) = (from.bucket.as_str(), Some(from.key.as_str()));
            check(app, request, &Asked { action, bucket, key, version: from.version })
        };
        ask("s3:GetObject")?;
        if request.operation == "CopyObject" && request.header("x-amz-tagging-directive") != Some("REPLACE") {
            ask("s3:GetObjectTagging")?;
        }
    }
    Ok(())
}

/// Whether the policy lets one of several keys be deleted.
pub(super) fn may_delete(
    app: &App,
    request: &S3Request,
    key: &str,
    version: Option<VersionId>,
) -> Result<(), ApiError> {
    let bucket = request.bucket.as_deref().unwrap_or_default();
    check(app, request, &Asked { action: "s3:DeleteObject", bucket, key: Some(key), version })
}

fn check(app: &App, request: &S3Request, asked: &Asked<'_>) -> Result<(), ApiError> {
    let Ok(name) = names::bucket_name(asked.bucket) else { return Ok(()) };
    let cores = app.state.read();
    let policy = cores.objects.bucket(&name).ok().and_then(|known| known.settings.policy.as_ref());
    let Some(attached) = policy else { return Ok(()) };
    let resource = match asked.key {
        None => format!("arn:aws:s3:::{name}"),
        Some(key) => format!("arn:aws:s3:::{name}/{key}"),
    };
    let action = match asked.version.is_some() && OF_VERSIONS.contains(&asked.action) {
        true => asked.action.replace("Object", "ObjectVersion"),
        false => asked.action.to_owned(),
    };
    let principal = request.operator.session().map_or_else(|| root(app), RoleSession::arn);
    let about = Request { principal: &principal, action: &action, resource: &resource };
    match attached.policy().map(|policy| policy.decide(&about, &context(app, &cores, request, &name, asked))) {
        Ok(Decision::Allow | Decision::Silent) => Ok(()),
        Ok(Decision::Deny) => {
            let message = format!(
                "User: {principal} is not authorized to perform: {action} on resource: \"{resource}\" with an explicit deny in a resource-based policy"
            );
            Err(ApiError::new(403, "AccessDenied", message))
        }
        // It was good when it was put: a document that cannot be read denies.
        Err(error) => Err(ApiError::new(403, "AccessDenied", "Access Denied").because(error)),
    }
}

/// The account's root.
pub(super) fn root(app: &App) -> String {
    format!("arn:aws:iam::{}:root", app.state.tenant().account)
}

/// Condition keys whose values are told here. What asks for another is denied.
fn is_known(key: &str) -> bool {
    const KNOWN: &[&str] = &[
        "aws:currenttime",
        "aws:epochtime",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principaltype",
        "aws:referer",
        "aws:resourceaccount",
        "aws:securetransport",
        "aws:sourceip",
        "aws:useragent",
        "aws:userid",
        "s3:authtype",
        "s3:delimiter",
        "s3:if-match",
        "s3:if-none-match",
        "s3:max-keys",
        "s3:prefix",
        "s3:requestobjecttagkeys",
        "s3:resourceaccount",
        "s3:signatureversion",
        "s3:versionid",
    ];
    let families = ["s3:x-amz-", "s3:existingobjecttag/", "s3:requestobjecttag/"];
    KNOWN.contains(&key) || families.iter().any(|family| key.starts_with(family))
}

/// What conditions can ask of a request.
fn context(app: &App, cores: &Cores, request: &S3Request, bucket: &BucketName, asked: &Asked<'_>) -> Context {
    let (now, account) = (app.state.now(), app.state.tenant().account.to_string());
    let mut values: Vec<(String, String)> = vec![
        ("aws:SecureTransport".into(), request.peer.secure.to_string()),
        ("aws:SourceIp".into(), request.peer.address.ip().to_canonical().to_string()),
        ("aws:PrincipalAccount".into(), account.clone()),
        ("aws:CurrentTime".into(), iso(now)),
        ("aws:EpochTime".into(), now.seconds().to_string()),
        ("s3:signatureversion".into(), "AWS4-HMAC-SHA256".into()),
        (
            "s3:authType".into(),
            match request.operation {
                "PostObject" => "POST",
                _ if request.query("X-Amz-Signature").is_some() => "REST-QUERY-STRING",
                _ => "REST-HEADER",
            }
            .into(),
        ),
        ("s3:ResourceAccount".into(), account.clone()),
        ("aws:ResourceAccount".into(), account),
    ];
    let caller = match request.operator.session() {
        None => [root(app), "Account".into(), app.state.tenant().account.to_string()],
        Some(session) => [session.role_arn.clone(), "AssumedRole".into(), session.user_id()],
    };
    values.extend(["aws:PrincipalArn", "aws:PrincipalType", "aws:userid"].map(str::to_owned).into_iter().zip(caller));
    let mut add =
        |name: &str, value: Option<&str>| values.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    add("aws:UserAgent", request.header("user-agent"));
    add("aws:Referer", request.header("referer"));
    for name in ["prefix", "delimiter", "max-keys"] {
        add(&format!("s3:{name}"), request.query(name));
    }
    add("s3:versionid", asked.version.map(|version| version.to_string()).as_deref());
    for name in request.headers.keys().map(|name| name.as_str()).filter(|name| name.starts_with("x-amz-")) {
        if name != SSE_KEY_ID {
            add(&format!("s3:{name}"), request.header(name));
        }
    }
    // What a presigned request has in its query instead.
    for (name, value) in &request.query {
        if name.to_ascii_lowercase().starts_with(SSE) && !name.eq_ignore_ascii_case(SSE_KEY_ID) {
            add(&format!("s3:{name}"), Some(value));
        }
    }
    add("s3:if-none-match", request.header("if-none-match"));
    add("s3:if-match", request.header("if-match"));
    // The condition compares ARNs, whatever the request names the key by.
    let arn = given(request, SSE_KEY_ID)
        .map(|named| cores.kms.resolve(named).map_or(named.to_owned(), |key| key.arn(app.state.tenant())));
    add(&format!("s3:{SSE_KEY_ID}"), arn.as_deref());
    if let Some(tagging) = given(request, "x-amz-tagging") {
        for (name, value) in crate::bind::query_pairs(tagging, true) {
            add(&format!("s3:RequestObjectTag/{name}"), Some(&value));
            add("s3:RequestObjectTagKeys", Some(&name));
        }
    }
    let Some(Ok(key)) = asked.key.map(names::object_key) else { return Context::new(values, is_known) };
    if let Ok(found) = cores.objects.object(bucket, &key, asked.version) {
        found.record.tags.iter().for_each(|(name, value)| add(&format!("s3:ExistingObjectTag/{name}"), Some(value)));
    }
    // A part has no headers of its own: it is what its upload is.
    let upload = names::upload(request).ok().and_then(|name| {
        let bucket = cores.objects.bucket(&name.bucket).ok()?;
        bucket.uploads.get(&(name.key, name.id))
    });
    if let Some(upload) = upload {
        let mode = upload.encryption.algorithm().filter(|_| given(request, SSE).is_none());
        add(&format!("s3:{SSE}"), mode.map(|mode| mode.as_str()));
        add(&format!("s3:{SSE_KEY_ID}"), upload.encryption.key_arn());
        if let Encryption::Customer(_) = upload.encryption {
            add("s3:x-amz-server-side-encryption-customer-algorithm", Some("AES256"));
        }
    }
    Context::new(values, is_known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Service;

    #[test]
    fn every_operation_offered_is_asked_about() {
        // What has no bucket yet, lists all of them, or is the policy's own; of DeleteObjects, each key is asked about.
        let others = [
            "CreateBucket",
            "DeleteBucketPolicy",
            "DeleteObjects",
            "GetBucketPolicy",
            "ListBuckets",
            "PutBucketPolicy",
        ];
        for operation in Service::S3.operations().iter().filter(|operation| operation.offered) {
            let asked = ACTIONS.iter().any(|(name, ..)| *name == operation.name);
            assert_ne!(asked, others.contains(&operation.name), "{}", operation.name);
        }
    }
}
