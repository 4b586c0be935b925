//! encode, decode: base64, Protocol Buffers.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::asked::ask;
use super::{Arity, Function, Run};
use crate::json::{self, Kind};
use crate::value::Value;
use crate::{ProtobufMessage, Question, SqlVersion};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "encode",
        since: SqlVersion::V2016_03_23,
        arity: Arity::exactly(2),
        doc: "The text of a value in base64; `encode(*, 'base64')` takes the bytes of the payload, JSON or not.",
        examples: &[
            ("encode('hello', 'base64')", r#""aGVsbG8=""#),
            ("encode(*, 'base64')", r#""eyJ0ZW1wZXJhdHVyZSI6IDIxLjV9""#),
            ("encode('hello', 'hex')", "Undefined"),
            ("encode(missing, 'base64')", "Undefined"),
        ],
        run: Run::Values(|context, args| match args[0].text() {
            Some(text) if is_base64(&args[1]) && context.has_room(text.len() / 3 * 4) => {
                Value::string(STANDARD.encode(&*text))
            }
            _ => Value::Undefined,
        }),
    },
    Function {
        name: "decode",
        since: SqlVersion::V2016_03_23,
        arity: Arity::between(2, 6),
        doc: "What a text is the base64 of: the Object, Array or number it spells in JSON, or else a String. Null if it is no base64 \
              of a text. `decode(data, 'proto', bucket, key, file, message type)` is what a message of Protocol Buffers says, of a type \
              that the `FileDescriptorSet` in that object describes: data is base64, or `*` for the payload itself. Undefined if it is no \
              such message.",
        examples: &[
            ("decode('aGVsbG8=', 'base64')", r#""hello""#),
            ("decode('eyJhIjogMX0=', 'base64')", r#"{"a":1}"#),
            ("decode('eyJhIjogMX0=', 'base64').a", "1"),
            ("decode('NDI=', 'base64')", "42"),
            ("decode('dHJ1ZQ==', 'base64')", r#""true""#),
            ("decode('/w==', 'base64')", "null"),
            ("decode('%', 'base64')", "null"),
            ("decode('NDI=', 'hex')", "Undefined"),
            ("decode('CAc=', 'proto', 'lake', 'oven.desc', 'oven', 'Oven').n", "7"),
            ("decode(*, 'proto', 'lake', 'oven.desc', 'oven', 'Oven')", "Undefined"),
            ("decode('CAc=', 'proto', 'lake')", "Undefined"),
        ],
        run: Run::Values(|context, args| {
            if let [data, Value::String(encoding), of @ ..] = args
                && encoding == "proto"
            {
                let [Value::String(bucket), Value::String(key), Value::String(file), Value::String(message_type)] = of
                else {
                    return Value::Undefined;
                };
                let data =
                    data.text().filter(|text| context.takes(text.len())).and_then(|text| STANDARD.decode(&*text).ok());
                let Some(data) = data else { return Value::Undefined };
                let [bucket, key, file, message_type] = [bucket, key, file, message_type].map(|text| text.to_string());
                return ask(context, Question::Protobuf(ProtobufMessage { bucket, key, file, message_type, data }));
            }
            if args.len() != 2 {
                return Value::Undefined;
            }
            let Some(text) = args[0].text().filter(|_| is_base64(&args[1])) else { return Value::Undefined };
            let Some(decoded) = STANDARD.decode(&*text).ok().and_then(|bytes| String::from_utf8(bytes).ok()) else {
                return Value::Null;
            };
            match json::check(&decoded) {
                Ok(json) if matches!(json::kind(json), Kind::Object | Kind::Array | Kind::Number) => {
                    Value::Json(json.to_owned().into()).read(context.version)
                }
                _ => Value::string(decoded),
            }
        }),
    },
];

fn is_base64(encoding: &Value<'_>) -> bool {
    matches!(encoding, Value::String(name) if name == "base64")
}
