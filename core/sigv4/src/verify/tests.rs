//! Who signed this? The published examples, round trips, and every way to be refused.
use expect_test::expect;

use super::*;
use crate::{AmzDate, Credentials, PayloadToSign, presign, sign};

const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const NOW: Timestamp = Timestamp::from_seconds(1_369_353_600);

fn credentials() -> Credentials {
    Credentials {
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: Secret::new(b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_vec()),
        session_token: None,
    }
}

type Headers<'a> = Vec<(&'a str, &'a [u8])>;

fn check(request: &RequestParts<'_>, rules: Rules<'_>, now: Timestamp) -> Result<Verified, SigV4Error> {
    let secret = credentials().secret_access_key;
    let claim = Claim::parse(request)?;
    verify(request, &claim, "us-east-1", rules, now, |id| (id == ACCESS_KEY_ID).then_some(&secret))
}

fn get<'a>(path: &'a str, query: &'a str, headers: &'a [(&'a str, &'a [u8])]) -> RequestParts<'a> {
    RequestParts { method: "GET", raw_path: path, raw_query: query, headers }
}

type Example =
    (&'static str, &'static str, &'static str, &'static [(&'static str, &'static [u8])], &'static [u8], &'static str);

/// S3 API reference: "Signature calculations for the Authorization header", its four examples.
#[rustfmt::skip] // method path                query              further headers                                       body                  signature
const EXAMPLES: &[Example] = &[
    ("GET", "/test.txt",       "",                    &[("range", b"bytes=0-9")],                                        b"",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
    ("PUT", "/test%24file.text", "",                  &[("date", b"Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", b"REDUCED_REDUNDANCY")], b"Welcome to Amazon S3.",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
    ("GET", "/",               "lifecycle",           &[],                                                               b"",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
    ("GET", "/",               "max-keys=2&prefix=J", &[],                                                               b"",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
];

#[test]
fn the_published_examples_are_signed_and_verified() {
    for (method, raw_path, raw_query, further, body, signature) in EXAMPLES {
        let mut headers: Headers<'_> = vec![("host", b"examplebucket.s3.amazonaws.com")];
        headers.extend_from_slice(further);
        let request = RequestParts { method, raw_path, raw_query, headers: &headers };
        let added = sign(&request, &credentials(), "us-east-1", "s3", NOW, PayloadToSign::Body(body));
        assert!(added.last().unwrap().1.ends_with(&format!("Signature={signature}")), "{raw_path}: {added:?}");
        headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
        let request = RequestParts { method, raw_path, raw_query, headers: &headers };
        let verified = check(&request, Rules::S3, NOW).unwrap();
        assert_eq!(verified.operator().access_key_id(), ACCESS_KEY_ID);
        assert!(
            matches!(verified.into_parts().1, Payload::Sha256(digest) if crate::key::hex(&digest) == sha256_hex(body))
        );
    }
}

/// S3 API reference: "Authenticating requests: using query parameters", its example.
#[test]
fn the_published_presigned_example_is_signed_and_verified() {
    let headers: Headers<'_> = vec![("host", b"examplebucket.s3.amazonaws.com")];
    let query = presign(&get("/test.txt", "", &headers), &credentials(), "us-east-1", "s3", NOW, 86_400);
    let signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    assert!(query.ends_with(&format!("X-Amz-Signature={signature}")), "{query}");
    let verified = check(&get("/test.txt", &query, &headers), Rules::S3, NOW).unwrap();
    assert!(matches!(verified.into_parts().1, Payload::Settled));
}

/// AWS SigV4 test suite: `get-vanilla`, and its query twin.
#[test]
fn the_test_suite_is_verified_for_services_that_are_not_s3() {
    let secret = Secret::new(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_vec());
    for (query, signature) in [
        ("", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    ] {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature={signature}"
        );
        let headers: Headers<'_> = vec![
            ("Host", b"example.amazonaws.com"),
            ("X-Amz-Date", b"20150830T123600Z"),
            ("Authorization", authorization.as_bytes()),
        ];
        let request = get("/", query, &headers);
        let claim = Claim::parse(&request).unwrap();
        let now = claim.date.time();
        verify(&request, &claim, "us-east-1", Rules::Body(b""), now, |_| Some(&secret)).unwrap();
    }
}

#[test]
fn a_path_with_an_arn_is_verified_as_other_services_sign_it() {
    let path = "/attached-policies/arn%3Aaws%3Aiot%3Aus-east-1%3A000000000000%3Acert%2Fab";
    let mut headers: Headers<'_> = vec![("host", b"localhost:4566")];
    let added = sign(&get(path, "", &headers), &credentials(), "us-east-1", "iot", NOW, PayloadToSign::Body(b"{}"));
    headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
    assert!(check(&get(path, "", &headers), Rules::Body(b"{}"), NOW).is_ok());
    let other_body = check(&get(path, "", &headers), Rules::Body(b"[]"), NOW);
    assert!(matches!(other_body, Err(SigV4Error::SignatureMismatch(_))), "{other_body:?}");
}

/// A header-signed request to S3, then changed.
fn changed(change: impl FnOnce(&mut Vec<(String, String)>, &mut String)) -> String {
    let own: Headers<'_> = vec![("host", b"localhost"), ("x-amz-meta-a", b"1")];
    let added = sign(&get("/b/k", "", &own), &credentials(), "us-east-1", "s3", NOW, PayloadToSign::Body(b""));
    let mut headers: Vec<(String, String)> =
        vec![("host".into(), "localhost".into()), ("x-amz-meta-a".into(), "1".into())];
    headers.extend(added.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let mut path = "/b/k".to_owned();
    change(&mut headers, &mut path);
    let headers: Headers<'_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    match check(&get(&path, "", &headers), Rules::S3, NOW) {
        Ok(_) => "verified".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn set(headers: &mut [(String, String)], name: &str, from: &str, to: &str) {
    let header = headers.iter_mut().find(|(n, _)| n == name).unwrap();
    assert!(header.1.contains(from), "{}", header.1);
    header.1 = header.1.replace(from, to);
}

#[test]
fn a_header_signed_request_is_refused_for_what_is_wrong_with_it() {
    let outcomes = [
        changed(|_, _| {}),
        changed(|headers, _| headers.retain(|(name, _)| name != "authorization")),
        changed(|headers, _| set(headers, "authorization", "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")),
        changed(|headers, _| set(headers, "authorization", "Signature=", "Sig=")),
        changed(|headers, _| set(headers, "authorization", "/s3/aws4_request", "/s3")),
        changed(|headers, _| set(headers, "authorization", "us-east-1", "eu-west-1")),
        changed(|headers, _| set(headers, "authorization", "/20130524/", "/20130525/")),
        changed(|headers, _| set(headers, "authorization", "AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLF")),
        changed(|headers, _| set(headers, "x-amz-date", "20130524T000000Z", "yesterday")),
        changed(|headers, _| set(headers, "x-amz-date", "T000000Z", "T001600Z")),
        changed(|headers, _| headers.retain(|(name, _)| name != "x-amz-date")),
        changed(|headers, _| headers.retain(|(name, _)| name != "x-amz-content-sha256")),
        changed(|headers, _| set(headers, "x-amz-content-sha256", "e3b0", "none")),
        changed(|headers, _| set(headers, "x-amz-content-sha256", "e3b0", "e3b1")),
        changed(|headers, _| set(headers, "x-amz-meta-a", "1", "2")),
        changed(|headers, _| headers.push(("x-amz-meta-a".into(), "1".into()))),
        changed(|headers, _| headers.push(("x-amz-acl".into(), "public-read".into()))),
        changed(|headers, _| headers.push(("content-md5".into(), "x".into()))),
        changed(|headers, _| headers.push(("x-amz-security-token".into(), "t".into()))),
        changed(|headers, _| set(headers, "authorization", "host;", "")),
        changed(|_, path| *path = "/b//k".to_owned()),
    ];
    expect![[r#"
        verified
        the request is not signed
        signature algorithm `AWS4-ECDSA-P256-SHA256` is not offered
        the authorization header lacks Signature
        credential `AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3` is malformed
        credential is for region `eu-west-1`, expected `us-east-1`
        credential is for 20130525, the request of 20130524
        access key `AKIAIOSFODNN7EXAMPLF` is not known
        date `yesterday` is malformed
        request of 1369354560 is too far from the server's time
        the authorization header lacks X-Amz-Date
        x-amz-content-sha256 is missing
        x-amz-content-sha256 `nonec44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855` is not known
        signature does not match
        signature does not match
        signature does not match
        headers not signed: x-amz-acl
        headers not signed: content-md5
        headers not signed: x-amz-security-token
        headers not signed: host
        signature does not match"#]]
    .assert_eq(&outcomes.join("\n"));
}

/// A presigned request to S3, its query changed, at `after_s` seconds.
fn changed_query(after_s: i64, from: &str, to: &str) -> String {
    let headers: Headers<'_> = vec![("host", b"localhost")];
    let query = presign(&get("/b/k", "versionId=1", &headers), &credentials(), "us-east-1", "s3", NOW, 60);
    assert!(query.contains(from), "{query}");
    let query = query.replace(from, to);
    let now = Timestamp::from_seconds(NOW.seconds() + after_s);
    match check(&get("/b/k", &query, &headers), Rules::S3, now) {
        Ok(_) => "verified".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_presigned_request_is_refused_for_what_is_wrong_with_it() {
    let outcomes = [
        changed_query(60, "", ""),
        changed_query(61, "", ""),
        changed_query(-901, "", ""),
        changed_query(0, "X-Amz-Algorithm=AWS4-HMAC-SHA256&", ""),
        changed_query(0, "&X-Amz-Date=20130524T000000Z", ""),
        changed_query(0, "AWS4-HMAC-SHA256", "AWS"),
        changed_query(0, "%2F", "%252F"),
        changed_query(0, "X-Amz-Expires=60", "X-Amz-Expires=x"),
        changed_query(0, "X-Amz-Expires=60", "X-Amz-Expires=-1"),
        changed_query(0, "X-Amz-Expires=60", "X-Amz-Expires=604801"),
        changed_query(0, "X-Amz-Expires=60", "X-Amz-Expires=61"),
        changed_query(0, "us-east-1", "eu-west-1"),
        changed_query(0, "versionId=1", "versionId=2"),
        changed_query(0, "&X-Amz-Signature", "&X-Amz-Security-Token=t&X-Amz-Signature"),
        changed_query(0, "SignedHeaders=host", "SignedHeaders=range"),
    ];
    expect![[r#"
        verified
        request has expired
        request of 1369353600 is too far from the server's time
        the query lacks `X-Amz-Algorithm`
        the query lacks `X-Amz-Date`
        signature algorithm `AWS` is not offered
        credential `AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request` is malformed
        expiry `x` is not a number
        expiry is negative
        expiry is more than a week
        signature does not match
        credential is for region `eu-west-1`, expected `us-east-1`
        signature does not match
        the session token is not one of ours
        headers not signed: host"#]]
    .assert_eq(&outcomes.join("\n"));
}

#[test]
fn version_2_is_named_when_it_is_refused() {
    for (query, headers) in
        [("AWSAccessKeyId=A&Signature=B&Expires=1", vec![]), ("", vec![("authorization", &b"AWS AKID:signature"[..])])]
    {
        let refused = Claim::parse(&get("/b/k", query, &headers)).unwrap_err();
        assert_eq!(refused, SigV4Error::UnsupportedAlgorithm { found: "AWS".to_owned() });
    }
}

#[test]
fn an_empty_authorization_is_none() {
    let refused = Claim::parse(&get("/b/k", "", &[("authorization", b" ")])).unwrap_err();
    assert_eq!(refused, SigV4Error::MissingAuthentication);
}

#[test]
fn both_ways_at_once_are_refused() {
    let headers: Headers<'_> = vec![("host", b"localhost"), ("authorization", b"AWS4-HMAC-SHA256 x")];
    let outcome = check(&get("/", "X-Amz-Algorithm=AWS4-HMAC-SHA256", &headers), Rules::S3, NOW);
    assert_eq!(outcome.unwrap_err(), SigV4Error::TwoAuthentications);
}

#[test]
fn nothing_a_stranger_sends_panics_or_is_believed() {
    bolero::check!().with_type::<(String, String, String, Vec<u8>, bool)>().for_each(
        |(path, query, authorization, value, s3)| {
            let authorization = format!("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;{authorization}, Signature=00");
            let headers: Headers<'_> = vec![
                ("host", value),
                ("x-amz-date", b"20130524T000000Z"),
                ("authorization", authorization.as_bytes()),
            ];
            let rules = if *s3 { Rules::S3 } else { Rules::Body(value) };
            assert!(check(&get(path, query, &headers), rules, NOW).is_err());
            assert!(check(&get(path, &format!("X-Amz-Algorithm=AWS4-HMAC-SHA256&{query}"), &[]), rules, NOW).is_err());
        },
    );
}

/// An upgrade to MQTT over WebSocket, signed as AWS IoT's SDKs sign it, its query changed.
fn upgraded(after_s: i64, change: impl FnOnce(&str) -> String) -> String {
    let headers: Headers<'_> = vec![("host", b"localhost")];
    let (scope, day) = ("20130524/us-east-1/iotdevicegateway/aws4_request", "20130524T000000Z");
    let mut query = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={ACCESS_KEY_ID}%2F{}&X-Amz-Date={day}&X-Amz-SignedHeaders=host",
        scope.replace('/', "%2F")
    );
    let secret = credentials().secret_access_key;
    let scope = crate::Scope::parse_credential(&format!("{ACCESS_KEY_ID}/{scope}")).unwrap().1;
    let digest = sha256_hex(b"");
    let canonical = canonical_request(&get("/mqtt", &query, &headers), PathRule::Twice, |_| false, &["host"], &digest);
    let to_sign = string_to_sign(&AmzDate::parse(day).unwrap(), &scope, &canonical);
    let signature = SigningKey::derive(&secret, &scope).sign(to_sign.as_bytes());
    query.push_str(&format!("&X-Amz-Signature={signature}"));
    let query = change(&query);
    let request = get("/mqtt", &query, &headers);
    let now = Timestamp::from_seconds(NOW.seconds() + after_s);
    let verified = Claim::parse_upgrade(&request).and_then(|claim| {
        verify(&request, &claim, "us-east-1", Rules::WebSocket, now, |id| (id == ACCESS_KEY_ID).then_some(&secret))
    });
    verified.map_or_else(|error| error.to_string(), |_| "verified".to_owned())
}

#[test]
fn an_upgrade_says_nothing_of_its_expiry() {
    let outcomes = [
        upgraded(0, str::to_owned),
        upgraded(86_400, str::to_owned),
        upgraded(86_401, str::to_owned),
        upgraded(-901, str::to_owned),
        upgraded(0, |query| query.replace("SignedHeaders=host", "SignedHeaders=host&X-Amz-Expires=60")),
        upgraded(0, |query| query.replace("Signature=", "Signature=0")),
        upgraded(0, |query| format!("{query}&X-Amz-Security-Token=t")),
    ];
    expect![[r#"
        verified
        verified
        request has expired
        request of 1369353600 is too far from the server's time
        signature does not match
        signature does not match
        the session token is not one of ours"#]]
    .assert_eq(&outcomes.join("\n"));
}
