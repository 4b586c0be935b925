//! The policy of a form that uploads (S3: "POST Policy"): until when it is good, and what the form may say.
use std::ops::RangeInclusive;

use sekisho_types::Timestamp;
use serde_json::Value;

/// A policy, read and not yet asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostPolicy {
    expiration: Timestamp,
    conditions: Vec<Condition>,
}

/// Fields by lower-case name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Equal(String, String),
    StartsWith(String, String),
    ContentLength(RangeInclusive<u64>),
}

/// Why a policy does not let a form in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostPolicyError {
    /// `InvalidPolicyDocument`: whoever made it has to mend it.
    #[error("Invalid Policy: {0}.")]
    Invalid(&'static str),
    /// `AccessDenied`: it was good until then.
    #[error("Invalid according to Policy: Policy expired.")]
    Expired,
    /// `AccessDenied`: a condition, as S3 writes it.
    #[error("Invalid according to Policy: Policy Condition failed: {0}")]
    Failed(String),
    /// `AccessDenied`: a field that no condition is about.
    #[error("Invalid according to Policy: Extra input fields: {0}")]
    Extra(String),
}

impl PostPolicy {
    /// Reads the document.
    ///
    /// # Errors
    /// [`PostPolicyError::Invalid`].
    pub fn parse(document: &[u8]) -> Result<Self, PostPolicyError> {
        use PostPolicyError::Invalid;
        let text = std::str::from_utf8(document).map_err(|_| Invalid("Invalid UTF-8"))?;
        let policy: Value = serde_json::from_str(&plain_dollars(text)).map_err(|_| Invalid("Invalid JSON"))?;
        let expiration = policy.get("expiration").ok_or(Invalid("Policy missing expiration"))?;
        let expiration = expiration.as_str().and_then(time).ok_or(Invalid("Invalid 'expiration' value"))?;
        let conditions = policy.get("conditions").ok_or(Invalid("Policy missing conditions"))?;
        let conditions = conditions.as_array().ok_or(Invalid("Invalid 'conditions' value: must be a List"))?;
        let conditions = conditions.iter().map(condition).collect::<Result<_, _>>()?;
        Ok(Self { expiration, conditions })
    }

    /// Whether a form with these fields is let in at `now`, and how many bytes its file may have. `bucket` is a field like the
    /// others; `file`, `policy` and the signature are not among them, nor is what begins with `x-ignore-`.
    ///
    /// # Errors
    /// [`PostPolicyError`], but not `Invalid`.
    pub fn admit(&self, now: Timestamp, fields: &[(&str, &str)]) -> Result<RangeInclusive<u64>, PostPolicyError> {
        if now >= self.expiration {
            return Err(PostPolicyError::Expired);
        }
        let value =
            |name: &str| fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
        let (mut least, mut most) = (0, u64::MAX);
        for condition in &self.conditions {
            let holds = match condition {
                Condition::Equal(name, wanted) => value(name) == Some(wanted),
                // A list of media types begins as it should if each of them does.
                Condition::StartsWith(name, begin) if name == "content-type" => {
                    value(name).is_some_and(|value| value.split(',').all(|one| one.trim_start().starts_with(begin)))
                }
                Condition::StartsWith(name, begin) => {
                    value(name).map_or(begin.is_empty(), |value| value.starts_with(begin))
                }
                Condition::ContentLength(sizes) => {
                    (least, most) = (least.max(*sizes.start()), most.min(*sizes.end()));
                    true
                }
            };
            if !holds {
                return Err(PostPolicyError::Failed(condition.written()));
            }
        }
        let meant = |field: &str| self.conditions.iter().any(|condition| condition.is_about(field));
        match fields.iter().find(|(field, _)| !meant(field)) {
            Some((extra, _)) => Err(PostPolicyError::Extra(extra.to_ascii_lowercase())),
            None => Ok(least..=most),
        }
    }
}

impl Condition {
    fn is_about(&self, field: &str) -> bool {
        match self {
            Self::Equal(name, _) | Self::StartsWith(name, _) => name.eq_ignore_ascii_case(field),
            Self::ContentLength(_) => false,
        }
    }

    /// `["eq", "$acl", "public-read"]`
    fn written(&self) -> String {
        let text = |text: &str| Value::from(text).to_string();
        match self {
            Self::Equal(name, value) => format!("[\"eq\", {}, {}]", text(&format!("${name}")), text(value)),
            Self::StartsWith(name, begin) => {
                format!("[\"starts-with\", {}, {}]", text(&format!("${name}")), text(begin))
            }
            Self::ContentLength(sizes) => format!("[\"content-length-range\", {}, {}]", sizes.start(), sizes.end()),
        }
    }
}

fn condition(condition: &Value) -> Result<Condition, PostPolicyError> {
    use PostPolicyError::Invalid;
    if let Some(simple) = condition.as_object() {
        let mut members = simple.iter();
        let (Some((name, value)), None) = (members.next(), members.next()) else {
            return Err(Invalid(
                "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified",
            ));
        };
        let value = value.as_str().ok_or(Invalid("Invalid Simple-Condition: value must be a string"))?;
        return Ok(Condition::Equal(name.to_ascii_lowercase(), value.to_owned()));
    }
    let Some([operator, first, second]) = condition.as_array().map(Vec::as_slice) else {
        return Err(Invalid("Invalid Condition: must be an object or a list of three"));
    };
    let operator = operator.as_str().ok_or(Invalid("Invalid Condition: the operation must be a string"))?;
    if operator.eq_ignore_ascii_case("content-length-range") {
        let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
        let sizes = number(first).zip(number(second)).filter(|(least, most)| least <= most);
        let (least, most) = sizes.ok_or(Invalid("Invalid content-length-range"))?;
        return Ok(Condition::ContentLength(least..=most));
    }
    let name = first.as_str().and_then(|name| name.strip_prefix('$'));
    let name = name.ok_or(Invalid("Invalid Condition: a field's name must begin with $"))?.to_ascii_lowercase();
    let value = second.as_str().ok_or(Invalid("Invalid Condition: value must be a string"))?.to_owned();
    match operator.to_ascii_lowercase().as_str() {
        "eq" => Ok(Condition::Equal(name, value)),
        "starts-with" => Ok(Condition::StartsWith(name, value)),
        _ => Err(Invalid("Invalid Condition: unknown operation")),
    }
}

/// `2007-12-01T12:00:00.000Z`, in UTC.
fn time(text: &str) -> Option<Timestamp> {
    let shaped = text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T');
    let time: jiff::Timestamp = text.parse().ok().filter(|_| shaped)?;
    Some(Timestamp::from_millis(time.as_millisecond()))
}

/// A policy's `\$` is `$` (S3: "Character Escaping"), which JSON does not know.
fn plain_dollars(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, if letter == '\\' { letters.next() } else { None }) {
            ('\\', Some('$')) => plain.push('$'),
            (letter, escaped) => plain.extend(std::iter::once(letter).chain(escaped)),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_451_347_200); // 2015-12-29

    fn policy(conditions: &str) -> String {
        format!(r#"{{"expiration": "2015-12-30T12:00:00.000Z", "conditions": [{conditions}]}}"#)
    }

    fn admitted(document: &str, fields: &[(&str, &str)]) -> Result<RangeInclusive<u64>, String> {
        let policy = PostPolicy::parse(document.as_bytes()).map_err(|error| error.to_string())?;
        policy.admit(NOW, fields).map_err(|error| error.to_string())
    }

    type Row = (
        &'static str,
        &'static str,
        &'static [(&'static str, &'static str)],
        Result<RangeInclusive<u64>, &'static str>,
    );

    #[test]
    fn conditions() {
        #[rustfmt::skip] // rule (S3: "POST Policy")         conditions                                              fields                                   outcome
        let table: &[Row] = &[
            ("exact matches",                                r#"{"acl": "private"}"#,                                &[("acl", "private")],                   Ok(0..=u64::MAX)),
            ("exact matches",                                r#"["eq", "$acl", "private"]"#,                         &[("acl", "private")],                   Ok(0..=u64::MAX)),
            ("exact matches",                                r#"{"acl": "private"}"#,                                &[("acl", "privat")],                    Err("Invalid according to Policy: Policy Condition failed: [\"eq\", \"$acl\", \"private\"]")),
            ("exact matches: the field has to be there",     r#"{"acl": ""}"#,                                       &[],                                     Err("Invalid according to Policy: Policy Condition failed: [\"eq\", \"$acl\", \"\"]")),
            ("starts with",                                  r#"["starts-with", "$key", "user/"]"#,                  &[("key", "user/a")],                    Ok(0..=u64::MAX)),
            ("starts with",                                  r#"["starts-with", "$key", "user/"]"#,                  &[("key", "a/user/")],                   Err("Invalid according to Policy: Policy Condition failed: [\"starts-with\", \"$key\", \"user/\"]")),
            ("matching any content",                         r#"["starts-with", "$x-amz-meta-tag", ""]"#,            &[("x-amz-meta-tag", "b")],              Ok(0..=u64::MAX)),
            ("content types, each of them",                  r#"["starts-with", "$Content-Type", "image/"]"#,        &[("Content-Type", "image/a,image/b")],  Ok(0..=u64::MAX)),
            ("content types, each of them",                  r#"["starts-with", "$Content-Type", "image/"]"#,        &[("Content-Type", "image/a,text/b")],   Err("Invalid according to Policy: Policy Condition failed: [\"starts-with\", \"$content-type\", \"image/\"]")),
            ("specifying ranges",                            r#"["content-length-range", 1, 10]"#,                   &[],                                     Ok(1..=10)),
            ("specifying ranges: all of them count",         r#"["content-length-range", 1, 10], ["content-length-range", 5, 20]"#, &[],                         Ok(5..=10)),
            ("names in any letter case",                     r#"["StArTs-WiTh", "$KeY", "f"], {"AcL": "private"}"#,  &[("kEy", "foo"), ("aCl", "private")],   Ok(0..=u64::MAX)),
            ("each form field must appear",                  r#"{"acl": "private"}"#,                                &[("acl", "private"), ("X-Amz-Meta-A", "")], Err("Invalid according to Policy: Extra input fields: x-amz-meta-a")),
            ("each form field must appear, the bucket too",  "",                                                     &[("bucket", "lake")],                   Err("Invalid according to Policy: Extra input fields: bucket")),
            ("character escaping",                           r#"["starts-with", "$key", "\$a\\$\u00e9"]"#,           &[("key", "$a\\$é.txt")],                Ok(0..=u64::MAX)),
            ("not three",                                    r#"["content-length-range", 0]"#,                       &[],                                     Err("Invalid Policy: Invalid Condition: must be an object or a list of three.")),
            ("not a size",                                   r#"["content-length-range", -1, 0]"#,                   &[],                                     Err("Invalid Policy: Invalid content-length-range.")),
            ("not a range",                                  r#"["content-length-range", 2, 1]"#,                    &[],                                     Err("Invalid Policy: Invalid content-length-range.")),
            ("two at once",                                  r#"{"acl": "private", "key": "a"}"#,                    &[],                                     Err("Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")),
            ("an operation nobody knows",                    r#"["ends-with", "$key", "a"]"#,                        &[],                                     Err("Invalid Policy: Invalid Condition: unknown operation.")),
            ("a name without its sign",                      r#"["eq", "key", "a"]"#,                                &[],                                     Err("Invalid Policy: Invalid Condition: a field's name must begin with $.")),
        ];
        for (rule, conditions, fields, outcome) in table {
            let found = admitted(&policy(conditions), fields);
            assert_eq!(
                found.as_ref().map_err(String::as_str),
                outcome.as_ref().map_err(|text| *text),
                "{rule}: {conditions}"
            );
        }
    }

    #[test]
    fn documents() {
        #[rustfmt::skip] // rule                              document                                                          refusal
        let table = [
            ("expiration: UTC, ISO 8601",                     r#"{"expiration": "2015-12-29T00:00:01Z", "conditions": []}"#,   None),
            ("expiration: it has passed",                     r#"{"expiration": "2015-12-29T00:00:00Z", "conditions": []}"#,   Some("Invalid according to Policy: Policy expired.")),
            ("expiration: not another shape",                 r#"{"expiration": "2025-12-30 00:00:00+00:00", "conditions": []}"#, Some("Invalid Policy: Invalid 'expiration' value.")),
            ("expiration: nor a number",                      r#"{"expiration": 1, "conditions": []}"#,                        Some("Invalid Policy: Invalid 'expiration' value.")),
            ("expiration: its name is spelled so",            r#"{"EXPIRATION": "2025-12-30T00:00:00Z", "conditions": []}"#,   Some("Invalid Policy: Policy missing expiration.")),
            ("conditions: their name is spelled so",          r#"{"expiration": "2025-12-30T00:00:00Z", "CONDITIONS": []}"#,   Some("Invalid Policy: Policy missing conditions.")),
            ("conditions: a list",                            r#"{"expiration": "2025-12-30T00:00:00Z", "conditions": {}}"#,   Some("Invalid Policy: Invalid 'conditions' value: must be a List.")),
            ("JSON",                                          "{",                                                             Some("Invalid Policy: Invalid JSON.")),
            ("an object",                                     "[]",                                                            Some("Invalid Policy: Policy missing expiration.")),
        ];
        for (rule, document, refusal) in table {
            assert_eq!(admitted(document, &[]).err().as_deref(), refusal, "{rule}: {document}");
        }
    }

    #[test]
    fn nothing_panics() {
        bolero::check!(name = "post_policies").for_each(|bytes: &[u8]| {
            if let Ok(policy) = PostPolicy::parse(bytes) {
                let _ = policy.admit(NOW, &[("key", "a")]);
            }
        });
    }
}
