//! PutBucketEncryption.
use http::Response;
use sekisho_objects::{BucketEncryption, ObjectsError, SseAlgorithm};
use sekisho_state::Event;

use super::error::malformed_xml;
use super::xml::Element;
use super::{bare, check_room, names, xml};
use crate::{ApiError, App, Body, S3Request};

const BODY_BYTES_MAX: usize = 64 * 1024;

pub(super) async fn run(app: &App, mut request: S3Request) -> Result<Response<Body>, ApiError> {
    check_room(app)?;
    let bucket = names::existing_bucket(app, &request)?;
    let root = "ServerSideEncryptionConfiguration";
    let document = xml::read(&mut request, root, BODY_BYTES_MAX).await?.ok_or_else(malformed_xml)?;
    let encryption = rule(document.child("Rule")?.ok_or_else(malformed_xml)?)?;
    let set = app.state.commit(|cores| {
        let events = cores.objects.set_bucket_encryption(&bucket, encryption)?;
        Ok::<_, ObjectsError>((events.into_iter().map(Event::from).collect(), ()))
    });
    set.await?;
    bare(200)
}

fn rule(rule: &Element) -> Result<BucketEncryption, ApiError> {
    let mut encryption = BucketEncryption::default();
    if let Some(default) = rule.child("ApplyServerSideEncryptionByDefault")? {
        let algorithm = default.text("SSEAlgorithm")?.ok_or_else(malformed_xml)?;
        // In a document, an unknown value does not fit the schema.
        encryption.algorithm = SseAlgorithm::parse(algorithm.trim()).map_err(|_| malformed_xml())?;
        encryption.kms_key =
            default.text("KMSMasterKeyID")?.map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned);
    }
    encryption.bucket_key_enabled = rule.boolean("BucketKeyEnabled")?.unwrap_or(false);
    if let Some(blocked) = rule.child("BlockedEncryptionTypes")? {
        for blocked in blocked.all("EncryptionType") {
            match blocked.text.trim() {
                "SSE-C" => encryption.customer_keys_allowed = false,
                "NONE" => encryption.customer_keys_allowed = true,
                _ => return Err(malformed_xml()),
            }
        }
    }
    Ok(encryption)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        let inner = |text: &str| rule(&xml::parse(format!("<Rule>{text}</Rule>").as_bytes()).unwrap());
        let default = |text: &str| {
            inner(&format!("<ApplyServerSideEncryptionByDefault>{text}</ApplyServerSideEncryptionByDefault>"))
        };
        let code = |outcome: Result<BucketEncryption, ApiError>| outcome.map_err(|error| error.code.into_owned()).err();
        let kms = default("<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID>").unwrap();
        assert_eq!((kms.algorithm, kms.kms_key.as_deref()), (SseAlgorithm::AwsKms, Some("k")));
        let blocked = |text: &str| {
            inner(&format!("<BlockedEncryptionTypes><EncryptionType>{text}</EncryptionType></BlockedEncryptionTypes>"))
        };
        assert!(blocked("NONE").unwrap().customer_keys_allowed && !blocked("SSE-C").unwrap().customer_keys_allowed);
        assert_eq!(default("<SSEAlgorithm>aws:kms:dsse</SSEAlgorithm>").unwrap().algorithm, SseAlgorithm::AwsKmsDsse);
        assert!(inner("<BucketKeyEnabled>true</BucketKeyEnabled>").unwrap().bucket_key_enabled);
        #[rustfmt::skip] // source                                              outcome of                                              code
        let refused = [
            ("PutBucketEncryption: SSEAlgorithm is required",                   code(default("")),                                      "MalformedXML"),
            ("PutBucketEncryption: SSEAlgorithm is an enumeration",             code(default("<SSEAlgorithm>x</SSEAlgorithm>")),         "MalformedXML"),
            ("PutBucketEncryption: BucketKeyEnabled is a boolean",              code(inner("<BucketKeyEnabled>x</BucketKeyEnabled>")),   "MalformedXML"),
            ("PutBucketEncryption: EncryptionType is an enumeration",           code(inner("<BlockedEncryptionTypes><EncryptionType>x</EncryptionType></BlockedEncryptionTypes>")), "MalformedXML"),
        ];
        for (source, outcome, expected) in refused {
            assert_eq!(outcome.as_deref(), Some(expected), "{source}");
        }
    }
}
