//! Entries come back as they were written, and nothing else is one.
use sekisho_types::BucketName;

use super::*;
use crate::EndpointFailure;

const ARRIVAL: Timestamp = Timestamp::from_millis(-5);

fn encode(entry: &Entry<'_>) -> Vec<u8> {
    match entry {
        Entry::Records(records) => {
            let mut out = match records.of {
                Some(batch) if records.continues => RecordsWriter::continuing(records.stream, batch, 0),
                of => RecordsWriter::new(records.stream, of, 0),
            };
            for record in records.records() {
                let partition = Partition::parse(record.partition).unwrap_or(Partition::Whole);
                out.push(record.arrival, record.origin.as_ref(), &partition, &[record.data]);
            }
            if records.more_follows { out.finish_before_more() } else { out.finish() }
        }
        Entry::Cut(cut) => cut.encode(),
        Entry::Delivered(delivered) => delivered.encode(),
        Entry::GivenUp(given_up) => given_up.encode(),
    }
}

#[test]
fn entries_come_back() {
    let origin = Origin {
        certificate_id: Some(CertificateId::new([9; 32])),
        client_id: Some("pump-7"),
        thing: Some("pump"),
        topic: "factory/pump-7/t",
        rule: "hot",
        rule_version: 3,
    };
    let without = Origin { certificate_id: None, client_id: None, thing: None, ..origin };
    let keys = Partition::Keys(r#"{"partitionKeyFromQuery:year":"2026"}"#.into());
    let mut records = RecordsWriter::new(StreamId(3), Some(BatchId(9)), 0);
    records.push(ARRIVAL, Some(&origin), &Partition::Whole, &[b"{", b"}"]);
    records.push(ARRIVAL, Some(&without), &keys, &[b"a"]);
    records.push(ARRIVAL, None, &Partition::Errors("processing-failed".into()), &[]);
    let records = records.finish();
    let records = RecordsEntry::of_stream(&records, StreamId(3)).unwrap();
    assert_eq!((records.of, records.records().count()), (Some(BatchId(9)), 3));
    let all: Vec<_> = records.records().collect();
    assert_eq!(
        all[0],
        RecordEntry { arrival: ARRIVAL, origin: Some(origin), partition: None, seal: None, data: b"{}" }
    );
    assert_eq!((all[1].origin, all[1].partition), (Some(without), keys.to_text().as_deref()));
    assert_eq!((all[2].origin, all[2].partition), (None, Some("!processing-failed")));
    let cut = CutEntry {
        stream: StreamId(3),
        partition: None,
        first: 10,
        last: 20,
        records: 2,
        bytes: 4,
        oldest: ARRIVAL,
        target: Target::Object {
            bucket: BucketName::parse("lake").unwrap(),
            key: "2026/k".into(),
            compression: Compression::Gzip,
            kms_key_arn: None,
            conversion: None,
        },
    };
    let transformation = CutEntry { partition: Some("*".into()), target: Target::Transformation, ..cut.clone() };
    let object = cut.target.object().unwrap();
    let (bucket, key) = (object.bucket.clone(), object.key.to_owned());
    let (compression, kms_key_arn) = (object.compression, None);
    let posted = CutEntry { target: Target::HttpEndpoint { bucket, key, compression, kms_key_arn }, ..cut.clone() };
    let parts = [
        RecordsWriter::new(StreamId(3), Some(BatchId(9)), 0).finish_before_more(),
        RecordsWriter::continuing(StreamId(3), BatchId(9), 0).finish_before_more(),
        RecordsWriter::continuing(StreamId(3), BatchId(9), 0).finish(),
    ];
    let parts = parts.each_ref().map(|entry| RecordsEntry::of_stream(entry, StreamId(3)).unwrap());
    let flags = parts.map(|part| (part.of, part.continues, part.more_follows));
    assert_eq!(flags, [(false, true), (true, true), (true, false)].map(|(c, m)| (Some(BatchId(9)), c, m)));
    let attempts = Attempts { made: 3, ended: ARRIVAL, failure: EndpointFailure::connection("refused") };
    let given_up = GivenUpEntry { stream: StreamId(3), batch: BatchId(10), attempts };
    for entry in [
        Entry::GivenUp(Box::new(given_up)),
        Entry::Records(records),
        Entry::Records(parts[1]),
        Entry::Cut(Box::new(posted)),
        Entry::Cut(Box::new(transformation)),
        Entry::Cut(Box::new(cut)),
        Entry::Delivered(DeliveredEntry { stream: StreamId(3), batch: BatchId(10) }),
    ] {
        assert_eq!(Entry::decode(&encode(&entry)), Ok(entry));
    }
}

#[test]
fn bytes_decode_or_are_refused_and_never_panic() {
    bolero::check!(name = "delivery_entry").for_each(|bytes: &[u8]| {
        for kind in [RECORDS, CUT, DELIVERED, GIVEN_UP] {
            let bytes = [&[kind, VERSION], bytes].concat();
            match Entry::decode(&bytes) {
                Ok(Entry::Records(entry)) => {
                    let stream = RecordsEntry::of_stream(&bytes, entry.stream);
                    assert!(stream.is_some_and(|same| same.records().eq(entry.records())));
                }
                Ok(entry) => assert_eq!(Entry::decode(&encode(&entry)), Ok(entry)),
                Err(EntryError) => {}
            }
        }
        let _ = Entry::decode(bytes);
    });
}
