//! An object on its way to a bucket elsewhere: by one PUT if it is short, else in parts.
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::Method;
use sekisho_client::{HttpClient, encode_segment};
use sekisho_types::BucketName;

use crate::request::{S3Request, send};
use crate::{RemoteBucket, RemoteError, xml};

/// What of a body is in memory at once; a part is as long. S3 takes parts from 5 MiB, and 10,000 of them: 80 GB an object,
/// far beyond `SizeInMBs`.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// What is to be put.
#[derive(Clone, Debug)]
pub struct RemoteObject {
    /// Where.
    pub bucket: BucketName,
    /// Under which key.
    pub key: String,
    /// Content-Type and kin, by lower-case name.
    pub headers: Vec<(String, String)>,
    /// The KMS key over there that it is encrypted under.
    pub kms_key: Option<String>,
}

/// An object on its way. Dropped before [`RemoteUpload::finish`], nothing of it becomes visible, and its parts are given up.
pub struct RemoteUpload {
    bucket: Arc<RemoteBucket>,
    client: Arc<HttpClient>,
    object: RemoteObject,
    waiting: BytesMut,
    parts: Option<Parts>,
}

/// A multipart upload under way.
struct Parts {
    upload_id: String,
    etags: Vec<String>,
}

impl RemoteUpload {
    pub(crate) fn new(bucket: Arc<RemoteBucket>, client: Arc<HttpClient>, object: RemoteObject) -> Self {
        Self { bucket, client, object, waiting: BytesMut::new(), parts: None }
    }

    /// Whether [`RemoteUpload::write`] would only gather so many more bytes, and send nothing.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.waiting.len() + bytes <= PART_BYTES
    }

    /// More of the body.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn write(&mut self, mut piece: &[u8]) -> Result<(), RemoteError> {
        while !self.has_room(piece.len()) {
            let (fits, rest) = piece.split_at(PART_BYTES - self.waiting.len());
            self.waiting.extend_from_slice(fits);
            piece = rest;
            let part = self.waiting.split().freeze();
            self.put_part(part).await?;
        }
        self.waiting.extend_from_slice(piece);
        Ok(())
    }

    /// Makes the object visible, whole.
    ///
    /// # Errors
    /// [`RemoteError`]. The object may be there all the same, whole, if the answer was lost.
    pub async fn finish(mut self) -> Result<(), RemoteError> {
        let last = self.waiting.split().freeze();
        if self.parts.is_none() {
            let headers = self.object_headers();
            self.send("PutObject", Method::PUT, "", &headers, last).await?;
            return Ok(());
        }
        self.put_part(last).await?;
        let Some(Parts { upload_id, etags }) = &self.parts else { return Ok(()) };
        let query = format!("uploadId={}", encode_segment(upload_id));
        let body = Bytes::from(xml::complete(etags));
        self.send("CompleteMultipartUpload", Method::POST, &query, &[], body).await?;
        self.parts = None;
        Ok(())
    }

    async fn put_part(&mut self, body: Bytes) -> Result<(), RemoteError> {
        if self.parts.is_none() {
            let operation = "CreateMultipartUpload";
            let answer = self.send(operation, Method::POST, "uploads=", &self.object_headers(), Bytes::new()).await?;
            let missing = "UploadId";
            let upload_id = xml::element(&answer.body, missing).ok_or(RemoteError::Answer { operation, missing })?;
            self.parts = Some(Parts { upload_id, etags: Vec::new() });
        }
        let Some(Parts { upload_id, etags }) = &self.parts else { return Ok(()) };
        let (operation, number) = ("UploadPart", etags.len() + 1);
        let query = format!("partNumber={number}&uploadId={}", encode_segment(upload_id));
        let answer = self.send(operation, Method::PUT, &query, &[], body).await?;
        let etag = answer.header("etag").ok_or(RemoteError::Answer { operation, missing: "ETag" })?.to_owned();
        if let Some(parts) = &mut self.parts {
            parts.etags.push(etag);
        }
        Ok(())
    }

    fn object_headers(&self) -> Vec<(String, String)> {
        let mut headers = self.object.headers.clone();
        if let Some(key) = &self.object.kms_key {
            headers.push(("x-amz-server-side-encryption".into(), "aws:kms".into()));
            headers.push(("x-amz-server-side-encryption-aws-kms-key-id".into(), key.clone()));
        }
        headers
    }

    async fn send(
        &self,
        operation: &'static str,
        method: Method,
        query: &str,
        headers: &[(String, String)],
        body: Bytes,
    ) -> Result<sekisho_client::Answer, RemoteError> {
        let request = S3Request { operation, method, key: &self.object.key, query, headers, body, answer_bytes: 0 };
        send(&self.client, &self.bucket, &request).await
    }
}

impl Drop for RemoteUpload {
    /// Parts that become no object are paid for until somebody removes them. A crash leaves them; a lifecycle rule of the
    /// bucket (`AbortIncompleteMultipartUpload`) is for that.
    fn drop(&mut self) {
        let (Some(parts), Ok(runtime)) = (self.parts.take(), tokio::runtime::Handle::try_current()) else { return };
        let (bucket, client, key) = (self.bucket.clone(), self.client.clone(), std::mem::take(&mut self.object.key));
        runtime.spawn(async move {
            let query = format!("uploadId={}", encode_segment(&parts.upload_id));
            let (operation, method) = ("AbortMultipartUpload", Method::DELETE);
            let (query, body) = (query.as_str(), Bytes::new());
            let request = S3Request { operation, method, key: &key, query, headers: &[], body, answer_bytes: 0 };
            if let Err(error) = send(&client, &bucket, &request).await {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(bucket = %bucket.name, key, error, "parts that became no object stay behind");
            }
        });
    }
}
