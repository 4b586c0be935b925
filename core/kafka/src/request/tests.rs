//! Frames as they go and come.
use super::*;

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_is_asked() {
    let name = "000773656b6973686f"; // "sekisho"
    #[rustfmt::skip]
    let table = [
        (Request::Metadata { topic: "t" },                                                    format!("00000019 0003 0004 00000007 {name} 00000001 000174 01")),
        (Request::Produce { topic: "t", partition: 2, acks: Acks::All, batch: b"\x01\x02" },  format!("0000002e 0000 0003 00000007 {name} ffff ffff 00002710 00000001 000174 00000001 00000002 00000002 0102")),
        (Request::SaslHandshake { mechanism: "PLAIN" },                                       format!("00000018 0011 0001 00000007 {name} 0005504c41494e")),
        (Request::SaslAuthenticate { message: b"\0u\0p" },                                    format!("00000019 0024 0000 00000007 {name} 00000004 00750070")),
    ];
    for (request, expected) in table {
        assert_eq!(text(&request.frame(7)), expected.replace(' ', ""), "{request:?}");
    }
    assert!(!Request::Produce { topic: "t", partition: 0, acks: Acks::None, batch: b"" }.is_answered());
}

#[test]
fn what_is_answered() {
    let metadata = Request::Metadata { topic: "t" };
    let produce = Request::Produce { topic: "t", partition: 2, acks: Acks::Leader, batch: b"" };
    let (handshake, sasl) = (Request::SaslHandshake { mechanism: "PLAIN" }, Request::SaslAuthenticate { message: b"" });
    // number, throttle; one broker 5 at a:9092; cluster id none, controller 5; a topic with partitions 1 led by 5 and 0 led by nobody
    let known = "00000007 00000000 00000001 00000005 000161 00002384 ffff ffff 00000005 00000001";
    let partitions =
        "00000002 0000 00000001 00000005 00000001 00000005 00000001 00000005 0005 00000000 ffffffff 00000000 00000000";
    let answer = Metadata { brokers: vec![(5, "a".into(), 9092)], topic: Topic { partitions: vec![(0, -1), (1, 5)] } };
    let refused = |code| Err(KafkaError::Refused(BrokerError(code)));
    let answered = "00000007 00000001 000174 00000001 00000002";
    #[rustfmt::skip]
    let table = [
        (metadata,  format!("{known} 0000 000174 00 {partitions}"),                              Ok(Answer::Metadata(answer))),
        (metadata,  format!("{known} 0003 000174 00 00000000"),                                  refused(3)),
        (metadata,  format!("{known} 0000 000175 00 00000000"),                                  Err(KafkaError::NotAnAnswer)),
        (metadata,  "00000007 00000000 7fffffff".into(),                                         Err(KafkaError::NotAnAnswer)),
        (metadata,  "00000008".into(),                                                           Err(KafkaError::NotAnAnswer)),
        (produce,   format!("{answered} 0000 0000000000000009 ffffffffffffffff 00000000"),       Ok(Answer::Produced)),
        (produce,   format!("{answered} 0006 ffffffffffffffff ffffffffffffffff 00000000"),       refused(6)),
        (produce,   "00000007 00000000 00000000".into(),                                         Err(KafkaError::NotAnAnswer)),
        (handshake, "00000007 0000 00000000".into(),                                             Ok(Answer::Sasl)),
        (handshake, "00000007 0021 00000001 0003 585958".into(),                                 Err(KafkaError::Sasl("the broker knows XYX only".into()))),
        (sasl,      "00000007 0000 ffff 00000002 6162".into(),                                   Ok(Answer::Authenticated(b"ab".to_vec()))),
        (sasl,      "00000007 003a 0002 6e6f 00000000".into(),                                   Err(KafkaError::Sasl("no".into()))),
        (sasl,      "00000007 003a ffff 00000000".into(),                                        Err(KafkaError::Sasl("the broker answered SASL_AUTHENTICATION_FAILED (58)".into()))),
    ];
    for (request, frame, expected) in table {
        let frame = frame.replace(' ', "");
        let bytes: Vec<u8> =
            (0..frame.len()).step_by(2).map(|at| u8::from_str_radix(&frame[at..at + 2], 16).unwrap()).collect();
        assert_eq!(request.read(7, &bytes), expected, "{frame}");
    }
}

/// Whatever a broker answers: it is read or not, and nothing is made of a length it only claims.
#[test]
fn no_answer_panics() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let mut frame = 7_i32.to_be_bytes().to_vec();
        frame.extend_from_slice(bytes);
        for request in [
            Request::Metadata { topic: "t" },
            Request::Produce { topic: "t", partition: 0, acks: Acks::Leader, batch: b"" },
            Request::SaslHandshake { mechanism: "PLAIN" },
            Request::SaslAuthenticate { message: b"" },
        ] {
            let _ = request.read(7, &frame);
        }
        let scram = crate::Scram::new(crate::Mechanism::ScramSha512, "u", "p", [0; 24]);
        let _ = scram.map(|scram| scram.last(bytes).map(|(_, expected)| expected.check(bytes)));
    });
}
