//! The documents, as they stand on topics and in answers (iot dev guide: device-shadow-document, "Response state documents").
use sekisho_types::Timestamp;
use serde_json::{Map, Value, json};

use crate::members::Members;
use crate::{Rejected, Shadow, Update, tree};

/// What an accepted update has to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// `…/update/accepted`: what the request said. The answer over HTTP too.
    pub accepted: Value,
    /// `…/update/delta`, if anything is desired that is not reported so.
    pub delta: Option<Value>,
    /// `…/update/documents`: before and after.
    pub documents: Value,
}

impl Told {
    pub(crate) fn new(before: Option<&Shadow>, after: &Shadow, update: &Update, now: Timestamp) -> Self {
        // What the request says alone, with the times it sets.
        let mut said = Shadow::default();
        said.update(&update.state, after.version, now);
        let accepted = json!({
            "state": update.state,
            "metadata": said.sections(tree::metadata),
            "version": after.version,
            "timestamp": now.seconds(),
        });
        let delta = after.delta().map(|delta| {
            json!({
                "version": after.version,
                "timestamp": now.seconds(),
                "state": tree::state(&delta),
                "metadata": tree::metadata(&delta),
            })
        });
        let mut documents = Map::new();
        if let Some(before) = before {
            documents.insert("previous".into(), before.whole());
        }
        documents.insert("current".into(), after.whole());
        documents.insert("timestamp".into(), now.seconds().into());
        let token = update.client_token.as_deref();
        Self {
            accepted: with_token(accepted, token),
            delta: delta.map(|delta| with_token(delta, token)),
            documents: with_token(Value::Object(documents), token),
        }
    }
}

impl Shadow {
    fn whole(&self) -> Value {
        json!({
            "state": self.sections(tree::state),
            "metadata": self.sections(tree::metadata),
            "version": self.version,
        })
    }

    /// All of it: the answer to a get, over HTTP and on `…/get/accepted`.
    pub(crate) fn document(&self, now: Timestamp, client_token: Option<&str>) -> Value {
        let mut document = self.whole();
        if let Some(delta) = self.delta().as_ref().map(|delta: &Members| tree::state(delta)) {
            document["state"]["delta"] = delta;
        }
        document["timestamp"] = now.seconds().into();
        with_token(document, client_token)
    }

    /// What tells that it was deleted: the answer over HTTP and on `…/delete/accepted`.
    pub(crate) fn obituary(&self, now: Timestamp, client_token: Option<&str>) -> Value {
        with_token(json!({ "version": self.version, "timestamp": now.seconds() }), client_token)
    }
}

impl Rejected {
    /// `…/rejected`.
    pub fn document(&self) -> Value {
        let document = json!({ "code": self.error.code(), "message": self.error.to_string() });
        with_token(document, self.client_token.as_deref())
    }
}

fn with_token(mut document: Value, client_token: Option<&str>) -> Value {
    if let Some(token) = client_token {
        document["clientToken"] = token.into();
    }
    document
}
