//! What a handler reads of a body, and what it is told when the body is not what was signed.
use expect_test::expect;
use sekisho_sigv4::{Claim, PayloadToSign, RequestParts, Rules, sign, verify};

use super::*;
use crate::testing::{HERE, NOW, REGION, credentials};

/// A signed `PUT /b/k`, its body as it arrives.
fn request(
    payload: PayloadToSign<'_>,
    headers: &[(&'static str, &'static str)],
    sent: &[u8],
) -> Result<S3Request, ApiError> {
    let mut all: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    all.push(("host", b"localhost"));
    let parts = RequestParts { method: "PUT", raw_path: "/b/k", raw_query: "", headers: &all };
    let added = sign(&parts, &credentials(), REGION, "s3", NOW, payload);
    let mut all = all.clone();
    all.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
    let parts = RequestParts { headers: &all, ..parts };
    let (claim, secret) = (Claim::parse(&parts).unwrap(), credentials().secret_access_key);
    let verified = verify(&parts, &claim, REGION, Rules::S3, NOW, |_| Some(&secret)).unwrap();
    let (operator, payload) = verified.into_parts();
    let map = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    // As from the network: in pieces that mind no boundary.
    let pieces: Vec<Bytes> = sent.chunks(4).map(Bytes::copy_from_slice).collect();
    let sent = body::pieces(pieces.into_iter(), async |mut rest| Ok(rest.next().map(|piece| (piece, rest))));
    S3Request::new("PutObject", operator, HERE, payload, map, sent)
}

async fn read(request: Result<S3Request, ApiError>) -> String {
    let mut request = match request {
        Ok(request) => request,
        Err(error) => return format!("{} {}", error.status, error.code),
    };
    let length = request.content_length();
    match request.read_all(64).await {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            format!("{text} ({length:?}, {:?})", request.trailer("x-amz-checksum-crc32"))
        }
        Err(error) => format!("{} {}", error.status, error.code),
    }
}

#[tokio::test]
async fn bodies_are_read_as_they_were_signed_or_not_at_all() {
    let streaming = PayloadToSign::Named("STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    let plain: &[(&str, &str)] = &[("content-length", "5")];
    let framed: &[(&str, &str)] = &[
        ("x-amz-decoded-content-length", "5"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
        ("content-encoding", "aws-chunked"),
    ];
    let whole = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
    let told = [
        read(request(PayloadToSign::Body(b"hello"), plain, b"hello")).await,
        read(request(PayloadToSign::Body(b"hello"), plain, b"hellO")).await,
        read(request(PayloadToSign::Unsigned, plain, b"hellO")).await,
        read(request(streaming, framed, whole)).await,
        read(request(streaming, framed, &whole[..20])).await,
        read(request(streaming, framed, b"5\r\nhello\r\n0\r\n\r\n")).await,
        read(request(streaming, &[], whole)).await,
        read(request(PayloadToSign::Unsigned, &[], &[b'x'; 65])).await,
    ];
    expect![[r#"
        hello (Some(5), None)
        400 XAmzContentSHA256Mismatch
        hellO (Some(5), None)
        hello (Some(5), Some("NhCmhg=="))
        400 IncompleteBody
        400 MalformedTrailerError
        411 MissingContentLength
        400 MaxMessageLengthExceeded"#]]
    .assert_eq(&told.join("\n"));
}
