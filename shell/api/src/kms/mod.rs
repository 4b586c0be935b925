//! KMS: a file an operation (or for a pair that belongs together), over the keys' fold.
mod aliases;
mod authorize;
mod create_key;
mod decrypt;
mod derive_shared_secret;
mod describe_key;
mod encrypt;
mod generate_data_key;
mod generate_data_key_pair;
mod generate_random;
mod get_public_key;
mod grants;
mod import;
mod key_pair;
mod key_policy;
mod key_state;
mod list_keys;
mod mac;
mod page;
mod re_encrypt;
mod rotation;
mod sign;
mod tags;
mod update_key_description;

use sekisho_kms::{EncryptionAlgorithm, KmsError};
use sekisho_sigv4::RoleSession;
use sekisho_state::{Cores, Event};
use serde_json::Value;

use crate::{ApiError, App, parse};

/// Answers an operation.
pub(crate) async fn handle(
    app: &App,
    session: Option<&RoleSession>,
    operation: &str,
    input: Value,
) -> Result<Value, ApiError> {
    // Whoever asks finds done what is due, to the second.
    sekisho_workers::meet_key_deadlines(&app.state).await?;
    check_grant_tokens(app, &input)?;
    authorize::check(app, session, operation, &input)?;
    match operation {
        "CancelKeyDeletion" => key_state::cancel_deletion(app, parse(input)?).await,
        "CreateAlias" => aliases::create(app, parse(input)?).await,
        "CreateGrant" => grants::create(app, parse(input)?).await,
        "CreateKey" => create_key::run(app, parse(input)?).await,
        "Decrypt" => decrypt::run(app, parse(input)?),
        "DeleteAlias" => aliases::delete(app, parse(input)?).await,
        "DeleteImportedKeyMaterial" => import::delete(app, parse(input)?).await,
        "DeriveSharedSecret" => derive_shared_secret::run(app, parse(input)?),
        "DescribeKey" => describe_key::run(app, parse(input)?).await,
        "DisableKey" => key_state::set_enabled(app, parse(input)?, false).await,
        "DisableKeyRotation" => rotation::disable(app, parse(input)?).await,
        "EnableKey" => key_state::set_enabled(app, parse(input)?, true).await,
        "EnableKeyRotation" => rotation::enable(app, parse(input)?).await,
        "Encrypt" => encrypt::run(app, parse(input)?),
        "GenerateDataKey" => generate_data_key::run(app, parse(input)?, true),
        "GenerateDataKeyPair" => generate_data_key_pair::run(app, parse(input)?, true).await,
        "GenerateDataKeyPairWithoutPlaintext" => generate_data_key_pair::run(app, parse(input)?, false).await,
        "GenerateDataKeyWithoutPlaintext" => generate_data_key::run(app, parse(input)?, false),
        "GenerateMac" => mac::generate(app, parse(input)?),
        "GenerateRandom" => generate_random::run(app, parse(input)?),
        "GetKeyPolicy" => key_policy::get(app, parse(input)?),
        "GetKeyRotationStatus" => rotation::status(app, parse(input)?),
        "GetParametersForImport" => import::parameters(app, parse(input)?).await,
        "GetPublicKey" => get_public_key::run(app, parse(input)?),
        "ImportKeyMaterial" => import::material(app, parse(input)?).await,
        "ListAliases" => aliases::list(app, parse(input)?),
        "ListGrants" => grants::list(app, parse(input)?),
        "ListKeyPolicies" => key_policy::list(app, parse(input)?),
        "ListKeyRotations" => rotation::list(app, parse(input)?),
        "ListKeys" => list_keys::run(app, parse(input)?),
        "ListResourceTags" => tags::list(app, parse(input)?),
        "ListRetirableGrants" => grants::list_retirable(app, parse(input)?),
        "PutKeyPolicy" => key_policy::put(app, parse(input)?).await,
        "ReEncrypt" => re_encrypt::run(app, parse(input)?),
        "RetireGrant" => grants::retire(app, parse(input)?).await,
        "RevokeGrant" => grants::revoke(app, parse(input)?).await,
        "RotateKeyOnDemand" => rotation::on_demand(app, parse(input)?).await,
        "ScheduleKeyDeletion" => key_state::schedule_deletion(app, parse(input)?).await,
        "Sign" => sign::sign(app, parse(input)?),
        "TagResource" => tags::tag(app, parse(input)?).await,
        "UntagResource" => tags::untag(app, parse(input)?).await,
        "UpdateAlias" => aliases::update(app, parse(input)?).await,
        "UpdateKeyDescription" => update_key_description::run(app, parse(input)?).await,
        "Verify" => sign::verify(app, parse(input)?),
        "VerifyMac" => mac::verify(app, parse(input)?),
        other => Err(ApiError::not_implemented(other)),
    }
}

/// Grants are effective at once, so the tokens that come with a request need to be true and no more.
fn check_grant_tokens(app: &App, input: &Value) -> Result<(), ApiError> {
    let tokens = input.get("GrantTokens").and_then(Value::as_array).into_iter().flatten();
    for token in tokens.filter_map(Value::as_str) {
        app.state.read().kms.grant_of_token(app.state.root_key(), token)?;
    }
    Ok(())
}

/// Runs a command of KMS's.
async fn commit<T>(
    app: &App,
    command: impl FnOnce(&Cores) -> Result<(Vec<sekisho_kms::Event>, T), KmsError>,
) -> Result<T, ApiError> {
    let command = |cores: &Cores| {
        let (events, output) = command(cores)?;
        Ok::<_, KmsError>((events.into_iter().map(Event::from).collect(), output))
    };
    Ok(app.state.commit(command).await?)
}

/// KMS's client errors are all 400.
impl From<KmsError> for ApiError {
    fn from(error: KmsError) -> Self {
        match error {
            KmsError::Material(_) => Self::internal(error),
            _ => Self::new(400, format!("{}Exception", error.code()), error.to_string()),
        }
    }
}

/// A word of the model's that this server knows too.
fn word<T>(parse: fn(&str) -> Option<T>, member: &str, word: &str) -> Result<T, KmsError> {
    parse(word).ok_or_else(|| KmsError::NotOffered(format!("{member} {word}")))
}

/// How something is, or was, encrypted; symmetrically, if that is not said.
fn encryption_algorithm(asked: Option<&str>) -> Result<EncryptionAlgorithm, KmsError> {
    asked.map_or(Ok(EncryptionAlgorithm::SymmetricDefault), |asked| {
        word(EncryptionAlgorithm::parse, "EncryptionAlgorithm", asked)
    })
}

/// The answer, unless the caller only wanted to know whether there would be one.
fn unless_dry_run(dry_run: bool, answer: Value) -> Result<Value, ApiError> {
    match dry_run {
        false => Ok(answer),
        true => {
            let message = "The request would have succeeded, but the DryRun option is set.";
            Err(ApiError::new(400, "DryRunOperationException", message))
        }
    }
}

/// Answers sealed for a Nitro enclave are not made here, and the plaintext is not given out in their place.
fn refuse_recipient(recipient: Option<&Value>) -> Result<(), ApiError> {
    recipient.map_or(Ok(()), |_| Err(KmsError::NotOffered("Recipient".into()).into()))
}

#[cfg(test)]
mod tests;
