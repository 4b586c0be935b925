//! What is in a bucket elsewhere: written, read a range at a time, removed, listed.
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use sekisho_client::{Answer, HttpClient, encode_segment};

use crate::request::{S3Request, send};
use crate::{RemoteBucket, RemoteError, RemoteObject, RemoteUpload, xml};

/// ListObjectsV2 brings 1,000 keys of at most 1,024 bytes, each in a few hundred bytes of XML and escaped.
const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// One bucket, and the connections to it.
#[derive(Clone)]
pub struct RemoteObjects {
    bucket: Arc<RemoteBucket>,
    client: Arc<HttpClient>,
}

/// Some bytes of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRange {
    /// Fewer than asked for only at the object's end.
    pub bytes: Bytes,
    /// How long the whole object is.
    pub length: u64,
}

/// Some of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// In the order the bucket has them.
    pub keys: Vec<String>,
    /// What asks for the next page; none after the last.
    pub next: Option<String>,
}

impl RemoteObjects {
    /// Connects when it is first asked.
    pub fn new(bucket: RemoteBucket) -> Self {
        Self::with(Arc::new(bucket), Arc::default())
    }

    pub(crate) const fn with(bucket: Arc<RemoteBucket>, client: Arc<HttpClient>) -> Self {
        Self { bucket, client }
    }

    /// Begins an object.
    pub fn begin(&self, key: String) -> RemoteUpload {
        let bucket = self.bucket.name.clone();
        let object = RemoteObject { bucket, key, headers: Vec::new(), kms_key: None };
        RemoteUpload::new(self.bucket.clone(), self.client.clone(), object)
    }

    /// Reads `range` of an object, which must not be empty.
    ///
    /// # Errors
    /// [`RemoteError`]; [`RemoteError::code`] is `NoSuchKey` where there is no such object, and `InvalidRange` where the range
    /// begins behind its end.
    pub async fn get(&self, key: &str, range: Range<u64>) -> Result<ObjectRange, RemoteError> {
        let (operation, missing) = ("GetObject", "Content-Range");
        let headers = [("range".to_owned(), format!("bytes={}-{}", range.start, range.end - 1))];
        let answer_bytes = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let answer = self.send(operation, Method::GET, key, "", &headers, answer_bytes).await?;
        let unlike = RemoteError::Answer { operation, missing };
        let Some((first, length)) = answer.header("content-range").and_then(content_range) else { return Err(unlike) };
        let expected = range.end.min(length).checked_sub(range.start);
        if first != range.start || expected != Some(answer.body.len() as u64) {
            return Err(unlike);
        }
        Ok(ObjectRange { bytes: answer.body, length })
    }

    /// Removes an object. One that is not there is no error.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn delete(&self, key: &str) -> Result<(), RemoteError> {
        self.send("DeleteObject", Method::DELETE, key, "", &[], 0).await.map(drop)
    }

    /// Lists keys that begin with `prefix`, from the beginning or where the page before ended.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn list(&self, prefix: &str, from: Option<&str>) -> Result<Page, RemoteError> {
        let operation = "ListObjectsV2";
        // The parameters in the order they are signed in.
        let from = from.map_or(String::new(), |from| format!("continuation-token={}&", encode_segment(from)));
        let query = format!("{from}list-type=2&prefix={}", encode_segment(prefix));
        let answer = self.send(operation, Method::GET, "", &query, &[], PAGE_BYTES_MAX).await?;
        let body = &answer.body;
        // A page that cannot be read must not pass for an empty one.
        let is_page = xml::element(body, "IsTruncated").is_some();
        let keys = is_page.then(|| xml::elements(body, "Key")?.collect::<Option<Vec<_>>>()).flatten();
        let keys = keys.ok_or(RemoteError::Answer { operation, missing: "Key" })?;
        let next = match xml::element(body, "IsTruncated").as_deref() {
            Some("true") => {
                let next = xml::element(body, "NextContinuationToken");
                Some(next.ok_or(RemoteError::Answer { operation, missing: "NextContinuationToken" })?)
            }
            _ => None,
        };
        Ok(Page { keys, next })
    }

    async fn send(
        &self,
        operation: &'static str,
        method: Method,
        key: &str,
        query: &str,
        headers: &[(String, String)],
        answer_bytes: usize,
    ) -> Result<Answer, RemoteError> {
        let request = S3Request { operation, method, key, query, headers, body: Bytes::new(), answer_bytes };
        send(&self.client, &self.bucket, &request).await
    }
}

impl std::fmt::Debug for RemoteObjects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RemoteObjects").field(&self.bucket).finish()
    }
}

/// `bytes 0-9/100`: the first byte's place, and the whole length (RFC 9110 §14.4).
fn content_range(text: &str) -> Option<(u64, u64)> {
    let (range, length) = text.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, length.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range() {
        #[rustfmt::skip] // header           first byte, length
        let table = [
            ("bytes 0-9/100",                Some((0, 100))),
            ("bytes 65536-65546/65547",      Some((65_536, 65_547))),
            ("bytes 0-9/*",                  None),
            ("bytes */100",                  None),
            ("items 0-9/100",                None),
        ];
        for (text, expected) in table {
            assert_eq!(content_range(text), expected, "{text}");
        }
    }
}
