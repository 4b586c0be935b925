//! Whatever decodes encodes to something that decodes to the same; whatever is built survives the wire.
mod generator;

use bytes::BytesMut;
use sekisho_mqtt::{
    DecodeError, Packet, ProtocolVersion, connect_version, decode, decode_connect, encode, encoded_len,
};

const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::V311, ProtocolVersion::V5];
const MAX: u32 = 1 << 20;

/// All packets in `input`, and how it went on; fed whole, or a byte at a time.
fn decode_all(input: &[u8], version: ProtocolVersion, chunk: usize) -> (Vec<Packet>, Option<DecodeError>) {
    let mut buffer = BytesMut::new();
    let mut packets = Vec::new();
    for bytes in input.chunks(chunk) {
        buffer.extend_from_slice(bytes);
        loop {
            match decode(&mut buffer, version, MAX) {
                Ok(Some(packet)) => packets.push(packet),
                Ok(None) => break,
                Err(error) => return (packets, Some(error)),
            }
        }
    }
    (packets, None)
}

fn check_survives(packet: &Packet, version: ProtocolVersion) {
    let mut wire = BytesMut::new();
    encode(packet, version, &mut wire);
    assert_eq!(wire.len(), encoded_len(packet, version) as usize);
    assert_eq!(decode(&mut wire, version, MAX), Ok(Some(packet.clone())));
    assert!(wire.is_empty());
}

#[test]
fn bytes_decode_or_are_refused() {
    bolero::check!().for_each(|input: &[u8]| {
        for version in VERSIONS {
            let (packets, error) = decode_all(input, version, input.len().max(1));
            assert_eq!(decode_all(input, version, 1), (packets.clone(), error), "chunks change nothing");
            packets.iter().for_each(|packet| check_survives(packet, version));
        }
        if let Ok(Some(connect)) = decode_connect(&mut BytesMut::from(input), MAX) {
            assert_eq!(connect_version(input), Some(connect.protocol_version));
        }
    });
}

#[test]
fn packets_survive_the_wire() {
    bolero::check!().for_each(|entropy: &[u8]| {
        for version in VERSIONS {
            check_survives(&generator::packet(entropy, version), version);
        }
    });
}

#[test]
fn damaged_packets_decode_or_are_refused() {
    bolero::check!().for_each(|entropy: &[u8]| {
        let [at, damage, entropy @ ..] = entropy else { return };
        for version in VERSIONS {
            let mut wire = BytesMut::new();
            encode(&generator::packet(entropy, version), version, &mut wire);
            let at = usize::from(*at) % wire.len();
            wire[at] ^= damage;
            let (packets, _) = decode_all(&wire, version, wire.len());
            packets.iter().for_each(|packet| check_survives(packet, version));
        }
    });
}
