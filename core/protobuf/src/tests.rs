//! Descriptions and messages, good and bad.
use prost_reflect::prost::Message;
use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    FileDescriptorSet,
};

use super::*;

/// ```proto
/// package factory;                                   // in line/oven.proto
/// message Oven {
///   string name = 1; int32 reading_c = 2; int64 total = 3; bytes raw = 4; bool on = 5; Door door = 6;
///   repeated Door past = 7; State state = 8; message Door { int32 opened = 1; Oven of = 2; } enum State { OFF = 0; HOT = 1; }
///   repeated int32 readings = 9;
/// }
/// ```
fn oven() -> Vec<u8> {
    let field = |name: &str, number, kind: Type, of: Option<&str>, label: Label| FieldDescriptorProto {
        name: Some(name.into()),
        number: Some(number),
        r#type: Some(kind.into()),
        type_name: of.map(|of| format!(".factory.{of}")),
        label: Some(label.into()),
        ..FieldDescriptorProto::default()
    };
    let one = |name, number, kind| field(name, number, kind, None, Label::Optional);
    let door = DescriptorProto {
        name: Some("Door".into()),
        field: vec![one("opened", 1, Type::Int32), field("of", 2, Type::Message, Some("Oven"), Label::Optional)],
        ..DescriptorProto::default()
    };
    let value = |name: &str, number| EnumValueDescriptorProto {
        name: Some(name.into()),
        number: Some(number),
        ..EnumValueDescriptorProto::default()
    };
    let oven = DescriptorProto {
        name: Some("Oven".into()),
        field: vec![
            one("name", 1, Type::String),
            one("reading_c", 2, Type::Int32),
            one("total", 3, Type::Int64),
            one("raw", 4, Type::Bytes),
            one("on", 5, Type::Bool),
            field("door", 6, Type::Message, Some("Oven.Door"), Label::Optional),
            field("past", 7, Type::Message, Some("Oven.Door"), Label::Repeated),
            field("state", 8, Type::Enum, Some("Oven.State"), Label::Optional),
            field("readings", 9, Type::Int32, None, Label::Repeated),
        ],
        nested_type: vec![door],
        enum_type: vec![EnumDescriptorProto {
            name: Some("State".into()),
            value: vec![value("OFF", 0), value("HOT", 1)],
            ..EnumDescriptorProto::default()
        }],
        ..DescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some("line/oven.proto".into()),
        package: Some("factory".into()),
        message_type: vec![oven],
        syntax: Some("proto3".into()),
        ..FileDescriptorProto::default()
    };
    FileDescriptorSet { file: vec![file] }.encode_to_vec()
}

#[test]
fn what_a_message_says() {
    let descriptors = Descriptors::read(&oven()).unwrap();
    #[rustfmt::skip] // file         type                    data                                               JSON, or what is wrong
    let table: &[(&str, &str, &[u8], &str)] = &[
        ("oven",      "Oven",                 b"",                                               "{}"),
        ("oven",      "factory.Oven",         b"\x0a\x01a\x10\x07\x28\x01",                      r#"{"name":"a","readingC":7,"on":true}"#),
        ("line/oven", "Oven",                 b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",   r#"{"total":"-1"}"#),
        ("oven",      "Oven",                 b"\x22\x02\0\xff\x40\x01",                         r#"{"raw":"AP8=","state":"HOT"}"#),
        ("oven",      "Oven",                 b"\x32\x02\x08\x05\x3a\0\x3a\x02\x08\x06",         r#"{"door":{"opened":5},"past":[{},{"opened":6}]}"#),
        ("oven",      "Oven",                 b"\x4a\x03\x01\x02\x03",                           r#"{"readings":[1,2,3]}"#),
        ("oven",      "Oven.Door",            b"\x08\x05",                                       r#"{"opened":5}"#),
        ("oven",      "factory.Oven.Door",    b"\x08\x05\x78\x01",                               r#"{"opened":5}"#),
        ("oven",      "Oven",                 b"\x0a\x05a",                                      "the data is no `factory.Oven`: "),
        ("oven",      "Oven",                 b"\xff",                                           "the data is no `factory.Oven`: "),
        ("oven",      "Door",                 b"",                                               "`oven.proto` declares no message `Door`"),
        ("oven",      "",                     b"",                                               "`oven.proto` declares no message ``"),
        ("kiln",      "Oven",                 b"",                                               "the FileDescriptorSet has no file `kiln.proto`"),
        ("oven.proto", "Oven",                b"",                                               "the FileDescriptorSet has no file `oven.proto.proto`"),
    ];
    for (file, message_type, data, expected) in table {
        let said = descriptors.json(file, message_type, data);
        match said {
            Ok(json) => assert_eq!(json, *expected),
            Err(error) => {
                assert!(!expected.starts_with('{') && error.to_string().starts_with(expected), "{data:?}: {error}")
            }
        }
    }
}

#[test]
fn what_is_large_is_refused() {
    let descriptors = Descriptors::read(&oven()).unwrap();
    let mut packed = vec![0x4a, 0x80, 0x80, 0x40];
    packed.resize(4 + 0x10_0000, 0);
    let error = descriptors.json("oven", "Oven", &packed).unwrap_err().to_string();
    assert!(error.ends_with("it makes more than 1048576 bytes of JSON"), "{error}");
    let long = Descriptors::read(&vec![0; DESCRIPTORS_BYTES_MAX + 1]).unwrap_err().to_string();
    assert_eq!(long, "it is no FileDescriptorSet: it is longer than 1048576 bytes");
}

/// A message in itself, deeper than anything is read.
#[test]
fn what_is_deep_is_refused() {
    let descriptors = Descriptors::read(&oven()).unwrap();
    let mut data = Vec::new();
    for _ in 0..5_000 {
        for tag in [0x12, 0x32] {
            let mut outer = vec![tag];
            let mut length = data.len();
            while length > 0x7f {
                outer.push((length & 0x7f) as u8 | 0x80);
                length >>= 7;
            }
            outer.push(length as u8);
            outer.append(&mut data);
            data = outer;
        }
    }
    assert!(descriptors.json("oven", "Oven", &data).unwrap_err().to_string().contains("recursion"), "bounded");
}

/// Whatever an operator puts into the bucket and a device sends.
#[test]
fn nothing_that_is_written_or_sent_panics() {
    let good = Descriptors::read(&oven()).unwrap();
    bolero::check!().for_each(|bytes: &[u8]| {
        if let Ok(json) = good.json("oven", "Oven", bytes) {
            serde_json::from_str::<serde_json::Value>(&json).unwrap();
        }
        if let Ok(descriptors) = Descriptors::read(bytes) {
            let _ = descriptors.json("oven", "Oven", bytes);
        }
    });
}

/// A description that is nearly right: one byte of it is another.
#[test]
fn no_damaged_description_panics() {
    let whole = oven();
    bolero::check!().with_type::<(u16, u8, Vec<u8>)>().for_each(|(at, byte, data)| {
        let mut bytes = whole.clone();
        let at = usize::from(*at) % bytes.len();
        bytes[at] = *byte;
        if let Ok(descriptors) = Descriptors::read(&bytes) {
            let _ = descriptors.json("oven", "Oven", data);
        }
    });
}
