//! `http`: the result is posted to an endpoint whose owner has agreed to it (developer guide, "HTTP").
use sekisho_calls::{Batching, Post, Signing, without_nulls};
use sekisho_types::{HttpUrl, Random};
use serde_json::{Map, Value};

use super::members::{Field, Members, as_it_is};
use super::{ActionError, RenderError};
use crate::Message;

/// Headers of one action (iot model: `HeaderList`).
const HEADERS_MAX: usize = 100;
/// Of a header's value; most servers take no more.
const HEADER_BYTES_MAX: usize = 8 * 1024;
/// Headers that are the connection's own, and no rule's.
const NOT_A_RULES: [&str; 8] =
    ["connection", "content-length", "expect", "host", "keep-alive", "te", "transfer-encoding", "upgrade"];

/// `http`
#[derive(Debug)]
pub struct HttpAction {
    pub(super) url: Field<HttpUrl>,
    confirmation_url: Option<HttpUrl>,
    headers: Vec<(Box<str>, Field<String>)>,
    batching: Option<Batching>,
    signing: Option<Signing>,
}

impl HttpAction {
    pub(super) fn parse(members: &Members<'_>) -> Result<Self, ActionError> {
        let url = members.required_field("url", HttpUrl::parse)?;
        let confirmation_url = members.field("confirmationUrl", HttpUrl::parse)?;
        let fixed = |field: &Field<HttpUrl>| field.fixed().and_then(|fixed| HttpUrl::parse(fixed).ok());
        let itself = fixed(&url);
        // Where nothing else is said the address itself is asked. One that holds templates is nobody's to ask: a destination is made by hand.
        let confirmation_url = match &confirmation_url {
            Some(confirmation) => fixed(confirmation),
            None if itself.is_none() => {
                return Err(members.invalid("confirmationUrl is required where url holds a template"));
            }
            None => itself.clone(),
        };
        let covers = |asked: &HttpUrl| match &itself {
            Some(url) => asked.covers(url),
            None => url.text().starts_with(asked.as_str()),
        };
        if confirmation_url.as_ref().is_some_and(|asked| !covers(asked)) {
            return Err(members.invalid("url begins with confirmationUrl"));
        }
        let signing = match members.get("auth").and_then(|auth| auth.get("sigv4")).filter(|sigv4| !sigv4.is_null()) {
            None => None,
            Some(sigv4) => {
                let signing = serde_json::from_value::<Signing>(sigv4.clone());
                Some(signing.map_err(|error| members.invalid(format_args!("auth.sigv4: {error}")))?)
            }
        };
        let batching = match members.get("enableBatching").and_then(Value::as_bool).unwrap_or(false) {
            false => None,
            true => {
                let config = members.get("batchConfig").cloned().unwrap_or_else(|| Value::Object(Map::new()));
                let config =
                    serde_json::from_value::<Batching>(without_nulls(config)).map_err(|error| error.to_string());
                let checked = config.and_then(|config| config.check().map(|()| config));
                Some(checked.map_err(|problem| members.invalid(format_args!("batchConfig: {problem}")))?)
            }
        };
        let pairs = members.get("headers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if pairs.len() > HEADERS_MAX {
            return Err(members.invalid(format_args!("an action has at most {HEADERS_MAX} headers")));
        }
        let header = |pair: &Value| {
            let pair = Members { of: "http.headers", members: pair, ..*members };
            let key = pair.required("key")?;
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            let lower = key.to_ascii_lowercase();
            let is_the_signature_s = signing.is_some() && (lower == "authorization" || lower.starts_with("x-amz-"));
            if key.is_empty() || !key.bytes().all(is_token) || NOT_A_RULES.contains(&&*lower) || is_the_signature_s {
                return Err(pair.invalid(format_args!("`{key}` is no header that a rule sends")));
            }
            Ok((key.into(), pair.required_field("value", header_value)?))
        };
        let headers = pairs.iter().map(header).collect::<Result<_, ActionError>>()?;
        Ok(Self { url, confirmation_url, headers, batching, signing })
    }

    /// Where the endpoint's owner is asked, if that is the same for every message.
    pub const fn confirmation_url(&self) -> Option<&HttpUrl> {
        self.confirmation_url.as_ref()
    }

    /// What to post for a message.
    ///
    /// # Errors
    /// [`RenderError`].
    pub fn render(&self, message: &Message<'_>, random: &mut dyn Random) -> Result<Post, RenderError> {
        let mut headers = Vec::with_capacity(self.headers.len());
        for (key, value) in &self.headers {
            headers.push((key.to_string(), value.render(message, random)?));
        }
        let (batching, signing) = (self.batching, self.signing.clone());
        let has_secret = self.url.has_secret();
        Ok(Post { url: self.url.render(message, random)?, headers, has_secret, batching, signing })
    }

    /// Whose settings sign its requests.
    pub fn signing(&self) -> Option<&Signing> {
        self.signing.as_ref()
    }
}

/// RFC 9110 §5.5.
fn header_value(text: &str) -> Result<String, String> {
    if text.len() > HEADER_BYTES_MAX {
        return Err(format!("it is longer than {HEADER_BYTES_MAX} bytes"));
    }
    match text.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f)) {
        true => as_it_is(text),
        false => Err("control characters do not belong into a header".into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{Action, Message, SqlVersion};

    fn render(action: serde_json::Value) -> Result<String, String> {
        let action = Action::parse(&json!({ "http": action }), SqlVersion::V2016_03_23).map_err(|e| e.to_string())?;
        let Action::Http(http) = &action else { panic!("http") };
        let message = Message { topic: "factory/oven-7", payload: br#"{"n":7,"to":"a\r\nb"}"#, ..Message::default() };
        let post = http.render(&message, &mut |_: &mut [u8]| {}).map_err(|error| error.to_string())?;
        let asked = http.confirmation_url().map_or("nobody", |url| url.as_str());
        let headers = post.headers.iter().map(|(name, value)| format!(" {name}={value}")).collect::<String>();
        let batch = post.batching.map(|all| format!(", {} in {} bytes or {} ms", all.messages, all.bytes, all.open_ms));
        let signed = post.signing.map(|all| format!(", signed for {} in {}", all.service_name, all.signing_region));
        let how = batch.into_iter().chain(signed).collect::<String>();
        Ok(format!("{} asks {asked}{headers}{how}", post.url))
    }

    #[test]
    fn what_is_posted() {
        #[rustfmt::skip] // action                                                                                      request, or what it begins with that is wrong
        let table = [
            (json!({"url": "https://a/in"}),                                                                            Ok("https://a/in asks https://a/in")),
            (json!({"url": "https://a/in/${topic(2)}", "confirmationUrl": "https://a/in"}),                             Ok("https://a/in/oven-7 asks https://a/in")),
            (json!({"url": "https://a/${n}", "confirmationUrl": "https://${topic(1)}"}),                                Ok("https://a/7 asks nobody")),
            (json!({"url": "https://a", "headers": [{"key": "X-Oven", "value": "${topic(2)}"}]}),                       Ok("https://a asks https://a X-Oven=oven-7")),
            (json!({"url": "https://a/${to}", "confirmationUrl": "https://a"}),                                         Err("`https://a/a\r\nb` is no url: it is no address")),
            (json!({"url": "https://a", "headers": [{"key": "k", "value": "${to}"}]}),                                  Err("`a\r\nb` is no value: control characters")),
            (json!({"url": "https://a/${n}"}),                                                                          Err("http: confirmationUrl is required where url holds a template")),
            (json!({"url": "https://b", "confirmationUrl": "https://a"}),                                               Err("http: url begins with confirmationUrl")),
            (json!({"url": "https://a.example", "confirmationUrl": "https://a.ex"}),                                    Err("http: url begins with confirmationUrl")),
            (json!({"url": "a"}),                                                                                       Err("http: `a` is no url: it begins with https://")),
            (json!({}),                                                                                                 Err("http: url is required")),
            (json!({"url": "https://a", "headers": [{"key": "Host", "value": "b"}]}),                                   Err("http.headers: `Host` is no header that a rule sends")),
            (json!({"url": "https://a", "headers": [{"key": "a b", "value": "b"}]}),                                    Err("http.headers: `a b` is no header that a rule sends")),
            (json!({"url": "https://a", "headers": vec![json!({"key": "a", "value": "b"}); 101]}),                      Err("http: an action has at most 100 headers")),
            (json!({"url": "https://a", "enableBatching": false, "batchConfig": {"maxBatchSize": 1}}),                  Ok("https://a asks https://a")),
            (json!({"url": "https://a", "enableBatching": true}),                                                       Ok("https://a asks https://a, 10 in 5120 bytes or 20 ms")),
            (json!({"url": "https://a", "enableBatching": true, "batchConfig": {"maxBatchSize": 2, "maxBatchOpenMs": null}}), Ok("https://a asks https://a, 2 in 5120 bytes or 20 ms")),
            (json!({"url": "https://a", "enableBatching": true, "batchConfig": {"maxBatchSize": 11}}),                  Err("http: batchConfig: maxBatchSize is 2 to 10")),
            (json!({"url": "https://a", "enableBatching": true, "batchConfig": {"maxBatchOpenMs": 4}}),                 Err("http: batchConfig: maxBatchOpenMs is 5 to 200")),
            (json!({"url": "https://a", "enableBatching": true, "batchConfig": {"maxBatchSizeBytes": 99}}),             Err("http: batchConfig: maxBatchSizeBytes is 100 to 131072")),
            (json!({"url": "https://a", "enableBatching": true, "batchConfig": {"maxBatchSize": "two"}}),               Err("http: batchConfig: invalid type")),
            (json!({"url": "https://a", "auth": {"sigv4": {"signingRegion": "r", "serviceName": "s", "roleArn": "r"}}}), Ok("https://a asks https://a, signed for s in r")),
            (json!({"url": "https://a", "auth": {"sigv4": {"signingRegion": "r", "serviceName": "s", "roleArn": "r"}}, "headers": [{"key": "X-Amz-Date", "value": "b"}]}), Err("http.headers: `X-Amz-Date` is no header that a rule sends")),
            (json!({"url": "https://a", "auth": {"sigv4": {"signingRegion": "r", "roleArn": "r"}}}),                    Err("http: auth.sigv4: missing field `serviceName`")),
        ];
        for (action, expected) in table {
            let found = render(action.clone());
            match expected {
                Ok(request) => assert_eq!(found.as_deref(), Ok(request), "{action}"),
                Err(begins) => {
                    assert!(found.as_ref().is_err_and(|said| said.starts_with(begins)), "{action}: {found:?}")
                }
            }
        }
    }
}
