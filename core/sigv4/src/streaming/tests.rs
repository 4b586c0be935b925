//! The published example of a chunked upload, with and without a trailer, and what must be refused beside it.
use bytes::Bytes;
use sekisho_types::{Secret, Timestamp};

use super::*;
use crate::key::SigningKey;
use crate::{Claim, Operator, Payload, RequestParts, Rules, verify};

/// S3 API reference, "Example calculations": the example credentials of every SigV4 page.
const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const NOW_S: i64 = 1_369_353_600;

const SEED: &str = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
const SEED_TRAILER: &str = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
const CHUNKS: [(usize, &str); 3] = [
    (65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
    (1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
    (0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
];
const CHUNKS_TRAILER: [(usize, &str); 3] = [
    (65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"),
    (1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"),
    (0, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"),
];
const TRAILER_SIGNATURE: &str = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435";

fn seed(trailer: bool) -> (Operator, Streaming) {
    let (seed, signed, word) = if trailer {
        let signed = "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer";
        (SEED_TRAILER, signed, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
    } else {
        let signed = "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class";
        (SEED, signed, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
    };
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/20130524/us-east-1/s3/aws4_request,SignedHeaders={signed},Signature={seed}"
    );
    let mut headers: Vec<(&str, &[u8])> = vec![
        ("Host", b"s3.amazonaws.com"),
        ("x-amz-date", b"20130524T000000Z"),
        ("x-amz-storage-class", b"REDUCED_REDUNDANCY"),
        ("Authorization", authorization.as_bytes()),
        ("x-amz-content-sha256", word.as_bytes()),
        ("Content-Encoding", b"aws-chunked"),
        ("x-amz-decoded-content-length", b"66560"),
        ("Content-Length", b"66824"),
    ];
    if trailer {
        headers.push(("x-amz-trailer", b"x-amz-checksum-crc32c"));
    }
    let request =
        RequestParts { method: "PUT", raw_path: "/examplebucket/chunkObject.txt", raw_query: "", headers: &headers };
    let claim = Claim::parse(&request).unwrap();
    let secret = Secret::new(SECRET.into());
    let now = Timestamp::from_seconds(NOW_S);
    let verified = verify(&request, &claim, "us-east-1", Rules::S3, now, |id| (id == ACCESS_KEY_ID).then_some(&secret));
    match verified.unwrap().into_parts() {
        (operator, Payload::Streaming(streaming)) => (operator, *streaming),
        (_, other) => panic!("{other:?}"),
    }
}

fn framed(chunks: &[(usize, &str)], tail: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for (size, signature) in chunks {
        out.extend_from_slice(format!("{size:x};chunk-signature={signature}\r\n").as_bytes());
        if *size > 0 {
            out.resize(out.len() + size, b'a');
            out.extend_from_slice(b"\r\n");
        }
    }
    out.extend_from_slice(tail.as_bytes());
    out
}

/// Feeds `body` in pieces of `piece` bytes; gives the plain bytes, or the first refusal.
fn decode(decoder: &mut ChunkDecoder, body: &[u8], piece: usize) -> Result<Vec<u8>, ChunkError> {
    let mut plain = Vec::new();
    for part in body.chunks(piece.max(1)) {
        let mut input = Bytes::copy_from_slice(part);
        while let Some(data) = decoder.decode(&mut input)? {
            plain.extend_from_slice(&data);
        }
        assert!(input.is_empty());
    }
    decoder.finish()?;
    Ok(plain)
}

#[test]
fn the_example_without_a_trailer_is_read_whole() {
    for piece in [1, 7, 1000, 70_000] {
        let (operator, streaming) = seed(false);
        assert_eq!(operator.access_key_id(), ACCESS_KEY_ID);
        let body = framed(&CHUNKS, "\r\n");
        assert_eq!(body.len(), 66_824);
        let mut decoder = ChunkDecoder::new(streaming, 66_560, "");
        assert_eq!(decode(&mut decoder, &body, piece), Ok(vec![b'a'; 66_560]));
    }
}

#[test]
fn the_example_with_a_trailer_is_read_whole_with_either_line_end() {
    let lf = format!("x-amz-checksum-crc32c:sOO8/Q==\n\r\nx-amz-trailer-signature:{TRAILER_SIGNATURE}\r\n\r\n");
    let crlf = format!("x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:{TRAILER_SIGNATURE}\r\n\r\n");
    for tail in [lf, crlf] {
        let mut decoder = ChunkDecoder::new(seed(true).1, 66_560, "x-amz-checksum-crc32c");
        assert_eq!(decode(&mut decoder, &framed(&CHUNKS_TRAILER, &tail), 4096).map(|plain| plain.len()), Ok(66_560));
        assert_eq!(decoder.finish(), Ok(&[("x-amz-checksum-crc32c".to_owned(), "sOO8/Q==".to_owned())][..]));
    }
}

#[test]
fn what_was_changed_on_the_way_is_refused() {
    let mismatch = |body: &[u8], trailer: bool| {
        let mut decoder =
            ChunkDecoder::new(seed(trailer).1, 66_560, if trailer { "x-amz-checksum-crc32c" } else { "" });
        decode(&mut decoder, body, 5000).unwrap_err()
    };
    let is_mismatch = |error: &ChunkError| matches!(error, ChunkError::SignatureMismatch { .. });
    let mut flipped = framed(&CHUNKS, "\r\n");
    flipped[66_000] ^= 1;
    assert!(is_mismatch(&mismatch(&flipped, false)), "a byte of chunk 2");
    let swapped = framed(&[CHUNKS[0], (1024, CHUNKS[2].1), CHUNKS[2]], "\r\n");
    assert!(is_mismatch(&mismatch(&swapped, false)), "a signature of another chunk");
    let other = format!("x-amz-checksum-crc32c:AAAAAA==\r\nx-amz-trailer-signature:{TRAILER_SIGNATURE}\r\n\r\n");
    assert!(is_mismatch(&mismatch(&framed(&CHUNKS_TRAILER, &other), true)), "the checksum");
    let unsigned = framed(&CHUNKS_TRAILER, "x-amz-checksum-crc32c:sOO8/Q==\r\n\r\n");
    assert_eq!(mismatch(&unsigned, true), ChunkError::Incomplete, "the trailer's signature cut off");
    let cut = framed(&CHUNKS[..2], "");
    assert_eq!(mismatch(&cut, false), ChunkError::Incomplete, "the last chunk cut off");
    assert_eq!(mismatch(&cut[..66_000], false), ChunkError::Incomplete, "the middle of a chunk");
}

fn unsigned(decoded_length: u64, announced: &str, body: &str) -> Result<String, ChunkError> {
    let mut decoder = ChunkDecoder::new(Streaming::new(None, true), decoded_length, announced);
    decode(&mut decoder, body.as_bytes(), 3).map(|plain| String::from_utf8(plain).unwrap())
}

type Row = (&'static str, u64, &'static str, &'static str, Result<&'static str, ChunkError>);

#[rustfmt::skip] // rule                                       length  announced              body                                                     outcome
const UNSIGNED: &[Row] = &[
    ("trailers: one checksum",                                 5,      "x-amz-checksum-crc32", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", Ok("hello")),
    ("trailers: two chunks, hexadecimal in upper case",        11,     "x-amz-checksum-crc32", "A\r\n0123456789\r\n1\r\nx\r\n0\r\nX-Amz-Checksum-Crc32: a\r\n\r\n", Ok("0123456789x")),
    ("trailers: nothing announced, nothing sent",              1,      "",                     "1\r\nx\r\n0\r\n\r\n",                                 Ok("x")),
    ("trailers: an empty object",                              0,      "a",                    "0\r\na:b\r\n\r\n",                                    Ok("")),
    ("trailers: announced and absent",                         1,      "a",                    "1\r\nx\r\n0\r\n\r\n",                                 Err(ChunkError::MalformedTrailer)),
    ("trailers: not announced",                                1,      "a",                    "1\r\nx\r\n0\r\nb:c\r\n\r\n",                          Err(ChunkError::MalformedTrailer)),
    ("trailers: twice",                                        1,      "a",                    "1\r\nx\r\n0\r\na:b\r\na:c\r\n\r\n",                   Err(ChunkError::MalformedTrailer)),
    ("trailers: no colon",                                     1,      "a",                    "1\r\nx\r\n0\r\nab\r\n\r\n",                           Err(ChunkError::MalformedTrailer)),
    ("trailers: something behind the end",                     1,      "a",                    "1\r\nx\r\n0\r\na:b\r\n\r\nx",                         Err(ChunkError::MalformedTrailer)),
    ("framing: more than announced",                           1,      "",                     "2\r\nxx\r\n0\r\n\r\n",                                Err(ChunkError::Incomplete)),
    ("framing: less than announced",                           2,      "",                     "1\r\nx\r\n0\r\n\r\n",                                 Err(ChunkError::Incomplete)),
    ("framing: cut in the header",                             2,      "",                     "1\r\nx\r\n1",                                         Err(ChunkError::Incomplete)),
    ("framing: no CRLF behind data",                           1,      "",                     "1\r\nxy\r\n0\r\n\r\n",                                Err(ChunkError::MalformedChunk)),
    ("framing: not hexadecimal",                               1,      "",                     "+1\r\nx\r\n0\r\n\r\n",                                Err(ChunkError::MalformedChunk)),
    ("framing: a size beyond 64 bits",                         1,      "",                     "fffffffffffffffff\r\n",                               Err(ChunkError::MalformedChunk)),
    ("framing: empty",                                         0,      "",                     "",                                                    Err(ChunkError::Incomplete)),
];

#[test]
fn unsigned_bodies_with_trailers() {
    for (statement, length, announced, body, outcome) in UNSIGNED {
        assert_eq!(unsigned(*length, announced, body).as_deref(), outcome.as_ref().map(|text| *text), "{statement}");
    }
}

#[test]
fn a_line_without_end_is_not_kept_without_end() {
    let long = "1".repeat(LINE_BYTES_MAX + 1);
    assert_eq!(unsigned(1, "", &long), Err(ChunkError::MalformedChunk));
    assert_eq!(unsigned(1, "a", &format!("1\r\nx\r\n0\r\na:{long}")), Err(ChunkError::MalformedTrailer));
}

/// A key and a scope for bodies signed here.
fn own_chain() -> (SigningKey, AmzDate, Scope, Box<str>) {
    let scope = Scope { day: "20130524".into(), region: "r".into(), service: "s3".into() };
    let key = SigningKey::derive(&Secret::new(b"secret".to_vec()), &scope);
    (key, AmzDate::parse("20130524T000000Z").unwrap(), scope, "seed".into())
}

/// Frames and signs `chunks`, a last empty one included, as a client would.
fn signed(chunks: &[&[u8]]) -> Vec<u8> {
    let (key, date, scope, seed) = own_chain();
    let mut chain = Chain { key, date, scope, previous: seed.into_string() };
    let mut out = Vec::new();
    for chunk in chunks {
        chain.previous = chain.key.sign(chain.chunk_string(&sha256_hex(chunk)).as_bytes());
        out.extend_from_slice(format!("{:x};chunk-signature={}\r\n", chunk.len(), chain.previous).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[test]
fn only_the_last_signed_chunk_may_be_small() {
    let large = vec![b'x'; 8192];
    let mut decoder = ChunkDecoder::new(Streaming::new(Some(own_chain()), false), 8194, "");
    assert_eq!(decode(&mut decoder, &signed(&[&large, b"yz", b""]), 999).map(|plain| plain.len()), Ok(8194));
    let mut decoder = ChunkDecoder::new(Streaming::new(Some(own_chain()), false), 8194, "");
    let refused = ChunkError::ChunkTooSmall { chunk: 1, bytes: 2 };
    assert_eq!(decode(&mut decoder, &signed(&[b"yz", &large, b""]), 999), Err(refused));
}

#[test]
fn any_bytes_give_the_same_outcome_however_they_are_cut() {
    bolero::check!(name = "aws_chunked").for_each(|input: &[u8]| {
        let [flags, length, body @ ..] = input else { return };
        let (sign, piece) = (flags & 1 == 1, usize::from(flags >> 1) + 1);
        let run = |piece: usize| {
            let streaming = Streaming::new(sign.then(own_chain), true);
            decode(&mut ChunkDecoder::new(streaming, u64::from(*length), "a"), body, piece)
        };
        assert_eq!(run(piece), run(body.len()));
    });
}

#[test]
fn what_was_framed_is_read_back() {
    bolero::check!().with_type::<(u8, Vec<u8>)>().for_each(|(piece, body)| {
        let streaming = Streaming::new(Some(own_chain()), false);
        let mut decoder = ChunkDecoder::new(streaming, body.len() as u64, "");
        let chunks: &[&[u8]] = if body.is_empty() { &[b""] } else { &[body, b""] };
        assert_eq!(decode(&mut decoder, &signed(chunks), usize::from(*piece) + 1).as_ref(), Ok(body));
    });
}
