//! Payloads of the MQTT provisioning API: one object, in JSON or in CBOR, as the topic's last level says.
use serde_json::{Map, Value};

/// How a payload is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Cbor,
}

impl Format {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Cbor => "cbor",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Json, Self::Cbor].into_iter().find(|format| format.as_str() == text)
    }

    /// The object in `payload`; an empty payload is an empty object.
    pub(crate) fn read(self, payload: &[u8]) -> Result<Map<String, Value>, String> {
        if payload.is_empty() {
            return Ok(Map::new());
        }
        let value: Value = match self {
            Self::Json => serde_json::from_slice(payload).map_err(|error| error.to_string())?,
            Self::Cbor => {
                let mut rest = payload;
                // By ciborium's own value: only that takes keys of indefinite length, and long ones.
                let value: ciborium::Value = ciborium::from_reader(&mut rest).map_err(|error| error.to_string())?;
                if !rest.is_empty() {
                    return Err("there are bytes behind the object".into());
                }
                value.deserialized().map_err(|error| error.to_string())?
            }
        };
        match value {
            Value::Object(object) => Ok(object),
            _ => Err("an object was expected".into()),
        }
    }

    pub(crate) fn write(self, value: &Value) -> Vec<u8> {
        match self {
            Self::Json => value.to_string().into_bytes(),
            Self::Cbor => {
                let mut out = Vec::new();
                ciborium::into_writer(value, &mut out).expect("a JSON value is written into memory");
                out
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_formats_carry_the_same_objects() {
        let value = json!({ "certificateOwnershipToken": "t", "parameters": { "Serial": "7" }, "statusCode": 400 });
        for format in [Format::Json, Format::Cbor] {
            let written = format.write(&value);
            assert_eq!(Value::Object(format.read(&written).unwrap()), value);
            assert_eq!(format.read(b""), Ok(Map::new()), "fleet-provision-api: an empty payload");
            assert!(format.read(&format.write(&json!([]))).is_err() && format.read(b"\xff\xff").is_err());
        }
        assert_eq!(Format::Cbor.read(&[0xa1, 0x61, 0x61, 0x61, 0x62]).unwrap()["a"], "b", "RFC 8949 appendix A");
        let indefinite = [0xbf, 0x7f, 0x61, 0x61, 0xff, 0x7f, 0x61, 0x62, 0xff, 0xff];
        assert_eq!(Format::Cbor.read(&indefinite).unwrap()["a"], "b", "RFC 8949 §3.2: no length");
        assert!(Format::Cbor.read(&[0xa0, 0x00]).is_err(), "bytes behind the object");
    }

    #[test]
    fn no_payload_is_too_strange() {
        bolero::check!().with_type::<Vec<u8>>().for_each(|payload| {
            let _ = (Format::Json.read(payload), Format::Cbor.read(payload));
        });
    }
}
