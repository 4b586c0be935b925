//! What the function answers, checked (iot dev guide: custom-auth-lambda, the response). Whatever is not as it should be is a no.
use sekisho_types::{InvalidName, PrincipalId, json};
use serde_json::Value;

/// Policy documents of an answer.
pub const POLICY_DOCUMENTS_MAX: usize = 10;
/// The shortest time an answer may be good for, in seconds, and a connection may last.
pub const SECONDS_MIN: u32 = 300;
/// And the longest.
pub const SECONDS_MAX: u32 = 86_400;

/// Whom a function has recognized. There is no other way to make one than [`Answer::parse`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    principal_id: PrincipalId,
}

/// The answer for somebody the function knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who it is.
    pub who: Authenticated,
    /// What it may do: JSON that is still to be read.
    pub policy_documents: Vec<String>,
    /// How long a connection lasts at most.
    pub disconnect_after_s: u32,
    /// When the function is to be asked again.
    pub refresh_after_s: u32,
}

/// Why an answer lets nobody in: the function's to mend, but for a no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// The function knows nobody who brings this.
    #[error("said no: isAuthenticated is false")]
    NotAuthenticated,
    /// No JSON, or a member twice.
    #[error("did not answer JSON: {0}")]
    NotJson(String),
    /// A member is missing, or is something else.
    #[error("did not answer as it should: {0}")]
    Member(&'static str),
    /// Special characters, above all.
    #[error("did not answer as it should: principalId: {0}")]
    PrincipalId(#[from] InvalidName),
    /// Out of bounds.
    #[error("did not answer as it should: {member} is {seconds}, not a number from {least} to {SECONDS_MAX}")]
    Seconds {
        /// Which.
        member: &'static str,
        /// What it is.
        seconds: String,
        /// The least it may be.
        least: u32,
    },
}

impl Authenticated {
    /// As whom.
    pub fn principal_id(&self) -> &PrincipalId {
        &self.principal_id
    }
}

impl Answer {
    /// Reads and checks an answer; `seconds_min` is [`SECONDS_MIN`], but where an operator wants to see sooner what comes of it.
    ///
    /// # Errors
    /// [`BadAnswer`].
    pub fn parse(answer: &[u8], seconds_min: u32) -> Result<Self, BadAnswer> {
        let text = std::str::from_utf8(answer).map_err(|error| BadAnswer::NotJson(error.to_string()))?;
        let answer = json::parse(text).map_err(|error| BadAnswer::NotJson(error.to_string()))?;
        match &answer["isAuthenticated"] {
            Value::Bool(true) => {}
            Value::Bool(false) => return Err(BadAnswer::NotAuthenticated),
            _ => return Err(BadAnswer::Member("isAuthenticated is neither true nor false")),
        }
        let principal_id = answer["principalId"].as_str().ok_or(BadAnswer::Member("principalId is not text"))?;
        let documents = answer["policyDocuments"].as_array();
        let documents = documents.ok_or(BadAnswer::Member("policyDocuments is not a list"))?;
        if documents.len() > POLICY_DOCUMENTS_MAX {
            return Err(BadAnswer::Member("policyDocuments has more than 10"));
        }
        let document = |document: &Value| match document {
            Value::String(text) => Ok(text.clone()),
            Value::Object(_) => Ok(document.to_string()),
            _ => Err(BadAnswer::Member("a policy document is neither an object nor text")),
        };
        let seconds = |member: &'static str| {
            let found = answer[member].as_u64().and_then(|seconds| u32::try_from(seconds).ok());
            found.filter(|seconds| (seconds_min..=SECONDS_MAX).contains(seconds)).ok_or_else(|| BadAnswer::Seconds {
                member,
                seconds: answer[member].to_string().chars().take(40).collect(),
                least: seconds_min,
            })
        };
        Ok(Self {
            who: Authenticated { principal_id: PrincipalId::parse(principal_id)? },
            policy_documents: documents.iter().map(document).collect::<Result<_, _>>()?,
            disconnect_after_s: seconds("disconnectAfterInSeconds")?,
            refresh_after_s: seconds("refreshAfterInSeconds")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"isAuthenticated": true, "principalId": "pump7", "policyDocuments": [{"Version": "2012-10-17"}, "{}"],
        "disconnectAfterInSeconds": 86400, "refreshAfterInSeconds": 300, "context": {}}"#;

    #[test]
    fn a_good_answer() {
        let answer = Answer::parse(GOOD.as_bytes(), SECONDS_MIN).unwrap();
        assert_eq!(answer.who.principal_id().as_str(), "pump7");
        assert_eq!(answer.policy_documents, [r#"{"Version":"2012-10-17"}"#, "{}"], "as objects, and as text");
        assert_eq!((answer.disconnect_after_s, answer.refresh_after_s), (86_400, 300));
    }

    #[test]
    fn answers_that_let_nobody_in() {
        #[rustfmt::skip] // what is spoilt, and how                                    what the operator reads
        let table: &[(&str, &str, &str)] = &[
            ("true",             "false",                                              "said no: isAuthenticated is false"),
            ("true",             "\"true\"",                                           "isAuthenticated is neither true nor false"),
            ("\"isAuthenticated\": true, ", "",                                        "isAuthenticated is neither true nor false"),
            ("\"pump7\"",        "7",                                                  "principalId is not text"),
            ("pump7",            "pump-7",                                             "principalId: `pump-7` is not a valid principal id"),
            ("pump7",            "",                                                   "principalId: `` is not a valid principal id"),
            (r#""{}"]"#,         r#""{}", 1,2,3,4,5,6,7,8,9]"#,                        "policyDocuments has more than 10"),
            (r#""{}"]"#,         "7]",                                                 "a policy document is neither an object nor text"),
            (r#"[{"Version": "2012-10-17"}, "{}"]"#, "{}",                             "policyDocuments is not a list"),
            ("86400",            "86401",                                              "disconnectAfterInSeconds is 86401, not a number from 300 to 86400"),
            ("300",              "299",                                                "refreshAfterInSeconds is 299, not a number from 300 to 86400"),
            ("300",              "-300",                                               "refreshAfterInSeconds is -300"),
            ("300",              "300.5",                                              "refreshAfterInSeconds is 300.5"),
            ("300",              "\"300\"",                                            "refreshAfterInSeconds is \"300\""),
            (", \"refreshAfterInSeconds\": 300", "",                                   "refreshAfterInSeconds is null"),
            ("\"context\"",      "\"principalId\"",                                    "did not answer JSON"),
            ("{\"isAuth",        "[\"isAuth",                                          "did not answer JSON"),
        ];
        for (what, spoilt, why) in table {
            assert!(GOOD.contains(what), "{what}");
            let error = Answer::parse(GOOD.replace(what, spoilt).as_bytes(), SECONDS_MIN).unwrap_err().to_string();
            assert!(error.contains(why), "{what} -> {spoilt}: {error}");
        }
        for bytes in [b"".as_slice(), b"null", b"[]", b"\xff", b"\"{}\""] {
            assert!(Answer::parse(bytes, SECONDS_MIN).is_err());
        }
        assert!(Answer::parse(GOOD.replace("300", "2").as_bytes(), 1).is_ok());
    }

    #[test]
    fn any_bytes_are_read() {
        bolero::check!().for_each(|bytes: &[u8]| drop(Answer::parse(bytes, SECONDS_MIN)));
    }
}
