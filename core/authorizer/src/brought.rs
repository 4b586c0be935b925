//! What somebody brings, and the parameters in it (iot dev guide: "Connecting to AWS IoT Core by using custom authentication").
use std::fmt;

use percent_encoding::percent_decode_str;
use sekisho_types::{AuthorizerName, InvalidName, Secret};

/// Names the authorizer.
pub const NAME: &str = "x-amz-customauthorizer-name";
/// The signature of the token, in base64.
pub const SIGNATURE: &str = "x-amz-customauthorizer-signature";

/// Bytes of all that somebody brings: it is kept as long as the connection, to ask again with it. And then: nobody is asked, the
/// connection is refused.
pub const BROUGHT_BYTES_MAX: usize = 32 * 1024;

/// What somebody brings who has no certificate and no signature of the account's.
#[derive(Clone, Default)]
pub struct Brought {
    /// How the client named the server in the handshake, empty if it did not; `None` without TLS.
    pub server_name: Option<Box<str>>,
    /// Of an HTTP request, or of the one that opened a WebSocket.
    pub http: Option<HttpPart>,
    /// Of CONNECT.
    pub mqtt: Option<MqttPart>,
}

/// What an HTTP request brings.
#[derive(Clone, Default)]
pub struct HttpPart {
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// What follows the `?`.
    pub query: Option<String>,
}

/// What CONNECT brings.
#[derive(Clone, Default)]
pub struct MqttPart {
    /// With what follows its `?`.
    pub user_name: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// The client id, if the client has chosen one.
    pub client_id: Option<String>,
}

/// What is wrong with it: the client's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBrought {
    /// Nobody could say which one is meant.
    #[error("`{0}` is there twice")]
    Twice(String),
    /// Percent-encoded bytes that are no UTF-8.
    #[error("`{0}` is no text")]
    NotText(String),
    /// No authorizer can have that name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// Too much of it.
    #[error("what was brought to be authenticated by has {0} bytes, and {BROUGHT_BYTES_MAX} are taken")]
    TooLarge(usize),
}

impl Brought {
    /// The authorizer it names.
    ///
    /// # Errors
    /// [`BadBrought`].
    pub fn authorizer_name(&self) -> Result<Option<AuthorizerName>, BadBrought> {
        let bytes = self.bytes();
        if bytes > BROUGHT_BYTES_MAX {
            return Err(BadBrought::TooLarge(bytes));
        }
        self.value(NAME)?.map(|name| AuthorizerName::parse(&name).map_err(BadBrought::from)).transpose()
    }

    /// What stands under `key`: in the user name behind its `?`, else in a header, else in the query.
    ///
    /// # Errors
    /// [`BadBrought`].
    pub fn value(&self, key: &str) -> Result<Option<String>, BadBrought> {
        let user_name = self.mqtt.as_ref().and_then(|mqtt| mqtt.user_name.as_deref()?.split_once('?'));
        if let Some((_, query)) = user_name
            && let Some(value) = parameter(query, key)?
        {
            return Ok(Some(value));
        }
        let Some(http) = &self.http else { return Ok(None) };
        let mut headers = http.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(key));
        match (headers.next(), headers.next()) {
            (Some(_), Some(_)) => Err(BadBrought::Twice(key.to_owned())),
            (Some((_, value)), None) => Ok(Some(value.clone())),
            (None, _) => http.query.as_deref().map_or(Ok(None), |query| parameter(query, key)),
        }
    }

    fn bytes(&self) -> usize {
        let of = |text: &Option<String>| text.as_deref().map_or(0, str::len);
        let http = self.http.as_ref().map_or(0, |http| {
            http.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() + of(&http.query)
        });
        let mqtt = self.mqtt.as_ref().map_or(0, |mqtt| {
            of(&mqtt.user_name) + of(&mqtt.client_id) + mqtt.password.as_ref().map_or(0, |secret| secret.expose().len())
        });
        http + mqtt
    }
}

/// The value of a parameter of `a=b&c=d`. A `+` is a `+`: signatures are base64, and whoever encodes one writes `%2B`.
fn parameter(query: &str, key: &str) -> Result<Option<String>, BadBrought> {
    let mut found = None;
    for (name, value) in query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))) {
        if percent_decode_str(name).decode_utf8().is_ok_and(|name| name == key) {
            let value = percent_decode_str(value).decode_utf8().map_err(|_| BadBrought::NotText(key.to_owned()))?;
            if found.replace(value.into_owned()).is_some() {
                return Err(BadBrought::Twice(key.to_owned()));
            }
        }
    }
    Ok(found)
}

/// Passwords and tokens are in it.
impl fmt::Debug for Brought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Brought").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user_name(text: &str) -> Brought {
        let mqtt = MqttPart { user_name: Some(text.to_owned()), ..MqttPart::default() };
        Brought { mqtt: Some(mqtt), ..Brought::default() }
    }

    fn http(headers: &[(&str, &str)], query: &str) -> Brought {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Brought { http: Some(HttpPart { headers, query: Some(query.to_owned()) }), ..Brought::default() }
    }

    #[test]
    fn parameters_of_a_user_name() {
        let twice = || Err(BadBrought::Twice("token".into()));
        type Row = (&'static str, &'static str, Result<Option<&'static str>, BadBrought>);
        #[rustfmt::skip] // citation                            user name                                    the token
        let table: &[Row] = &[
            ("custom-auth: MQTT",                               "pump?x-amz-customauthorizer-name=a&token=t", Ok(Some("t"))),
            ("custom-auth: in any order",                       "pump?token=t&x-amz-customauthorizer-name=a", Ok(Some("t"))),
            ("custom-auth: no name before it",                  "?token=t",                                  Ok(Some("t"))),
            ("custom-auth: URL-encoded",                        "?%74oken=a%2Fb%3D%26",                      Ok(Some("a/b=&"))),
            ("base64 as it is",                                 "?token=a+b/c==",                            Ok(Some("a+b/c=="))),
            ("a percent sign alone",                            "?token=100%",                               Ok(Some("100%"))),
            ("a value may have a ? in it",                      "?token=a?SDK=JavaV2",                       Ok(Some("a?SDK=JavaV2"))),
            ("names are case sensitive",                        "?Token=t",                                  Ok(None)),
            ("no query",                                        "token=t",                                   Ok(None)),
            ("nothing",                                         "",                                          Ok(None)),
            ("only separators",                                 "?&&=&",                                     Ok(None)),
            ("empty",                                           "?token",                                    Ok(Some(""))),
            ("which one?",                                      "?token=a&token=b",                          twice()),
            ("not UTF-8",                                       "?token=%ff",                                Err(BadBrought::NotText("token".into()))),
        ];
        for (citation, text, expected) in table {
            let found = user_name(text).value("token");
            assert_eq!(found.as_ref().map(Option::as_deref), expected.as_ref().copied(), "{citation}: {text}");
        }
    }

    #[test]
    fn parameters_of_a_request() {
        let value = |brought: &Brought| brought.value("Token").unwrap();
        assert_eq!(value(&http(&[("token", "header")], "Token=query")).as_deref(), Some("header"));
        assert_eq!(value(&http(&[("other", "header")], "a=b&Token=query")).as_deref(), Some("query"));
        assert_eq!(value(&http(&[], "")), None);
        let both = http(&[("token", "a"), ("Token", "b")], "");
        assert_eq!(both.value("token"), Err(BadBrought::Twice("token".into())));
        let both = Brought { mqtt: user_name("?Token=connect").mqtt, ..http(&[("token", "upgrade")], "") };
        assert_eq!(value(&both).as_deref(), Some("connect"), "CONNECT speaks for itself");
    }

    #[test]
    fn the_authorizer() {
        let named = |text: &str| user_name(text).authorizer_name();
        assert_eq!(named("?x-amz-customauthorizer-name=a").unwrap().unwrap().as_str(), "a");
        assert_eq!(named("x").unwrap(), None);
        assert!(matches!(named("?x-amz-customauthorizer-name=a.b"), Err(BadBrought::Name(_))));
        let most = "x".repeat(BROUGHT_BYTES_MAX);
        assert_eq!(named(&most), Ok(None));
        assert_eq!(named(&format!("{most}x")), Err(BadBrought::TooLarge(BROUGHT_BYTES_MAX + 1)));
    }

    #[test]
    fn any_text_is_read() {
        bolero::check!().with_type::<(String, String)>().for_each(|(text, key)| {
            let _ = user_name(text).value(key);
            let _ = http(&[(key, text)], text).value(key);
        });
    }
}
