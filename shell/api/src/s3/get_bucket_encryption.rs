//! GetBucketEncryption: there is always a rule, since there are no unencrypted objects.
use http::Response;

use super::{names, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

pub(super) fn run(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    let bucket = names::bucket(request)?;
    let rule = app.state.read().objects.bucket(&bucket)?.encryption.clone();
    Ok(xml::document("ServerSideEncryptionConfiguration", |out| {
        xml::nested(out, "Rule", |out| {
            xml::nested(out, "ApplyServerSideEncryptionByDefault", |out| {
                element(out, "SSEAlgorithm", rule.algorithm.as_str());
                rule.kms_key.iter().for_each(|key| element(out, "KMSMasterKeyID", key));
            });
            element(out, "BucketKeyEnabled", if rule.bucket_key_enabled { "true" } else { "false" });
            xml::nested(out, "BlockedEncryptionTypes", |out| {
                element(out, "EncryptionType", if rule.customer_keys_allowed { "NONE" } else { "SSE-C" });
            });
        });
    }))
}
