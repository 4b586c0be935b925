//! ListBuckets.
use http::Response;

use super::error::invalid_argument;
use super::{listing, names, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

const BUCKETS_MAX: usize = 10_000;

pub(super) fn run(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    let region = app.state.tenant().region.as_str();
    let prefix = request.query("prefix").unwrap_or_default();
    let after = request.query("continuation-token").filter(|token| !token.is_empty()).map(listing::decode_token);
    let after = after.transpose()?;
    let page = match request.query("max-buckets") {
        None => BUCKETS_MAX,
        Some(text) => text.parse().ok().filter(|max| (1..=BUCKETS_MAX).contains(max)).ok_or_else(|| {
            invalid_argument("Argument max-buckets must be an integer between 1 and 10000", "max-buckets", text)
        })?,
    };
    let elsewhere = request.query("bucket-region").is_some_and(|asked| asked != region);
    let cores = app.state.read();
    let wanted = cores.objects.buckets().filter(|(name, _)| {
        !elsewhere && name.as_str().starts_with(prefix) && after.as_deref().is_none_or(|after| name.as_str() > after)
    });
    let mut wanted: Vec<_> = wanted.take(page + 1).collect();
    let more = wanted.len() > page;
    wanted.truncate(page);
    Ok(xml::document("ListAllMyBucketsResult", |out| {
        xml::nested(out, "Owner", |out| element(out, "ID", &names::owner_id(app)));
        xml::nested(out, "Buckets", |out| {
            for (name, bucket) in &wanted {
                xml::nested(out, "Bucket", |out| {
                    element(out, "Name", name.as_str());
                    xml::time(out, "CreationDate", bucket.created_at);
                    element(out, "BucketRegion", region);
                    element(out, "BucketArn", &format!("arn:aws:s3:::{name}"));
                });
            }
        });
        if let Some((last, _)) = wanted.last().filter(|_| more) {
            element(out, "ContinuationToken", &listing::encode_token(last.as_str()));
        }
        if !prefix.is_empty() {
            element(out, "Prefix", prefix);
        }
    }))
}
