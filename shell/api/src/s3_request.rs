//! What S3's handlers are given: a verified caller, an address, and plain bytes whose end has been checked.
use std::ops::RangeInclusive;
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt;
use sekisho_sigv4::{ChunkDecoder, ChunkError, Operator, Payload};

use crate::body::Body;
use crate::form_data::{FormData, FormError, Piece};
use crate::{ApiError, Peer, body};

/// A body that brings nothing for this long is given up, so that idle clients hold no connection for ever.
pub(crate) const BODY_IDLE_MAX: Duration = Duration::from_secs(30);

/// A request to S3, its signature verified.
pub struct S3Request {
    /// The model's name, such as `PutObject`.
    pub operation: &'static str,
    /// Who asks.
    pub operator: Operator,
    /// From where.
    pub peer: Peer,
    /// The bucket's name as sent; not yet checked.
    pub bucket: Option<String>,
    /// The key, decoded once; not yet checked.
    pub key: Option<String>,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// As sent. `Content-Encoding` still holds `aws-chunked` if the body was framed.
    pub headers: HeaderMap,
    /// What the answer will call itself (`x-amz-request-id`).
    pub request_id: String,
    length: Option<u64>,
    source: Source,
    trailers: Vec<(String, String)>,
}

struct Source {
    body: Body,
    check: Check,
    received: u64,
    done: bool,
}

/// What the end of the body must prove.
enum Check {
    Nothing,
    Sha256 {
        expected: [u8; 32],
        digest: Box<digest::Context>,
    },
    Chunks {
        decoder: Box<ChunkDecoder>,
        input: Bytes,
    },
    /// The file of a form, and how many bytes it may have.
    File {
        form: Box<FormData>,
        sizes: RangeInclusive<u64>,
        given: u64,
    },
}

impl Source {
    fn new(body: Body, check: Check) -> Self {
        Self { body, check, received: 0, done: false }
    }
}

impl S3Request {
    pub(crate) fn new(
        operation: &'static str,
        operator: Operator,
        peer: Peer,
        payload: Payload,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Self, ApiError> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let (check, length) = match payload {
            Payload::Settled => (Check::Nothing, number("content-length")),
            Payload::Sha256(expected) => {
                let digest = Box::new(digest::Context::new(&digest::SHA256));
                (Check::Sha256 { expected, digest }, number("content-length"))
            }
            Payload::Streaming(streaming) => {
                let missing =
                    || ApiError::new(411, "MissingContentLength", "You must provide the Content-Length HTTP header.");
                let length = number("x-amz-decoded-content-length").ok_or_else(missing)?;
                let announced = headers.get("x-amz-trailer").and_then(|value| value.to_str().ok()).unwrap_or_default();
                let decoder = Box::new(ChunkDecoder::new(*streaming, length, announced));
                (Check::Chunks { decoder, input: Bytes::new() }, Some(length))
            }
        };
        Ok(Self::begun(operation, operator, peer, headers, length, Source::new(body, check)))
    }

    /// The file of a form whose policy was verified, with the form's fields as headers. How long it is, its end tells.
    pub(crate) fn of_form(
        operation: &'static str,
        operator: Operator,
        peer: Peer,
        headers: HeaderMap,
        (form, body): (FormData, Body),
        sizes: RangeInclusive<u64>,
    ) -> Self {
        let check = Check::File { form: Box::new(form), sizes, given: 0 };
        Self::begun(operation, operator, peer, headers, None, Source::new(body, check))
    }

    /// One whose bucket, key and query are not known yet.
    fn begun(
        operation: &'static str,
        operator: Operator,
        peer: Peer,
        headers: HeaderMap,
        length: Option<u64>,
        source: Source,
    ) -> Self {
        Self {
            operation,
            operator,
            peer,
            bucket: None,
            key: None,
            query: Vec::new(),
            headers,
            request_id: String::new(),
            length,
            source,
            trailers: Vec::new(),
        }
    }

    /// How many plain bytes the body holds, if the client said so.
    pub fn content_length(&self) -> Option<u64> {
        self.length
    }

    /// The first query parameter `name`; empty if it stands without `=`.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The first header `name` if it is text: UTF-8, as some clients send it.
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.headers.get(name)?.as_bytes()).ok()
    }

    /// A trailer's value, once [`S3Request::next`] has said `None`.
    pub fn trailer(&self, name: &str) -> Option<&str> {
        self.trailers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The next plain bytes of the body. `None` comes once everything the signature promised of the body was checked:
    /// until then, nothing of it may become visible.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        let source = &mut self.source;
        loop {
            if source.done {
                return Ok(None);
            }
            if let Check::Chunks { decoder, input } = &mut source.check
                && let Some(plain) = decoder.decode(input).map_err(chunk_refusal)?
            {
                return Ok(Some(plain));
            }
            if let Check::File { form, sizes, given } = &mut source.check {
                match form.poll_piece().map_err(form_refusal)? {
                    Some(Piece::Bytes(plain)) => {
                        *given += plain.len() as u64;
                        if *given > *sizes.end() {
                            return Err(entity_too_large(*given, *sizes.end()));
                        }
                        return Ok(Some(plain));
                    }
                    Some(_) => {
                        if *given < *sizes.start() {
                            return Err(entity_too_small(*given, *sizes.start()));
                        }
                        source.done = true;
                        return Ok(None);
                    }
                    None => {}
                }
            }
            match next_data(&mut source.body).await? {
                Some(data) => {
                    source.received += data.len() as u64;
                    match &mut source.check {
                        Check::Nothing => return Ok(Some(data)),
                        Check::Sha256 { digest, .. } => {
                            digest.update(&data);
                            return Ok(Some(data));
                        }
                        Check::Chunks { input, .. } => *input = data,
                        Check::File { form, .. } => form.handle_bytes(&data),
                    }
                }
                None => {
                    source.done = true;
                    match &mut source.check {
                        Check::Nothing => {}
                        Check::Sha256 { expected, digest } => check_sha256(expected, digest)?,
                        Check::Chunks { decoder, .. } => {
                            self.trailers = decoder.finish().map_err(chunk_refusal)?.to_vec();
                        }
                        Check::File { .. } => return Err(incomplete()),
                    }
                }
            }
        }
    }

    /// The whole body, if it has at most `bytes_max` bytes.
    pub async fn read_all(&mut self, bytes_max: usize) -> Result<Bytes, ApiError> {
        let mut all = BytesMut::new();
        while let Some(piece) = self.next().await? {
            if all.len() + piece.len() > bytes_max {
                return Err(ApiError::new(400, "MaxMessageLengthExceeded", "Your request was too big."));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }
}

/// The next data of a body from a client.
pub(crate) async fn next_data(body: &mut body::Body) -> Result<Option<Bytes>, ApiError> {
    loop {
        let frame = tokio::time::timeout(BODY_IDLE_MAX, body.frame()).await.map_err(|_| timed_out())?;
        match frame {
            None => return Ok(None),
            Some(Err(cause)) => return Err(incomplete().because(cause)),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// A body did not come in time.
pub(crate) fn timed_out() -> ApiError {
    ApiError::new(
        400,
        "RequestTimeout",
        "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.",
    )
}

/// What is wrong with a form, in S3's words.
pub(crate) fn form_refusal(error: FormError) -> ApiError {
    match error {
        FormError::Malformed => ApiError::new(
            400,
            "MalformedPOSTRequest",
            "The body of your POST request is not well-formed multipart/form-data.",
        ),
        FormError::FieldsTooLarge => ApiError::new(
            400,
            "MaxPostPreDataLengthExceededError",
            "Your POST request fields preceding the upload file were too large.",
        ),
    }
}

/// More bytes than a request, or the policy of a form, allows.
pub(crate) fn entity_too_large(proposed: u64, max: u64) -> ApiError {
    ApiError::new(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
        .with("ProposedSize", proposed.to_string())
        .with("MaxSizeAllowed", max.to_string())
}

fn entity_too_small(proposed: u64, min: u64) -> ApiError {
    ApiError::new(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
        .with("ProposedSize", proposed.to_string())
        .with("MinSizeAllowed", min.to_string())
}

fn incomplete() -> ApiError {
    ApiError::new(
        400,
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )
}

fn check_sha256(expected: &[u8; 32], digest: &digest::Context) -> Result<(), ApiError> {
    let computed = digest.clone().finish();
    if computed.as_ref() == expected {
        return Ok(());
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
    Err(ApiError::new(400, "XAmzContentSHA256Mismatch", message)
        .with("ClientComputedContentSHA256", hex(expected))
        .with("S3ComputedContentSHA256", hex(computed.as_ref())))
}

fn chunk_refusal(error: ChunkError) -> ApiError {
    match &error {
        ChunkError::Incomplete => incomplete(),
        ChunkError::MalformedChunk => ApiError::new(400, "InvalidRequest", "The chunked body is malformed."),
        ChunkError::ChunkTooSmall { chunk, bytes } => ApiError::new(
            403,
            "InvalidChunkSizeError",
            "Only the last chunk is allowed to have a size less than 8192 bytes",
        )
        .with("Chunk", chunk.to_string())
        .with("BadChunkSize", bytes.to_string()),
        ChunkError::MalformedTrailer => ApiError::new(
            400,
            "MalformedTrailerError",
            "The request contained trailing data that was not well-formed or did not conform to our published schema.",
        ),
        ChunkError::SignatureMismatch { string_to_sign, signature_provided } => ApiError::new(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
        )
        .with("StringToSign", string_to_sign)
        .with("SignatureProvided", signature_provided),
    }
    .because(error)
}

#[cfg(test)]
mod tests;
