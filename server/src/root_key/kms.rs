//! A key of a KMS: AWS's, or another sekisho's. It seals and opens 32 bytes for us, and each opening stands in its log.
use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_client::AwsError;
use serde_json::{Value, json};

use crate::account::Account;

/// Answers of KMS are short.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Seals: KMS's ciphertext blob.
pub fn seal(key: &str, plaintext: &[u8]) -> Result<Vec<u8>> {
    let body = json!({ "KeyId": key, "Plaintext": STANDARD.encode(plaintext), "EncryptionContext": context() });
    let answer = ask("Encrypt", body)?.context("KMS does not encrypt")?;
    member(&answer, "CiphertextBlob")
}

/// Opens what [`seal`] sealed; `None` if that key did not seal it.
pub fn open(key: &str, sealed: &[u8]) -> Result<Option<Vec<u8>>> {
    let body = json!({ "KeyId": key, "CiphertextBlob": STANDARD.encode(sealed), "EncryptionContext": context() });
    match ask("Decrypt", body)? {
        Ok(answer) => member(&answer, "Plaintext").map(Some),
        Err(AwsError::Refused(refusal))
            if ["InvalidCiphertextException", "IncorrectKeyException"].contains(&refusal.code.as_str()) =>
        {
            Ok(None)
        }
        Err(error) => Err(error).context("KMS does not decrypt"),
    }
}

/// What KMS's log says it is for.
fn context() -> Value {
    json!({ "sekisho": "root.wrapped" })
}

fn member(answer: &Value, name: &str) -> Result<Vec<u8>> {
    let text = answer[name].as_str().with_context(|| format!("KMS's answer has no {name}"))?;
    STANDARD.decode(text).with_context(|| format!("KMS's {name} is not base64"))
}

/// Asks, and waits for the answer on a thread of its own: a start has nothing else to do, and may be on a runtime or not.
fn ask(operation: &'static str, body: Value) -> Result<Result<Value, AwsError>> {
    let asked = std::thread::spawn(move || {
        let account = Account::of_environment(ANSWER_BYTES_MAX)?;
        ensure!(account.is_private(), "KMS is asked over https://, or on this machine: the root key is in the request");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(account.kms(operation, &body)))
    });
    asked.join().unwrap_or_else(|_| Err(anyhow::anyhow!("asking KMS failed")))
}
