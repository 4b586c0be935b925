//! A form's signature (S3: "Authenticating Requests in Browser-Based Uploads Using POST"): what is signed is the policy.
use sekisho_types::Secret;

use crate::claim::ALGORITHM;
use crate::key::SigningKey;
use crate::verify::root_alone;
use crate::{AmzDate, Mismatch, NoSigner, Operator, Scope, SigV4Error, Signer};

/// The fields of a form that prove who made its policy, as they came.
#[derive(Clone, Copy, Debug)]
pub struct SignedForm<'a> {
    /// `policy`: the document in base64; this text is what was signed.
    pub policy: &'a str,
    /// `x-amz-algorithm`
    pub algorithm: &'a str,
    /// `x-amz-credential`
    pub credential: &'a str,
    /// `x-amz-date`
    pub date: &'a str,
    /// `x-amz-security-token`, if the form has one.
    pub security_token: Option<&'a str>,
    /// `x-amz-signature`
    pub signature: &'a str,
}

/// Checks a form's signature for S3 in `region`. How long it is good, its policy says; the caller asks that.
///
/// # Errors
/// The first thing wrong, in the order of [`crate::verify`].
pub fn verify_form<'s>(
    form: &SignedForm<'_>,
    region: &str,
    secret_of: impl FnOnce(&str) -> Option<&'s Secret>,
) -> Result<Operator, SigV4Error> {
    verify_form_as(form, region, |id, token| root_alone(token, secret_of(id)))
}

/// As [`verify_form`], where there are sessions of roles too.
///
/// # Errors
/// As [`verify_form`].
pub fn verify_form_as(
    form: &SignedForm<'_>,
    region: &str,
    signer_of: impl FnOnce(&str, Option<&str>) -> Result<Signer, NoSigner>,
) -> Result<Operator, SigV4Error> {
    let clip = |text: &str| text.chars().take(300).collect::<String>();
    let presigned = true;
    if form.algorithm != ALGORITHM {
        return Err(SigV4Error::UnsupportedAlgorithm { found: clip(form.algorithm) });
    }
    let malformed = || SigV4Error::MalformedCredential { found: clip(form.credential), presigned };
    let (access_key_id, scope) = Scope::parse_credential(form.credential).ok_or_else(malformed)?;
    if &*scope.service != "s3" {
        return Err(malformed());
    }
    if &*scope.region != region {
        let (found, expected) = (clip(&scope.region), region.to_owned());
        return Err(SigV4Error::WrongRegion { found, expected, presigned });
    }
    let date =
        AmzDate::parse(form.date).ok_or_else(|| SigV4Error::MalformedDate { found: clip(form.date), presigned })?;
    if &*scope.day != date.day() {
        let (scope, date) = (scope.day.to_string(), date.day().to_owned());
        return Err(SigV4Error::WrongDay { scope, date, presigned });
    }
    let signer = signer_of(&access_key_id, form.security_token);
    let Signer { secret, session } = signer.map_err(|reason| SigV4Error::of(reason, &access_key_id))?;
    if !SigningKey::derive(&secret, &scope).matches(form.policy.as_bytes(), form.signature) {
        return Err(SigV4Error::SignatureMismatch(Box::new(Mismatch {
            access_key_id: access_key_id.to_string(),
            signature_provided: form.signature.chars().take(128).collect(),
            string_to_sign: form.policy.to_owned(),
            canonical_request: Vec::new(),
        })));
    }
    Ok(Operator::new(&access_key_id, session))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S3: "Example: Browser-Based Upload using HTTP POST (Using AWS Signature Version 4)".
    const POLICY: &str = include_str!("form/policy.base64");
    const SIGNATURE: &str = "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e";

    fn example() -> SignedForm<'static> {
        SignedForm {
            policy: POLICY.trim_end(),
            algorithm: "AWS4-HMAC-SHA256",
            credential: "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request",
            date: "20151229T000000Z",
            security_token: None,
            signature: SIGNATURE,
        }
    }

    fn verified(form: &SignedForm<'_>, region: &str) -> Result<String, String> {
        let secret = Secret::new(b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_vec());
        let secret_of = |id: &str| (id == "AKIAIOSFODNN7EXAMPLE").then_some(&secret);
        match verify_form(form, region, secret_of) {
            Ok(operator) => Ok(operator.access_key_id().to_owned()),
            Err(error) => Err(format!("{error:?}").split([' ', '{', '(']).next().unwrap_or_default().to_owned()),
        }
    }

    #[test]
    fn the_published_example_is_believed_and_nothing_beside_it() {
        assert_eq!(verified(&example(), "us-east-1").as_deref(), Ok("AKIAIOSFODNN7EXAMPLE"));
        let refused = |form: SignedForm<'_>| verified(&form, "us-east-1").unwrap_err();
        #[rustfmt::skip] // what is wrong                form                                                                                    refusal
        let table = [
            ("another policy",                           SignedForm { policy: "eyJ9", ..example() },                                             "SignatureMismatch"),
            ("another signature",                        SignedForm { signature: "8a", ..example() },                                            "SignatureMismatch"),
            ("nobody's key",                             SignedForm { credential: "AKIA/20151229/us-east-1/s3/aws4_request", ..example() },     "UnknownAccessKey"),
            ("signed for another service",               SignedForm { credential: "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/iot/aws4_request", ..example() }, "MalformedCredential"),
            ("a credential that is none",                SignedForm { credential: "AKIAIOSFODNN7EXAMPLE", ..example() },                         "MalformedCredential"),
            ("another day than the credential's",        SignedForm { date: "20151230T000000Z", ..example() },                                   "WrongDay"),
            ("a date that is none",                      SignedForm { date: "2015-12-29", ..example() },                                         "MalformedDate"),
            ("Signature Version 2",                      SignedForm { algorithm: "AWS", ..example() },                                           "UnsupportedAlgorithm"),
            ("a session nobody opened",                  SignedForm { security_token: Some("token"), ..example() },                              "UnknownSessionToken"),
        ];
        for (what, form, refusal) in table {
            assert_eq!(refused(form), refusal, "{what}");
        }
        assert_eq!(verified(&example(), "eu-west-1").unwrap_err(), "WrongRegion");
    }
}
