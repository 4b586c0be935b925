//! `x-amz-copy-source`: which object a copy, or a part of one, is made of, and on what conditions.
use percent_encoding::percent_decode_str;
use sekisho_blobs::{Got, Reader};
use sekisho_objects::{Conditions, CustomerKey, ObjectsError, Verdict, VersionId};
use sekisho_types::{BucketName, ObjectKey};

use super::describe::{SOURCE_CUSTOMER, customer_key};
use super::error::invalid_argument;
use super::names;
use super::read::http_time;
use crate::{ApiError, App, S3Request};

/// What one copy takes; more goes in parts (CopyObject, UploadPartCopy).
const BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
const SOURCE: &str = "x-amz-copy-source";

/// The source of a copy.
pub(super) struct CopySource {
    pub(super) bucket: BucketName,
    pub(super) key: ObjectKey,
    pub(super) version: Option<VersionId>,
    customer: Option<CustomerKey>,
    conditions: Conditions,
}

impl CopySource {
    /// `/bucket/key` or `bucket/key`, encoded as in a URL, and `?versionId=` behind it.
    pub(super) fn of(request: &S3Request) -> Result<Self, ApiError> {
        let text = request.header(SOURCE).unwrap_or_default();
        let message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey";
        let refused = || invalid_argument(message, SOURCE, text);
        let (path, version) = match text.split_once("?versionId=") {
            Some((path, version)) => (path, Some(names::version_id(version)?)),
            None => (text, None),
        };
        let path = percent_decode_str(path).decode_utf8().map_err(|_| refused())?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        let (bucket, key) = path.split_once('/').filter(|(_, key)| !key.is_empty()).ok_or_else(refused)?;
        let header = |name: &str| request.header(&format!("{SOURCE}-{name}")).map(str::to_owned);
        let time = |name: &str| header(name).as_deref().and_then(http_time);
        Ok(Self {
            bucket: names::bucket_name(bucket)?,
            key: names::object_key(key)?,
            version,
            customer: customer_key(request, SOURCE_CUSTOMER, true)?,
            conditions: Conditions {
                if_match: header("if-match"),
                if_none_match: header("if-none-match"),
                if_modified_since: time("if-modified-since"),
                if_unmodified_since: time("if-unmodified-since"),
            },
        })
    }

    /// Refuses more bytes than one copy takes.
    pub(super) fn check_size(bytes: u64) -> Result<(), ApiError> {
        if bytes <= BYTES_MAX {
            return Ok(());
        }
        let message = format!(
            "The specified copy source is larger than the maximum allowable size for a copy source: {BYTES_MAX}"
        );
        Err(ApiError::new(400, "InvalidRequest", message))
    }

    /// Opens it, if the request's conditions hold of it.
    pub(super) async fn open(&self, app: &App) -> Result<(Got, Reader), ApiError> {
        let opened = app.objects.get(&self.bucket, &self.key, self.version, self.customer.clone()).await?;
        match self.conditions.judge(&opened.0.record) {
            Verdict::Met => Ok(opened),
            // A copy has no 304 (CopyObject).
            Verdict::NotModified => Err(ObjectsError::PreconditionFailed("x-amz-copy-source-If-None-Match").into()),
            Verdict::Failed(condition) => Err(ObjectsError::PreconditionFailed(condition).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_copy_takes() {
        #[rustfmt::skip] // source                                     bytes                taken?
        let table = [
            ("CopyObject: up to 5 GB",                                 5 << 30,             true),
            ("CopyObject: greater than 5 GB, UploadPartCopy",          (5 << 30) + 1,       false),
        ];
        for (source, bytes, taken) in table {
            assert_eq!(CopySource::check_size(bytes).is_ok(), taken, "{source}");
        }
    }
}
