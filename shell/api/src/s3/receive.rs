//! A body into an upload: gathered until a write to the disk is worth it, never more than that.
use sekisho_blobs::Upload;
use sekisho_objects::{Checksum, ChecksumAlgorithm, Digests};

use super::claimed::Claimed;
use crate::s3_request::entity_too_large;
use crate::{ApiError, S3Request};

/// Plaintext gathered before it is sealed and written.
const GATHERED_BYTES: usize = 512 * 1024;
/// What one request may bring (S3 user guide: "Uploading objects").
pub(super) const BODY_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

/// Refuses a body of unknown or too great a length.
pub(super) fn check_length(request: &S3Request) -> Result<(), ApiError> {
    let missing = || ApiError::new(411, "MissingContentLength", "You must provide the Content-Length HTTP header.");
    let length = request.content_length().ok_or_else(missing)?;
    if length > BODY_BYTES_MAX {
        return Err(entity_too_large(length, BODY_BYTES_MAX));
    }
    Ok(())
}

/// Takes the whole body and holds it to what was claimed. `kept` is the checksum the upload computes itself; a claim of
/// another algorithm is checked here, and answered.
pub(super) async fn receive(
    request: &mut S3Request,
    mut upload: Upload,
    claimed: &Claimed,
    kept: ChecksumAlgorithm,
) -> Result<(Upload, Option<Checksum>), ApiError> {
    let mut other = claimed.algorithm.filter(|claimed| *claimed != kept).map(|claimed| Digests::new(claimed, false));
    let (mut gathered, mut bytes) = (Vec::new(), 0);
    while let Some(piece) = request.next().await? {
        if let Some(digests) = &mut other {
            digests.update(&piece);
        }
        bytes += piece.len();
        gathered.push(piece);
        if bytes >= GATHERED_BYTES {
            upload = upload.write_pieces(std::mem::take(&mut gathered)).await?;
            bytes = 0;
        }
    }
    if !gathered.is_empty() {
        upload = upload.write_pieces(gathered).await?;
    }
    let expected = claimed.expected(request)?;
    let Some(digests) = other else {
        expected.into_iter().for_each(|value| upload.expect_checksum(value));
        return Ok((upload, None));
    };
    let (checksum, _) = digests.finish();
    if expected.is_some_and(|expected| expected != checksum.value) {
        return Err(sekisho_blobs::StoreError::Checksum(checksum.algorithm).into());
    }
    Ok((upload, Some(checksum)))
}
