//! `aws-chunked` bodies: framing, chunk signatures, trailers (S3: sigv4-streaming, sigv4-streaming-trailers).
//!
//! ```text
//! signed    <hex>;chunk-signature=<64 hex> CRLF data CRLF … 0;chunk-signature=<64 hex> CRLF [trailers] CRLF
//! unsigned  <hex> CRLF data CRLF … 0 CRLF [trailers] CRLF
//! trailers  name:value CRLF … [x-amz-trailer-signature:<64 hex> CRLF]
//! ```
use aws_lc_rs::digest;
use bytes::{Buf, Bytes};

use crate::key::{SHA256_OF_EMPTY, SigningKey, hex, sha256_hex};
use crate::{AmzDate, Scope};

/// Every signed chunk but the last holds at least this many bytes (S3: `InvalidChunkSizeError`).
pub const CHUNK_BYTES_MIN: u64 = 8 * 1024;

/// A chunk header or trailer line is at most this long; a longer one is no framing of ours.
pub const LINE_BYTES_MAX: usize = 1024;

/// At most this many trailers; S3 defines one a request.
pub const TRAILERS_MAX: usize = 16;

/// What a verified request says about its streaming body.
pub struct Streaming {
    chain: Option<Chain>,
    trailer: bool,
}

impl std::fmt::Debug for Streaming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Streaming {{ signed: {}, trailer: {} }}", self.chain.is_some(), self.trailer)
    }
}

impl Streaming {
    pub(crate) fn new(signed: Option<(SigningKey, AmzDate, Scope, Box<str>)>, trailer: bool) -> Self {
        let chain = signed.map(|(key, date, scope, seed)| Chain { key, date, scope, previous: seed.into_string() });
        Self { chain, trailer }
    }
}

/// Each signature covers the one before it; the first covers the request's own.
struct Chain {
    key: SigningKey,
    date: AmzDate,
    scope: Scope,
    previous: String,
}

impl Chain {
    fn chunk_string(&self, data_sha256: &str) -> String {
        let (date, scope, previous) = (self.date.as_str(), &self.scope, &self.previous);
        format!("AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{previous}\n{SHA256_OF_EMPTY}\n{data_sha256}")
    }

    fn trailer_string(&self, trailers_sha256: &str) -> String {
        let (date, scope, previous) = (self.date.as_str(), &self.scope, &self.previous);
        format!("AWS4-HMAC-SHA256-TRAILER\n{date}\n{scope}\n{previous}\n{trailers_sha256}")
    }

    fn check(&mut self, string_to_sign: String, signature: &str) -> Result<(), ChunkError> {
        if self.key.matches(string_to_sign.as_bytes(), signature) {
            self.previous = signature.to_owned();
            Ok(())
        } else {
            let signature_provided = signature.chars().take(128).collect();
            Err(ChunkError::SignatureMismatch { string_to_sign, signature_provided })
        }
    }
}

/// Why a streaming body is refused. All are the caller's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// It ended early, or held more or fewer bytes than `x-amz-decoded-content-length` said.
    #[error("the body is not as long as announced")]
    Incomplete,
    /// A chunk header is not `<hex>` or `<hex>;chunk-signature=<64 hex>`, or data is not followed by CRLF.
    #[error("the chunk framing is malformed")]
    MalformedChunk,
    /// A chunk that is not the last is smaller than [`CHUNK_BYTES_MIN`].
    #[error("chunk {chunk} holds {bytes} bytes, fewer than allowed")]
    ChunkTooSmall {
        /// Counted from 1.
        chunk: u64,
        /// Its size.
        bytes: u64,
    },
    /// A trailer is malformed, not announced, or announced and absent.
    #[error("the trailer is malformed")]
    MalformedTrailer,
    /// A chunk or the trailer was not signed by whom the request was.
    #[error("chunk signature does not match")]
    SignatureMismatch {
        /// What we would have signed.
        string_to_sign: String,
        /// What came.
        signature_provided: String,
    },
}

enum State {
    /// Before a chunk header.
    Header,
    /// In a chunk's data. Left when `remaining` reaches 0.
    Data { remaining: u64, signature: Option<String>, digest: digest::Context },
    /// After a chunk's data, before CRLF.
    DataEnd,
    /// After the 0-chunk: trailer lines.
    Trailers,
    /// All that was expected has been checked.
    Done,
}

/// Takes in a framed body, gives out its plain bytes, checks what can be checked as early as it can be.
///
/// Data is given out before its chunk's signature was seen, because a chunk may be any size: nothing may become visible
/// before [`ChunkDecoder::finish`] said yes.
pub struct ChunkDecoder {
    chain: Option<Chain>,
    trailer: bool,
    announced: Vec<String>,
    trailers: Vec<(String, String)>,
    decoded_length: u64,
    decoded: u64,
    chunks: u64,
    last_chunk_bytes: u64,
    line: Vec<u8>,
    state: State,
}

impl ChunkDecoder {
    /// A decoder of a body that holds `decoded_length` bytes (`x-amz-decoded-content-length`) and announces the
    /// trailers `announced` (`x-amz-trailer`, comma-separated).
    pub fn new(streaming: Streaming, decoded_length: u64, announced: &str) -> Self {
        let announced = announced.split(',').map(|name| name.trim().to_ascii_lowercase());
        Self {
            chain: streaming.chain,
            trailer: streaming.trailer,
            announced: announced.filter(|name| !name.is_empty()).take(TRAILERS_MAX).collect(),
            trailers: Vec::new(),
            decoded_length,
            decoded: 0,
            chunks: 0,
            last_chunk_bytes: 0,
            line: Vec::new(),
            state: State::Header,
        }
    }

    /// Consumes from `input` until it has plain bytes to give out, or `input` is empty (then `None`).
    pub fn decode(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, ChunkError> {
        while !input.is_empty() {
            match &mut self.state {
                State::Header => {
                    if let Some(line) = self.take_line(input, ChunkError::MalformedChunk)? {
                        self.handle_header(&line)?;
                    }
                }
                State::Data { remaining, digest, .. } => {
                    let take = usize::try_from(*remaining).unwrap_or(usize::MAX).min(input.len());
                    let data = input.split_to(take);
                    *remaining -= take as u64;
                    let complete = *remaining == 0;
                    if self.chain.is_some() {
                        digest.update(&data);
                    }
                    if complete {
                        self.handle_chunk_end()?;
                    }
                    return Ok(Some(data));
                }
                State::DataEnd => {
                    if let Some(line) = self.take_line(input, ChunkError::MalformedChunk)? {
                        if !line.is_empty() {
                            return Err(ChunkError::MalformedChunk);
                        }
                        self.state = State::Header;
                    }
                }
                State::Trailers => {
                    if let Some(line) = self.take_line(input, ChunkError::MalformedTrailer)? {
                        self.handle_trailer(&line)?;
                    }
                }
                State::Done if matches!(input[0], b'\r' | b'\n') => input.advance(1),
                State::Done => return Err(ChunkError::MalformedTrailer),
            }
        }
        Ok(None)
    }

    /// The body has ended. Gives the trailers, names in lower case, if everything announced was there and right.
    pub fn finish(&mut self) -> Result<&[(String, String)], ChunkError> {
        match self.state {
            State::Header | State::Data { .. } | State::DataEnd => return Err(ChunkError::Incomplete),
            State::Trailers if !self.line.is_empty() => return Err(ChunkError::Incomplete),
            State::Trailers if self.trailer && self.chain.is_some() => return Err(ChunkError::Incomplete),
            State::Trailers | State::Done => {}
        }
        let missing = self.announced.iter().any(|name| !self.trailers.iter().any(|(n, _)| n == name));
        if self.trailer && missing { Err(ChunkError::MalformedTrailer) } else { Ok(&self.trailers) }
    }

    /// The line that ends in `input`, without its end (LF or CRLF); what came of it so far is kept.
    fn take_line(&mut self, input: &mut Bytes, too_long: ChunkError) -> Result<Option<Vec<u8>>, ChunkError> {
        let end = input.iter().position(|b| *b == b'\n');
        let taken = input.split_to(end.map_or(input.len(), |at| at + 1));
        if self.line.len() + taken.len() > LINE_BYTES_MAX {
            return Err(too_long);
        }
        self.line.extend_from_slice(&taken);
        if end.is_none() {
            return Ok(None);
        }
        let mut line = std::mem::take(&mut self.line);
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(Some(line))
    }

    fn handle_header(&mut self, line: &[u8]) -> Result<(), ChunkError> {
        let line = std::str::from_utf8(line).map_err(|_| ChunkError::MalformedChunk)?;
        let (size, extension) = line.split_once(';').map_or((line, None), |(size, rest)| (size, Some(rest)));
        let hexadecimal = (1..=16).contains(&size.len()) && size.bytes().all(|b| b.is_ascii_hexdigit());
        let size = u64::from_str_radix(size, 16).ok().filter(|_| hexadecimal).ok_or(ChunkError::MalformedChunk)?;
        let signature = match &self.chain {
            Some(_) => {
                let signature = extension.and_then(|rest| rest.strip_prefix("chunk-signature="));
                Some(signature.ok_or(ChunkError::MalformedChunk)?.trim().to_owned())
            }
            None => None,
        };
        if size > self.decoded_length - self.decoded {
            return Err(ChunkError::Incomplete);
        }
        if size > 0 && self.chain.is_some() && self.chunks > 0 && self.last_chunk_bytes < CHUNK_BYTES_MIN {
            return Err(ChunkError::ChunkTooSmall { chunk: self.chunks, bytes: self.last_chunk_bytes });
        }
        self.chunks += 1;
        self.last_chunk_bytes = size;
        self.state = State::Data { remaining: size, signature, digest: digest::Context::new(&digest::SHA256) };
        if size == 0 {
            if self.decoded != self.decoded_length {
                return Err(ChunkError::Incomplete);
            }
            self.handle_chunk_end()?;
            self.state = State::Trailers;
        }
        Ok(())
    }

    fn handle_chunk_end(&mut self) -> Result<(), ChunkError> {
        self.decoded += self.last_chunk_bytes;
        let State::Data { signature, digest, .. } = std::mem::replace(&mut self.state, State::DataEnd) else {
            return Err(ChunkError::MalformedChunk);
        };
        match (&mut self.chain, signature) {
            (Some(chain), Some(signature)) => {
                chain.check(chain.chunk_string(&hex(digest.finish().as_ref())), &signature)
            }
            _ => Ok(()),
        }
    }

    fn handle_trailer(&mut self, line: &[u8]) -> Result<(), ChunkError> {
        if line.is_empty() {
            // The end; but signers put an empty line before the signature too.
            if !(self.trailer && self.chain.is_some()) {
                self.state = State::Done;
            }
            return Ok(());
        }
        if !self.trailer || self.trailers.len() == TRAILERS_MAX {
            return Err(ChunkError::MalformedTrailer);
        }
        let line = std::str::from_utf8(line).map_err(|_| ChunkError::MalformedTrailer)?;
        let (name, value) = line.split_once(':').ok_or(ChunkError::MalformedTrailer)?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
        match &mut self.chain {
            Some(chain) if name == "x-amz-trailer-signature" => {
                self.trailers.sort_unstable();
                let lines: String = self.trailers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
                chain.check(chain.trailer_string(&sha256_hex(lines.as_bytes())), &value)?;
                self.state = State::Done;
                Ok(())
            }
            _ if self.announced.contains(&name) && !self.trailers.iter().any(|(n, _)| *n == name) => {
                self.trailers.push((name, value));
                Ok(())
            }
            _ => Err(ChunkError::MalformedTrailer),
        }
    }
}

#[cfg(test)]
mod tests;
