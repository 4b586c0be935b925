//! From metadata to plaintext, and what must be refused on the way.
use sekisho_types::SecretKey;

use crate::samples::{Sample, Samples};
use crate::{
    Ask, Envelope, EnvelopeError, Found, INSTRUCTION_FILE_BYTES_MAX, KmsContext, Name, OpenError, Pairs, RsaPrivateKey,
    SealError, Sealed, SealedPayload, SealedPayloadError, Sealer, Terms, records, seems_sealed,
};

fn counter() -> impl FnMut(&mut [u8]) {
    let mut next = 0u8;
    move |out: &mut [u8]| {
        out.fill_with(|| {
            next = next.wrapping_add(1);
            next
        });
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Pairs {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn what_others_encrypted_opens() {
    let samples = Samples::read();
    for sample in &samples.samples {
        let envelope = sample.envelope().unwrap();
        let opener = samples.answer(envelope.ask(sample.terms()).unwrap()).unwrap();
        assert_eq!(opener.open(sample.body()).unwrap().expose(), sample.plaintext(), "{}", sample.source);
        // Every byte of a body counts, of a legacy one none: whoever asks for CBC knows.
        let mut changed = sample.body();
        changed[0] ^= 1;
        if !envelope.content().is_legacy() {
            assert_eq!(opener.open(changed).unwrap_err(), OpenError::Body, "{}", sample.source);
        }
        assert_eq!(opener.open(sample.body()[1..].to_vec()).unwrap_err(), OpenError::Body, "{}", sample.source);
        assert_eq!(opener.open(Vec::new()).unwrap_err(), OpenError::Body, "{}", sample.source);
        // And what was read is written the same.
        let mut again = sample.clone();
        again.metadata =
            envelope.to_metadata().into_iter().map(|(name, value)| (name.as_str().into(), value)).collect();
        assert_eq!(again.envelope().unwrap(), envelope, "{}", sample.source);
    }
}

#[test]
fn legacy_is_read_only_where_it_is_asked_for() {
    let samples = Samples::read();
    let legacy: Vec<_> = samples.samples.iter().filter(|sample| sample.legacy).collect();
    assert_eq!(legacy.len(), 7);
    for sample in legacy {
        let envelope = sample.envelope().unwrap();
        let refused = envelope.ask(Terms { legacy: false, ..sample.terms() }).unwrap_err();
        assert!(matches!(refused, OpenError::Legacy(_)), "{}", sample.source);
    }
}

#[test]
fn the_context_is_said_again_and_kms_is_asked_with_all_of_it() {
    let samples = Samples::read();
    let (sample, wrapped) = (samples.committed(), samples.find("V3, wrap 02"));
    let envelope = sample.envelope().unwrap();
    let Ok(Ask::Kms(asked)) = envelope.ask(sample.terms()) else { panic!("wrapped by KMS") };
    assert_eq!(asked.ciphertext_blob(), b"a blob of KMS");
    let whole = pairs(&[("aws:x-amz-cek-alg", "115"), ("line", "a \"b\""), ("plant", "7")]);
    assert_eq!(*asked.context(), whole);

    #[rustfmt::skip] // source                                             context                                     refused
    let contexts: &[(&str, Pairs, OpenError)] = &[
        ("S3EC kms-context: stored without reserved must match",         pairs(&[]),                                 OpenError::Context),
        ("a value differs in case",                                      pairs(&[("line", "A \"b\""), ("plant", "7")]), OpenError::Context),
        ("a pair too many",                                              pairs(&[("line", "a \"b\""), ("plant", "7"), ("x", "")]), OpenError::Context),
        ("S3EC kms-context: the caller must not give reserved ones",     whole,                                      OpenError::Reserved("aws:x-amz-cek-alg")),
        ("the same",                                                     pairs(&[("kms_cmk_id", "k")]),              OpenError::Reserved("kms_cmk_id")),
    ];
    for (source, context, expected) in contexts {
        assert_eq!(envelope.ask(Terms { legacy: false, context }).unwrap_err(), *expected, "{source}");
    }
    // Others have no context: taking one and not looking at it would be a lie.
    let context = pairs(&[("plant", "7")]);
    let envelope = wrapped.envelope().unwrap();
    assert_eq!(envelope.ask(Terms { legacy: false, context: &context }).unwrap_err(), OpenError::NoContext("AES/GCM"));
    let envelope = samples.find("V2, kms").envelope().unwrap();
    assert_eq!(envelope.ask(Terms { legacy: true, context: &context }).unwrap_err(), OpenError::NoContext("kms"));
}

#[test]
fn other_keys_and_changed_wraps_do_not_open() {
    let samples = Samples::read();
    let other = RsaPrivateKey::from_pkcs8(include_bytes!("samples/another_rsa.pkcs8")).unwrap();
    for sample in &samples.samples {
        let envelope = sample.envelope().unwrap();
        match envelope.ask(sample.terms()).unwrap() {
            // With PKCS #1 v1.5 another key may find a padding, and then the body does not open.
            Ask::Kms(_) => {}
            Ask::AesKey(wrapped) => {
                assert_eq!(
                    wrapped.unwrap(&SecretKey::new([9; 32])).unwrap_err(),
                    OpenError::DataKey,
                    "{}",
                    sample.source
                );
            }
            Ask::RsaKey(wrapped) => {
                assert_eq!(wrapped.unwrap(&other).unwrap_err(), OpenError::DataKey, "{}", sample.source);
            }
        }
        let mut changed = envelope.clone();
        changed.encrypted_data_key.bytes[0] ^= 1;
        if let Ok(ask @ (Ask::AesKey(_) | Ask::RsaKey(_))) = changed.ask(sample.terms()) {
            let opened = samples.answer(ask).and_then(|opener| opener.open(sample.body()));
            assert!(matches!(opened, Err(OpenError::DataKey | OpenError::Body)), "{}", sample.source);
        }
    }
    // KMS opens it, and it is no key.
    let envelope = samples.committed().envelope().unwrap();
    let sample = samples.committed();
    let Ok(Ask::Kms(asked)) = envelope.ask(sample.terms()) else { panic!("wrapped by KMS") };
    let short = sekisho_types::Secret::new(vec![7; 16]);
    assert_eq!(asked.answered(&short).unwrap_err(), OpenError::DataKey);
}

#[test]
fn a_commitment_binds_body_and_data_key() {
    let samples = Samples::read();
    let sample = samples.committed();
    for name in ["x-amz-d", "x-amz-i"] {
        let mut changed = sample.clone();
        changed.metadata.insert(name.into(), samples.find("V3, wrap 02").metadata[name].clone());
        let envelope = changed.envelope().unwrap();
        let opener = samples.answer(envelope.ask(changed.terms()).unwrap()).unwrap();
        assert_eq!(opener.open(sample.body()).unwrap_err(), OpenError::Commitment, "{name}");
    }
    let envelope = sample.envelope().unwrap();
    let Ok(Ask::Kms(asked)) = envelope.ask(sample.terms()) else { panic!("wrapped by KMS") };
    let opener = asked.answered(&sekisho_types::Secret::new(vec![7; 32])).unwrap();
    assert_eq!(opener.open(sample.body()).unwrap_err(), OpenError::Commitment);
}

#[test]
fn the_length_in_the_clear_must_be_the_plaintexts() {
    let samples = Samples::read();
    let mut sample = samples.find("V2, AES/GCM");
    sample.metadata.insert(Name::PlaintextLength.as_str().into(), "18".into());
    let envelope = sample.envelope().unwrap();
    let opener = samples.answer(envelope.ask(sample.terms()).unwrap()).unwrap();
    assert_eq!(opener.open(sample.body()).unwrap_err(), OpenError::Length);
}

/// Set (`Some`) and removed (`None`) parts of a sample's metadata.
type Change = (&'static str, Option<&'static str>);
const EDK: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

#[rustfmt::skip] // source                                                      of                  changed                                                      says
const ENVELOPES: &[(&str, &str, &[Change], &str)] = &[
    ("S3EC content-metadata: one exclusive key",                               "V2, AES/GCM",      &[("x-amz-key", Some(EDK))],                                  "`x-amz-key` and `x-amz-key-v2` are of two formats"),
    ("the same",                                                               "V3, wrap 02",      &[("x-amz-key", Some(EDK))],                                  "`x-amz-key` and `x-amz-3` are of two formats"),
    ("the same",                                                               "V3, wrap 02",      &[("x-amz-key-v2", Some(EDK))],                               "`x-amz-key-v2` and `x-amz-3` are of two formats"),
    ("S3EC: V2 keys with V3 content keys, an injected instruction file",       "V2, AES/GCM",      &[("x-amz-c", Some("115"))],                                  "`x-amz-key-v2` and `x-amz-c` are of two formats"),
    ("the same",                                                               "V2, AES/GCM",      &[("x-amz-d", Some(""))],                                     "`x-amz-key-v2` and `x-amz-d` are of two formats"),
    ("V3 keys with V2 content keys",                                           "V3, wrap 02",      &[("x-amz-cek-alg", Some("AES/GCM/NoPadding"))],              "`x-amz-3` and `x-amz-cek-alg` are of two formats"),
    ("V1 has no tag",                                                          "V1, AES",          &[("x-amz-tag-len", Some("128"))],                            "`x-amz-key` and `x-amz-tag-len` are of two formats"),
    ("an instruction file is no object",                                       "V3, wrap 02",      &[("x-amz-crypto-instr-file", Some(""))],                     "this is an instruction file, not an object"),
    ("S3EC content-metadata: V2 must have them",                               "V2, AES/GCM",      &[("x-amz-iv", None)],                                        "`x-amz-iv` is missing"),
    ("the same",                                                               "V2, AES/GCM",      &[("x-amz-cek-alg", None)],                                   "`x-amz-cek-alg` is missing"),
    ("the same",                                                               "V2, AES/GCM",      &[("x-amz-wrap-alg", None)],                                  "`x-amz-wrap-alg` is missing"),
    ("without its key",                                                        "V2, AES/GCM",      &[("x-amz-key-v2", None)],                                    "`x-amz-key-v2` is missing"),
    ("S3EC content-metadata: V3 must have them",                               "V3, wrap 02",      &[("x-amz-c", None)],                                         "`x-amz-c` is missing"),
    ("the same",                                                               "V3, wrap 02",      &[("x-amz-w", None)],                                         "`x-amz-w` is missing"),
    ("the same",                                                               "V3, wrap 02",      &[("x-amz-d", None)],                                         "`x-amz-d` is missing"),
    ("the same",                                                               "V3, wrap 02",      &[("x-amz-i", None)],                                         "`x-amz-i` is missing"),
    ("neither whole nor in an instruction file",                               "V3, wrap 02",      &[("x-amz-3", None)],                                         "`x-amz-3` is missing"),
    ("V3 has one cipher",                                                      "V3, wrap 02",      &[("x-amz-c", Some("114"))],                                  "the value of `x-amz-c` cannot be used"),
    ("V2 has two",                                                             "V2, AES/GCM",      &[("x-amz-cek-alg", Some("AES/CTR/NoPadding"))],              "the value of `x-amz-cek-alg` cannot be used"),
    ("GCM under the name of CBC: its tag would not be asked for",              "V2, AES/GCM",      &[("x-amz-cek-alg", Some("AES/CBC/PKCS5Padding"))],           "`x-amz-tag-len` does not go with `AES/CBC/PKCS5Padding`"),
    ("the same, hidden better: the IV is too short",                           "V2, AES/GCM",      &[("x-amz-cek-alg", Some("AES/CBC/PKCS5Padding")), ("x-amz-tag-len", None)], "the value of `x-amz-iv` cannot be used"),
    ("the same, hidden well: the wrap knows its cipher",                       "V2, AES/GCM",      &[("x-amz-cek-alg", Some("AES/CBC/PKCS5Padding")), ("x-amz-tag-len", None), ("x-amz-iv", Some("AAAAAAAAAAAAAAAAAAAAAA=="))], "the data key is not for the content cipher `AES/CBC/PKCS5Padding`"),
    ("S3EC: 128 bits",                                                         "V2, AES/GCM",      &[("x-amz-tag-len", Some("96"))],                             "the value of `x-amz-tag-len` cannot be used"),
    ("12 bytes",                                                               "V2, AES/GCM",      &[("x-amz-iv", Some("AAAAAAAAAAAAAAAAAAAAAA=="))],            "the value of `x-amz-iv` cannot be used"),
    ("28 bytes",                                                               "V3, wrap 02",      &[("x-amz-d", Some(EDK))],                                    "the value of `x-amz-d` cannot be used"),
    ("28 bytes",                                                               "V3, wrap 02",      &[("x-amz-i", Some(""))],                                     "the value of `x-amz-i` cannot be used"),
    ("base64",                                                                 "V3, wrap 02",      &[("x-amz-3", Some("@"))],                                    "the value of `x-amz-3` cannot be used"),
    ("a wrapped key has bytes",                                                "V3, wrap 02",      &[("x-amz-3", Some(""))],                                     "the value of `x-amz-3` cannot be used"),
    ("V3 names wraps by number",                                               "V3, wrap 02",      &[("x-amz-w", Some("AES/GCM"))],                              "the value of `x-amz-w` cannot be used"),
    ("V2 names them by name",                                                  "V2, AES/GCM",      &[("x-amz-wrap-alg", Some("02"))],                            "the value of `x-amz-wrap-alg` cannot be used"),
    ("V1's own wraps",                                                         "V2, AES/GCM",      &[("x-amz-wrap-alg", Some("AES"))],                           "the value of `x-amz-wrap-alg` cannot be used"),
    ("V2's own wraps",                                                         "V1, AES",          &[("x-amz-wrap-alg", Some("kms+context"))],                   "the value of `x-amz-wrap-alg` cannot be used"),
    ("V1 is CBC",                                                              "V1, AES",          &[("x-amz-cek-alg", Some("AES/GCM/NoPadding"))],              "the value of `x-amz-cek-alg` cannot be used"),
    ("a context is JSON",                                                      "V2, kms",          &[("x-amz-matdesc", Some("kms_cmk_id"))],                     "the value of `x-amz-matdesc` cannot be used"),
    ("S3EC: the context says which cipher the data key is for",                "V2, kms",          &[("x-amz-wrap-alg", Some("kms+context"))],                   "the data key is not for the content cipher `AES/GCM/NoPadding`"),
    ("a V3 key is no V2 key",                                                  "V2, kms",          &[("x-amz-wrap-alg", Some("kms+context")), ("x-amz-matdesc", Some(r#"{"aws:x-amz-cek-alg":"115"}"#))], "the data key is not for the content cipher `AES/GCM/NoPadding`"),
    ("S3EC: x-amz-t is for wrap 12",                                           "V3, wrap 02",      &[("x-amz-t", Some(r#"{"plant":"7"}"#))],                     "`x-amz-t` does not go with `AES/GCM`"),
    ("a length is a number",                                                   "V2, AES/GCM",      &[("x-amz-unencrypted-content-length", Some("-1"))],          "the value of `x-amz-unencrypted-content-length` cannot be used"),
];

fn changed(sample: &Sample, changes: &[Change]) -> Sample {
    let mut sample = sample.clone();
    for (name, value) in changes {
        match value {
            Some(value) => drop(sample.metadata.insert((*name).into(), (*value).into())),
            None => drop(sample.metadata.remove(*name).expect("a part to remove")),
        }
    }
    sample
}

#[test]
fn an_envelope_that_contradicts_itself_is_refused_with_the_reason() {
    let samples = Samples::read();
    for (source, of, changes, says) in ENVELOPES {
        let refused = Envelope::find(changed(&samples.find(of), changes).metadata()).map(|found| format!("{found:?}"));
        assert_eq!(refused.map_err(|error| error.to_string()), Err((*says).to_owned()), "{source}");
    }
}

#[rustfmt::skip] // source                                     of              changed
const TAKEN: &[(&str, &str, &[Change])] = &[
    ("S3EC: an absent description is {}",                     "V3, wrap 02",  &[("x-amz-m", None)]),
    ("S3EC: an absent description is {}",                     "V2, AES/GCM",  &[("x-amz-matdesc", None)]),
    ("what says nothing contradicts nothing",                 "V3, wrap 02",  &[("x-amz-t", Some("{}"))]),
    ("names of others",                                       "V3, wrap 02",  &[("color", Some("red")), ("x-amz-key-v4", Some(""))]),
    ("S3EC Python reads without; only 128 there is",          "V2, AES/GCM",  &[("x-amz-tag-len", None)]),
    ("optional",                                              "V2, AES/GCM",  &[("x-amz-unencrypted-content-length", None)]),
    ("V1 with the cipher it always has",                      "V1, AES",      &[("x-amz-cek-alg", Some("AES/CBC/PKCS5Padding"))]),
    ("V1 that names its wrap",                                "V1, AES",      &[("x-amz-wrap-alg", Some("AES"))]),
];

#[test]
fn what_may_be_left_out_or_added_is_taken() {
    let samples = Samples::read();
    for (source, of, changes) in TAKEN {
        let sample = changed(&samples.find(of), changes);
        let envelope = sample.envelope().unwrap_or_else(|error| panic!("{source}: {error}"));
        let opener = samples.answer(envelope.ask(sample.terms()).unwrap()).unwrap();
        assert_eq!(opener.open(sample.body()).unwrap().expose(), sample.plaintext(), "{source}");
    }
}

#[test]
fn every_envelope_can_be_in_an_instruction_file() {
    let samples = Samples::read();
    for sample in &samples.samples {
        let envelope = sample.envelope().unwrap();
        let (object, file) = envelope.to_instruction_file();
        let metadata: Vec<_> = object.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let found = Envelope::find(metadata.iter().copied()).unwrap();
        let expected = if object.is_empty() { Found::Nothing } else { Found::InstructionFile };
        assert_eq!(found, expected, "{}", sample.source);
        let again = Envelope::with_instruction_file(metadata.iter().copied(), file.as_bytes()).unwrap();
        assert_eq!(again, envelope, "{}", sample.source);
    }
}

/// An instruction file and the metadata of its object.
const V3_BODY: &[(&str, &str)] = &[
    ("x-amz-c", "115"),
    ("x-amz-d", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="),
    ("x-amz-i", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="),
];

type File = (&'static str, &'static [(&'static str, &'static str)], &'static str, &'static str);
#[rustfmt::skip] // source                                                    object                                    file                                             says
const FILES: &[File] = &[
    ("a whole one",                                                          V3_BODY,                                  r#"{"x-amz-3":"AAAA","x-amz-w":"02"}"#,                         "ok"),
    ("S3EC metadata-strategy: c, d and i must not be in the file",           V3_BODY,                                  r#"{"x-amz-3":"AAAA","x-amz-w":"02","x-amz-c":"115"}"#,         "`x-amz-c` does not belong there"),
    ("the same, where the object lacks it",                                  &[],                                      r#"{"x-amz-3":"AAAA","x-amz-w":"02","x-amz-d":""}"#,            "`x-amz-d` does not belong there"),
    ("S3EC Python: names of the client alone",                               &[],                                      r#"{"x-amz-3":"AAAA","color":"red"}"#,                          "`color` does not belong there"),
    ("format confusion: a V2 key injected beside V3 content",                V3_BODY,                                  r#"{"x-amz-key-v2":"AAAA","x-amz-wrap-alg":"kms"}"#,            "`x-amz-key-v2` and `x-amz-c` are of two formats"),
    ("S3EC: V1 and V2 are in the file as a whole",                           &[("x-amz-iv", "AAAAAAAAAAAAAAAA")],      r#"{"x-amz-key-v2":"AAAA","x-amz-wrap-alg":"kms"}"#,            "`x-amz-iv` is part of the object's metadata"),
    ("V3 content, and the wrap at the object",                               &[V3_BODY[0], V3_BODY[1], V3_BODY[2], ("x-amz-w", "02")], r#"{"x-amz-3":"AAAA"}"#,                  "`x-amz-w` is part of the object's metadata"),
    ("a length may stay with the object, and not in both",                   &[("x-amz-unencrypted-content-length", "1")], r#"{"x-amz-key-v2":"AAAA","x-amz-unencrypted-content-length":"1"}"#, "`x-amz-unencrypted-content-length` is part of the object's metadata"),
    ("given twice",                                                          V3_BODY,                                  r#"{"x-amz-3":"AAAA","x-amz-3":"AAAB","x-amz-w":"02"}"#,        "not a JSON object of text"),
    ("not text",                                                             V3_BODY,                                  r#"{"x-amz-3":"AAAA","x-amz-w":2}"#,                            "not a JSON object of text"),
    ("not JSON",                                                             V3_BODY,                                  "x-amz-3",                                                      "not a JSON object of text"),
    ("empty",                                                                V3_BODY,                                  "{}",                                                           "`x-amz-3` is missing"),
];

#[test]
fn an_instruction_file_has_what_belongs_there() {
    for (source, object, file, says) in FILES {
        let read = Envelope::with_instruction_file(object.iter().copied(), file.as_bytes());
        let said = match read {
            Ok(_) => "ok".to_owned(),
            Err(EnvelopeError::File(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(said, *says, "{source}");
    }
    let long = format!("{{}}{}", " ".repeat(INSTRUCTION_FILE_BYTES_MAX));
    assert!(Envelope::with_instruction_file([], long.as_bytes()).is_err());
}

fn sealers(samples: &Samples) -> [(Sealer, Pairs); 3] {
    let context = pairs(&[("plant", "７")]);
    let asked = KmsContext::of(&context).unwrap();
    [
        (Sealer::from_kms(asked, &samples.data_key(), b"blob".to_vec()).unwrap(), context),
        (Sealer::under_aes(&samples.aes_key(), &mut counter()), Pairs::new()),
        (Sealer::under_rsa(&samples.rsa_key().public_key(), &mut counter()).unwrap(), Pairs::new()),
    ]
}

#[test]
fn what_is_sealed_opens_and_travels_in_headers() {
    let samples = Samples::read();
    for (sealer, context) in &sealers(&samples) {
        for plaintext in [&b""[..], b"x", &[7; 100_000]] {
            let Sealed { envelope, body } = sealer.seal(plaintext.to_vec(), &mut counter()).unwrap();
            assert_eq!(body.len(), plaintext.len() + 16);
            let metadata = envelope.to_metadata();
            assert!(metadata.iter().all(|(_, value)| value.bytes().all(|byte| (b' '..0x7f).contains(&byte))));
            let metadata = metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let Ok(Found::Envelope(read)) = Envelope::find(metadata) else { panic!("an envelope") };
            assert_eq!(*read, envelope);
            let opener = samples.answer(read.ask(Terms { legacy: false, context }).unwrap()).unwrap();
            assert_eq!(opener.open(body).unwrap().expose(), plaintext);
        }
    }
    let reserved = pairs(&[("aws:x-amz-cek-alg", "x")]);
    assert_eq!(KmsContext::of(&reserved), Err(SealError::Reserved("aws:x-amz-cek-alg")));
}

#[test]
fn two_bodies_under_one_data_key_share_nothing() {
    let samples = Samples::read();
    let mut random = counter();
    for (sealer, _) in sealers(&samples) {
        let [one, other] = [1, 2].map(|_| sealer.seal(b"the same".to_vec(), &mut random).unwrap());
        assert_ne!(one.body, other.body);
        assert_ne!(one.envelope.content, other.envelope.content);
        assert_eq!(one.envelope.encrypted_data_key, other.envelope.encrypted_data_key);
    }
}

fn sealed_payload() -> SealedPayload {
    let samples = Samples::read();
    sealers(&samples)[0].0.seal(b"{\"temperature\": 21}".to_vec(), &mut counter()).unwrap().into()
}

#[test]
fn a_sealed_payload_is_read_as_it_is_written() {
    let payload = sealed_payload();
    let json = payload.to_json();
    assert!(json.is_ascii() && !json.contains('\n') && json.starts_with(r#"{"sealed":1,"#), "{json}");
    assert_eq!(SealedPayload::parse(json.as_bytes()).unwrap(), payload);
    // One after the other, as a stream puts them into an object, with what a rule adds.
    let added = json.replacen('{', r#"{"device":"pump-7","#, 1);
    for body in [format!("{json}\n{added}\n"), format!("{json}{added}")] {
        assert!(seems_sealed(body.as_bytes()));
        let read: Result<Vec<_>, _> = records(body.as_bytes()).collect();
        assert_eq!(read.unwrap(), [payload.clone(), payload.clone()]);
    }
    assert!(!seems_sealed(b"{\"temperature\": 21}\n"));
    let broken = format!("{json}\n{{\"temperature\": 21}}\n{json}\n");
    let read: Vec<_> = records(broken.as_bytes()).map(|record| record.is_ok()).collect();
    assert_eq!(read, [true, false]);
}

#[rustfmt::skip] // source                              replaced                      by                                       says
const PAYLOADS: &[(&str, &str, &str, &str)] = &[
    ("format: sealed-payload.md, version 1",            r#""sealed":1"#,              r#""sealed":2"#,                         "a sealed payload of version 2, where 1 is known"),
    ("V3 alone",                                        r#""x-amz-3":"#,              r#""x-amz-4":"#,                         "the envelope of a sealed payload cannot be used"),
    ("base64",                                          r#""ciphertext":""#,          r#""ciphertext":"@"#,                    "the ciphertext of a sealed payload is not base64"),
    ("a member given twice",                            r#""sealed":1"#,              r#""sealed":1,"sealed":1"#,              "not a sealed payload: duplicate field `sealed`"),
    ("a member given twice, in the envelope",           r#""envelope":{"#,            r#""envelope":{"x-amz-c":"115","#,       "not a sealed payload: a name is given twice"),
];

#[test]
fn what_is_no_sealed_payload_is_refused_with_the_reason() {
    for (source, replaced, by, says) in PAYLOADS {
        let json = sealed_payload().to_json();
        assert!(json.contains(replaced), "{source}");
        let said = SealedPayload::parse(json.replacen(replaced, by, 1).as_bytes()).unwrap_err().to_string();
        assert!(said.starts_with(says), "{source}: {said}");
    }
    let v2 = Samples::read().find("V2, AES/GCM");
    let json = serde_json::json!({ "sealed": 1, "envelope": v2.metadata, "ciphertext": "" }).to_string();
    assert!(matches!(SealedPayload::parse(json.as_bytes()), Err(SealedPayloadError::Format)));
}

/// Each line one part: its name, a colon, its value.
#[test]
fn metadata_is_an_envelope_or_refused_and_what_is_read_is_written_the_same() {
    bolero::check!(name = "envelope_metadata").for_each(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let metadata: Vec<_> = text.lines().filter_map(|line| line.split_once(':')).collect();
        if let Ok(Found::Envelope(envelope)) = Envelope::find(metadata) {
            let again = envelope.to_metadata();
            let again = Envelope::find(again.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            assert_eq!(again.unwrap(), Found::Envelope(envelope));
        }
    });
}

#[test]
fn an_instruction_file_is_one_or_refused_and_what_is_read_is_written_the_same() {
    bolero::check!(name = "instruction_file").for_each(|bytes: &[u8]| {
        for object in [&[][..], V3_BODY] {
            if let Ok(envelope) = Envelope::with_instruction_file(object.iter().copied(), bytes) {
                let (object, file) = envelope.to_instruction_file();
                let object = object.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                assert_eq!(Envelope::with_instruction_file(object, file.as_bytes()).unwrap(), envelope);
            }
        }
    });
}

#[test]
fn a_sealed_payload_is_one_or_refused_and_what_is_read_is_written_the_same() {
    bolero::check!(name = "sealed_payload").for_each(|bytes: &[u8]| {
        let _ = records(bytes).count();
        if let Ok(payload) = SealedPayload::parse(bytes) {
            assert_eq!(SealedPayload::parse(payload.to_json().as_bytes()).unwrap(), payload);
            assert!(seems_sealed(bytes));
        }
    });
}
