//! `s3`: the result is an object (developer guide, "S3": bucket, cannedacl, key).
use sekisho_types::{BucketName, ObjectKey, Random};

use super::members::{Field, Members};
use super::{ActionError, RenderError};
use crate::Message;

/// The canned ACLs that mean what holds here in any case: the owner has full control, and nobody else any.
const OWNERS_OWN: [&str; 2] = ["private", "bucket-owner-full-control"];

/// `s3`
#[derive(Debug)]
pub struct S3Action {
    pub(super) bucket_name: Field<BucketName>,
    key: Field<ObjectKey>,
}

/// An object to be put, beside its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewObject {
    /// Where.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
}

impl S3Action {
    pub(super) fn parse(members: &Members<'_>) -> Result<Self, ActionError> {
        let bucket_name = members
            .required_field("bucketName", |text| BucketName::parse(text).map_err(|error| error.rule.to_string()))?;
        let key =
            members.required_field("key", |text| ObjectKey::parse(text).map_err(|error| error.rule.to_string()))?;
        members.required("roleArn")?;
        if let Some(acl) = members.text("cannedAcl").filter(|acl| !OWNERS_OWN.contains(acl)) {
            return Err(ActionError::NotOffered(format!("s3 with cannedAcl {acl}")));
        }
        Ok(Self { bucket_name, key })
    }

    /// What to put for a message.
    ///
    /// # Errors
    /// [`RenderError`]: S3 has no object without a key, for one.
    pub fn render(&self, message: &Message<'_>, random: &mut dyn Random) -> Result<NewObject, RenderError> {
        let bucket = self.bucket_name.render(message, random)?;
        let key = self.key.render(message, random)?;
        Ok(NewObject { bucket, key })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{Action, Message, SqlVersion};

    fn render(action: serde_json::Value) -> Result<String, String> {
        let action = Action::parse(&json!({ "s3": action }), SqlVersion::V2016_03_23).map_err(|e| e.to_string())?;
        let Action::S3(s3) = &action else { panic!("s3") };
        let message = Message {
            topic: "factory/oven-7/telemetry",
            payload: br#"{"id":"a","deep":{"n":7}}"#,
            received: sekisho_types::Timestamp::from_millis(1_481_825_251_155),
            ..Message::default()
        };
        let object = s3.render(&message, &mut |_: &mut [u8]| {}).map_err(|error| error.to_string())?;
        Ok(format!("{}/{}", object.bucket, object.key))
    }

    #[test]
    fn where_the_object_goes() {
        #[rustfmt::skip] // action, without its role                                                   where
        let table = [
            (json!({"bucketName": "lake", "key": "a"}),                                                Ok("lake/a")),
            (json!({"bucketName": "lake", "key": "${topic()}/${timestamp()}"}),                        Ok("lake/factory/oven-7/telemetry/1481825251155")),
            (json!({"bucketName": "lake-${topic(2)}", "key": "${id}/${deep.n}.json"}),                 Ok("lake-oven-7/a/7.json")),
            (json!({"bucketName": "lake", "key": "${nothing}"}),                                       Err("`` is no key: ")),
            (json!({"bucketName": "Lake_${id}", "key": "k"}),                                          Err("`Lake_a` is no bucketName: ")),
            (json!({"bucketName": "Lake", "key": "k"}),                                                Err("s3: `Lake` is no bucketName: ")),
            (json!({"bucketName": "lake", "key": ""}),                                                 Err("s3: `` is no key: ")),
            (json!({"bucketName": "lake", "key": "k", "cannedAcl": "private"}),                        Ok("lake/k")),
            (json!({"bucketName": "lake", "key": "k", "cannedAcl": "public-read"}),                    Err("the rule action `s3 with cannedAcl public-read` is not offered")),
        ];
        for (mut action, expected) in table {
            action["roleArn"] = json!("r");
            let found = render(action.clone());
            match expected {
                Ok(place) => assert_eq!(found.as_deref(), Ok(place), "{action}"),
                Err(begins) => {
                    assert!(found.as_ref().is_err_and(|said| said.starts_with(begins)), "{action}: {found:?}")
                }
            }
        }
        let no_role = render(json!({"bucketName": "lake", "key": "k"}));
        assert_eq!(no_role, Err("s3: roleArn is required".into()));
    }
}
