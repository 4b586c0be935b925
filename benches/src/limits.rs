//! What one core does with the same bytes: zlib at the level delivery streams use, and AES-256-GCM in the store's chunks.
use std::io::Write;

use anyhow::Result;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use clap::Args;
use flate2::GzBuilder;
use serde_json::json;

use crate::{process, telemetry};

#[derive(Args)]
pub struct Arguments {
    #[arg(long, default_value_t = 300_000)]
    records: u64,
    /// Bytes a record
    #[arg(long, default_value_t = 256)]
    size: usize,
}

/// Sealed so often, since once takes less than the clock of a process shows.
const AES_ROUNDS: u32 = 20;
/// Plaintext of a sealed chunk, `docs/format/object.md`.
const CHUNK_BYTES: usize = 64 * 1024;

pub fn run(arguments: &Arguments) -> Result<()> {
    let plain: Vec<u8> = (0..arguments.records).flat_map(|n| telemetry::record(n, arguments.size)).collect();
    let mib = plain.len() as f64 / 1048576.0;

    // CPU, not time: whatever else runs on the machine is not counted.
    let own = || process::cpu(std::process::id());
    let before = own()?;
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), flate2::Compression::default());
    for chunk in plain.chunks(CHUNK_BYTES) {
        encoder.write_all(chunk)?;
    }
    let packed = encoder.finish()?;
    let zlib = own()? - before;

    let key = UnboundKey::new(&AES_256_GCM, &[7; 32]).map_err(|_| anyhow::anyhow!("a key has 32 bytes"))?;
    let key = LessSafeKey::new(key);
    let mut sealed = plain;
    let before = own()?;
    let chunks = sealed.len().div_ceil(CHUNK_BYTES);
    for index in 0..chunks * AES_ROUNDS as usize {
        let at = index % chunks * CHUNK_BYTES;
        let end = sealed.len().min(at + CHUNK_BYTES);
        let chunk = &mut sealed[at..end];
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&(index as u64).to_le_bytes());
        let tag = key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), chunk);
        let tag = tag.map_err(|_| anyhow::anyhow!("sealing fails only where a chunk is too long"))?;
        std::hint::black_box(tag.as_ref());
    }
    let aes = (own()? - before) / f64::from(AES_ROUNDS);
    let per_record = 1e6 / arguments.records as f64;
    let line = json!({
        "label": "limits", "zlib_mib_per_s": mib / zlib, "zlib_us_per_record": zlib * per_record,
        "zlib_ratio": arguments.records as f64 * arguments.size as f64 / packed.len() as f64,
        "aes_256_gcm_mib_per_s": mib / aes, "aes_256_gcm_us_per_record": aes * per_record,
    });
    println!("{line}");
    Ok(())
}
