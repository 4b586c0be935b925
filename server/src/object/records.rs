//! An object whose records are sealed payloads, as a delivery stream gathers them from devices that seal.
use anyhow::{Context, Result};
use sekisho_envelope::records;
use sekisho_types::Secret;

use super::get::Keys;
use crate::account::Account;

/// Opens each record; a line each, in their order. All of them or none.
pub async fn open(account: &Account, keys: &mut Keys, body: &[u8]) -> Result<Secret> {
    // Never grown, so that no plaintext is left where it was before: what is sealed is longer.
    let mut lines = Vec::with_capacity(body.len());
    for (number, record) in (1..).zip(records(body)) {
        let record = record.with_context(|| format!("record {number}"))?;
        let plaintext = keys.open(account, &record.envelope, record.ciphertext).await;
        lines.extend_from_slice(plaintext.with_context(|| format!("record {number}"))?.expose());
        if lines.last() != Some(&b'\n') {
            lines.push(b'\n');
        }
    }
    Ok(Secret::new(lines))
}
