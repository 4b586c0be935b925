//! PutPublicAccessBlock, GetPublicAccessBlock. Nothing is public here whatever they say: they are kept and told, and a policy
//! that would make the bucket public is refused while `BlockPublicPolicy` says so.
use http::Response;
use sekisho_objects::{PublicAccessBlock, Setting};

use super::error::malformed_xml;
use super::{names, settings, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

const ROOT: &str = "PublicAccessBlockConfiguration";
const BODY_BYTES_MAX: usize = 64 * 1024;

pub(super) async fn put(app: &App, mut request: S3Request) -> Result<Response<Body>, ApiError> {
    let document = xml::read(&mut request, ROOT, BODY_BYTES_MAX).await?.ok_or_else(malformed_xml)?;
    let flag = |name: &str| Ok::<_, ApiError>(document.boolean(name)?.unwrap_or(false));
    let block = PublicAccessBlock {
        block_public_acls: flag("BlockPublicAcls")?,
        ignore_public_acls: flag("IgnorePublicAcls")?,
        block_public_policy: flag("BlockPublicPolicy")?,
        restrict_public_buckets: flag("RestrictPublicBuckets")?,
    };
    settings::set(app, names::bucket(&request)?, Setting::PublicAccessBlock(Some(block)), 200).await
}

pub(super) fn get(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    settings::get(app, request, |settings| {
        let block = settings.public_access_block?;
        Some(xml::document(ROOT, |out| {
            let mut flag = |name: &str, value: bool| element(out, name, if value { "true" } else { "false" });
            flag("BlockPublicAcls", block.block_public_acls);
            flag("IgnorePublicAcls", block.ignore_public_acls);
            flag("BlockPublicPolicy", block.block_public_policy);
            flag("RestrictPublicBuckets", block.restrict_public_buckets);
        }))
    })
}
