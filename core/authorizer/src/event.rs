//! What the function is asked (iot dev guide: custom-auth-lambda, the event). What somebody has not brought is not in it.
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use crate::{Brought, Token};

impl Brought {
    /// The event; `connection_id` is a UUID for the function's log.
    pub fn event(&self, token: &Token, connection_id: &str) -> Value {
        let (mut protocols, mut data) = (Vec::new(), Map::new());
        let mut add = |protocol: &str, fields: Map<String, Value>| {
            protocols.push(protocol.to_owned());
            data.insert(protocol.to_owned(), fields.into());
        };
        if let Some(server_name) = &self.server_name {
            let named = Some(server_name).filter(|name| !name.is_empty()).map(|name| ("serverName", json!(name)));
            add("tls", fields([named]));
        }
        if let Some(http) = &self.http {
            let mut headers = Map::new();
            for (name, value) in &http.headers {
                match headers.get_mut(name).and_then(|known| known.as_str().map(str::to_owned)) {
                    Some(known) => headers.insert(name.clone(), format!("{known}, {value}").into()), // RFC 9110 §5.3
                    None => headers.insert(name.clone(), value.as_str().into()),
                };
            }
            let query = http.query.as_deref().map(|query| ("queryString", json!(format!("?{query}"))));
            add("http", fields([Some(("headers", headers.into())), query]));
        }
        if let Some(mqtt) = &self.mqtt {
            let password = mqtt.password.as_ref().map(|password| BASE64_STANDARD.encode(password.expose()));
            let given = [("username", &mqtt.user_name), ("password", &password), ("clientId", &mqtt.client_id)];
            add("mqtt", fields(given.map(|(name, value)| value.as_ref().map(|value| (name, json!(value))))));
        }
        let mut event = json!({
            "signatureVerified": token.is_verified(),
            "protocols": protocols,
            "protocolData": data,
            "connectionMetadata": { "id": connection_id },
        });
        if let Some(token) = token.text() {
            event["token"] = token.into();
        }
        event
    }
}

fn fields<const N: usize>(given: [Option<(&str, Value)>; N]) -> Map<String, Value> {
    given.into_iter().flatten().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use sekisho_types::Secret;

    use super::*;
    use crate::{HttpPart, MqttPart};

    #[test]
    fn what_was_brought_is_told_and_nothing_else() {
        let nothing = Token::check(None, None, "", None).unwrap();
        let mqtt = MqttPart {
            user_name: Some("pump?x-amz-customauthorizer-name=a".into()),
            password: Some(Secret::new(b"test".to_vec())),
            client_id: Some("pump-7".into()),
        };
        let direct = Brought { server_name: Some("localhost".into()), http: None, mqtt: Some(mqtt) };
        let metadata = json!({ "id": "ID" });
        assert_eq!(
            direct.event(&nothing, "ID"),
            json!({
                "signatureVerified": false,
                "protocols": ["tls", "mqtt"],
                "protocolData": {
                    "tls": { "serverName": "localhost" },
                    "mqtt": { "username": "pump?x-amz-customauthorizer-name=a", "password": "dGVzdA==", "clientId": "pump-7" },
                },
                "connectionMetadata": metadata,
            })
        );
        let headers = [("token", "a"), ("accept", "x"), ("accept", "y")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let http = Some(HttpPart { headers, query: Some("qos=1".into()) });
        let request = Brought { server_name: Some("".into()), http, mqtt: None };
        let token = request.token(Some("token"), None).unwrap();
        assert_eq!(
            request.event(&token, "ID"),
            json!({
                "token": "a",
                "signatureVerified": false,
                "protocols": ["tls", "http"],
                "protocolData": {
                    "tls": {},
                    "http": { "headers": { "token": "a", "accept": "x, y" }, "queryString": "?qos=1" },
                },
                "connectionMetadata": metadata,
            })
        );
        let bare = Brought { mqtt: Some(MqttPart::default()), ..Brought::default() }.event(&nothing, "ID");
        assert_eq!((&bare["protocols"], &bare["protocolData"]), (&json!(["mqtt"]), &json!({ "mqtt": {} })));
    }
}
