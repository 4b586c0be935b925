//! Instruction files: the envelope, or part of it, in an object of its own beside the encrypted one.
use crate::envelope::WITH_THE_BODY;
use crate::name::{Parts, parts};
use crate::{Envelope, EnvelopeError, Format, Name, PairsError, pairs};

/// The longest instruction file, in bytes: room for the longest encryption context and data key several times over.
/// And then: [`InstructionFileError::TooLong`].
pub const INSTRUCTION_FILE_BYTES_MAX: usize = 64 * 1024;

/// Whoever wrote or changed it.
#[derive(Debug, thiserror::Error)]
pub enum InstructionFileError {
    /// Nothing that belongs in one is that long.
    #[error("longer than {INSTRUCTION_FILE_BYTES_MAX} bytes")]
    TooLong,
    /// Not an object of text.
    #[error(transparent)]
    Json(#[from] PairsError),
    /// A name it must not have.
    #[error("`{0}` does not belong there")]
    Foreign(String),
    /// The object has an envelope, or part of one, that the file has too.
    #[error("`{}` is part of the object's metadata", .0.as_str())]
    InMetadata(Name),
}

impl Envelope {
    /// The envelope of an object whose metadata [`Envelope::find`] found to lack it, with the instruction file's body.
    ///
    /// # Errors
    /// [`EnvelopeError`]; a file that has what belongs to the object is refused, and so is an object that has what
    /// belongs in the file: either way somebody could have replaced one of the two.
    pub fn with_instruction_file<'a>(
        metadata: impl IntoIterator<Item = (&'a str, &'a str)>,
        file: &[u8],
    ) -> Result<Self, EnvelopeError> {
        let mut object = parts(metadata);
        let file = parse(file)?;
        let is_v3 = object.keys().any(|name| WITH_THE_BODY.contains(name));
        let misplaced =
            |name: &&Name| if is_v3 { !WITH_THE_BODY.contains(name) } else { **name != Name::PlaintextLength };
        if let Some(name) = object.keys().find(misplaced) {
            return Err(InstructionFileError::InMetadata(*name).into());
        }
        for (name, value) in file {
            if object.insert(name, value).is_some() {
                return Err(InstructionFileError::InMetadata(name).into());
            }
        }
        Self::parse(&object)
    }

    /// The parts that stay with the object, and the body of the instruction file with the others. Such a file is marked by
    /// [`Name::InstructionFile`] in its own metadata.
    pub fn to_instruction_file(&self) -> (Vec<(Name, String)>, String) {
        let stays = |name: &Name| self.format == Format::V3 && WITH_THE_BODY.contains(name);
        let (object, file): (Vec<_>, Vec<_>) = self.to_parts().into_iter().partition(|(name, _)| stays(name));
        let file = file.into_iter().map(|(name, value)| (name.as_str().to_owned(), value)).collect();
        (object, pairs::to_json(&file))
    }
}

fn parse(file: &[u8]) -> Result<Parts, InstructionFileError> {
    if file.len() > INSTRUCTION_FILE_BYTES_MAX {
        return Err(InstructionFileError::TooLong);
    }
    let mut parts = Parts::new();
    for (text, value) in pairs::parse(file)? {
        match Name::parse(&text) {
            Some(name) if name != Name::InstructionFile && !WITH_THE_BODY.contains(&name) => {
                parts.insert(name, value);
            }
            _ => return Err(InstructionFileError::Foreign(text.chars().take(64).collect())),
        }
    }
    Ok(parts)
}
