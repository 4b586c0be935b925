//! Lists of the data plane, a page at a time. A token names the last item of its page.
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sekisho_state::Cores;
use sekisho_types::{ShadowName, ThingName, Timestamp};
use serde_json::{Value, json};

/// A token that none of these lists gave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The token is not one this list gave out")]
pub struct BadToken;

/// `ListNamedShadowsForThing`.
pub fn named_shadows(
    cores: &Cores,
    thing: &ThingName,
    token: Option<&str>,
    size: usize,
    now: Timestamp,
) -> Result<Value, BadToken> {
    let after = token.map(name).transpose()?.map(|name| ShadowName::parse(&name).map_err(|_| BadToken)).transpose()?;
    let (names, next) = page(cores.shadows.names(thing, after.as_ref()), size, |name| name.as_str());
    let mut output = json!({ "results": names, "timestamp": now.seconds() });
    output["nextToken"] = next.into();
    Ok(without_null(output))
}

/// `ListRetainedMessages`.
pub fn retained_messages(cores: &Cores, token: Option<&str>, size: usize, now: Timestamp) -> Result<Value, BadToken> {
    let after = token.map(name).transpose()?;
    let (messages, next) = page(cores.retained.after(after.as_deref(), now), size, |(topic, _)| topic);
    let topics: Vec<Value> = messages.into_iter().map(|(topic, message)| message.summary(topic)).collect();
    Ok(without_null(json!({ "retainedTopics": topics, "nextToken": next })))
}

fn page<T>(mut items: impl Iterator<Item = T>, size: usize, name: impl Fn(&T) -> &str) -> (Vec<T>, Option<String>) {
    let page: Vec<T> = items.by_ref().take(size.max(1)).collect();
    let next = page.last().filter(|_| items.next().is_some()).map(|last| BASE64_URL_SAFE_NO_PAD.encode(name(last)));
    (page, next)
}

fn name(token: &str) -> Result<String, BadToken> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| BadToken)?;
    String::from_utf8(bytes).map_err(|_| BadToken)
}

/// A last page has no token.
fn without_null(mut output: Value) -> Value {
    if let Some(members) = output.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    output
}
