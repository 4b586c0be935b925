//! GetParametersForImport, ImportKeyMaterial, DeleteImportedKeyMaterial
use sekisho_kms::{Import, ImportType, Imported, KeySpec, KmsError, WrappingAlgorithm};
use sekisho_types::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{commit, key_pair, word};
use crate::{ApiError, App, Blob};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Parameters {
    key_id: String,
    wrapping_algorithm: String,
    wrapping_key_spec: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Material {
    key_id: String,
    import_token: Blob,
    encrypted_key_material: Blob,
    /// Seconds since the epoch.
    valid_to: Option<f64>,
    expiration_model: Option<String>,
    import_type: Option<String>,
    key_material_description: Option<String>,
    key_material_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Delete {
    key_id: String,
    key_material_id: Option<String>,
}

pub(super) async fn parameters(app: &App, input: Parameters) -> Result<Value, ApiError> {
    let algorithm = word(WrappingAlgorithm::parse, "WrappingAlgorithm", &input.wrapping_algorithm)?;
    let spec = word(KeySpec::parse, "WrappingKeySpec", &input.wrapping_key_spec)?;
    app.state.read().kms.awaits_import(&input.key_id)?;
    let private_key = key_pair::generate(spec).await?;
    let (now, root_key, mut random) = (app.state.now(), app.state.root_key(), app.state.random());
    let wrapping = (algorithm, spec, &private_key);
    let made = app.state.read().kms.parameters_for_import(now, root_key, &input.key_id, wrapping, &mut random)?;
    Ok(json!({
        "KeyId": made.key_arn,
        "ImportToken": Blob(made.import_token.into()),
        "PublicKey": Blob(made.public_key.into()),
        "ParametersValidTo": made.valid_to.epoch_seconds(),
    }))
}

pub(super) async fn material(app: &App, input: Material) -> Result<Value, ApiError> {
    let expires = input.expiration_model.as_deref() != Some("KEY_MATERIAL_DOES_NOT_EXPIRE");
    if expires != input.valid_to.is_some() {
        let message = "ValidTo goes with ExpirationModel KEY_MATERIAL_EXPIRES, and with no other.";
        return Err(KmsError::Validation(message.into()).into());
    }
    let import_type = input.import_type.map(|asked| word(ImportType::parse, "ImportType", &asked)).transpose()?;
    let import = Import {
        import_type,
        material_id: input.key_material_id,
        imported: Imported {
            description: input.key_material_description,
            valid_to: input.valid_to.map(|seconds| Timestamp::from_millis((seconds * 1000.0) as i64)),
        },
    };
    let (now, root_key, mut random) = (app.state.now(), app.state.root_key(), app.state.random());
    let wrapped = (&*input.import_token.0, &*input.encrypted_key_material.0);
    let (key, material_id) =
        commit(app, |cores| cores.kms.import_material(now, root_key, &input.key_id, wrapped, &import, &mut random))
            .await?;
    Ok(answer(app, &key, Some(material_id)))
}

pub(super) async fn delete(app: &App, input: Delete) -> Result<Value, ApiError> {
    let named = input.key_material_id.as_deref();
    let (key, id) = commit(app, |cores| cores.kms.delete_imported_material(&input.key_id, named)).await?;
    Ok(answer(app, &key, id))
}

fn answer(app: &App, key: &sekisho_kms::Key, material_id: Option<String>) -> Value {
    let mut answer = json!({ "KeyId": key.arn(app.state.tenant()) });
    // As CurrentKeyMaterialId: only symmetric keys tell their materials apart.
    if let Some(id) = material_id.filter(|_| key.spec.is_symmetric()) {
        answer["KeyMaterialId"] = id.into();
    }
    answer
}
