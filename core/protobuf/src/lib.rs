//! Messages of Protocol Buffers as JSON, by descriptions that came at run time (developer guide, "Decoding protobuf message payloads").
//!
//! Receives the bytes of a `FileDescriptorSet`, and of messages; hands on JSON as Protocol Buffers map it (protobuf.dev, "ProtoJSON
//! Format"): names in lower camel case, 64-bit integers as strings, fields with their default value left out.
use std::panic::catch_unwind;

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

/// The longest `FileDescriptorSet`. A longer one is refused.
pub const DESCRIPTORS_BYTES_MAX: usize = 1024 * 1024;
/// The longest JSON that a message becomes. One that becomes more is refused.
pub const JSON_BYTES_MAX: usize = 1024 * 1024;

/// The types that a `FileDescriptorSet` describes.
#[derive(Clone, Debug)]
pub struct Descriptors(DescriptorPool);

/// Why there is no JSON, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtobufError {
    /// Operator: the object is not what it should be.
    #[error("it is no FileDescriptorSet: {0}")]
    Descriptors(String),
    /// Operator: the statement names what is not there.
    #[error("the FileDescriptorSet has no file `{0}.proto`")]
    NoFile(String),
    /// Operator: the same.
    #[error("`{file}.proto` declares no message `{message_type}`")]
    NoMessage {
        /// Without `.proto`.
        file: String,
        /// As it was asked for.
        message_type: String,
    },
    /// Device: the bytes are no message of the type.
    #[error("the data is no `{message_type}`: {problem}")]
    Data {
        /// With its package.
        message_type: String,
        /// What is wrong.
        problem: String,
    },
}

impl Descriptors {
    /// Reads a `FileDescriptorSet`, as `protoc --include_imports --descriptor_set_out` writes it.
    ///
    /// # Errors
    /// [`ProtobufError::Descriptors`].
    pub fn read(bytes: &[u8]) -> Result<Self, ProtobufError> {
        if bytes.len() > DESCRIPTORS_BYTES_MAX {
            return Err(ProtobufError::Descriptors(format!("it is longer than {DESCRIPTORS_BYTES_MAX} bytes")));
        }
        // The library takes it that a description which can be read is one that a compiler wrote, and panics where it is not.
        let read = catch_unwind(|| DescriptorPool::decode(bytes).map_err(|error| error.to_string()));
        let pool = read.unwrap_or_else(|_| Err("it contradicts itself".into()));
        pool.map(Self).map_err(ProtobufError::Descriptors)
    }

    /// A message as JSON. `file` is where its type is declared, without `.proto`; the type's name may leave out its package.
    ///
    /// # Errors
    /// [`ProtobufError`].
    pub fn json(&self, file: &str, message_type: &str, data: &[u8]) -> Result<String, ProtobufError> {
        let descriptor = self.message(file, message_type)?;
        let name = descriptor.full_name().to_owned();
        let refused = |problem: String| ProtobufError::Data { message_type: name.clone(), problem };
        let read = catch_unwind(|| printed(descriptor, data)); // the same
        let json = read.unwrap_or_else(|_| Err("its description contradicts itself".into())).map_err(refused)?;
        String::from_utf8(json).map_err(|error| refused(error.to_string()))
    }

    fn message(&self, file: &str, message_type: &str) -> Result<MessageDescriptor, ProtobufError> {
        let is_asked_for = |name: &str| {
            let stem = name.strip_suffix(".proto").unwrap_or(name);
            stem == file || stem.rsplit('/').next() == Some(file)
        };
        let mut files = self.0.files().filter(|declared| is_asked_for(declared.name())).peekable();
        if files.peek().is_none() {
            return Err(ProtobufError::NoFile(file.to_owned()));
        }
        let found = files.find_map(|file| {
            let is_it = |message: &MessageDescriptor| {
                let full = message.full_name();
                let in_package = full.strip_prefix(file.package_name()).map(|rest| rest.trim_start_matches('.'));
                full == message_type || in_package == Some(message_type)
            };
            file.messages().find_map(|message| if is_it(&message) { Some(message) } else { nested(&message, &is_it) })
        });
        found.ok_or_else(|| ProtobufError::NoMessage { file: file.to_owned(), message_type: message_type.to_owned() })
    }
}

fn printed(descriptor: MessageDescriptor, data: &[u8]) -> Result<Vec<u8>, String> {
    let message = DynamicMessage::decode(descriptor, data).map_err(|error| error.to_string())?;
    // A few bytes can stand for many: packed numbers, nested lists.
    let mut json = Bounded(Vec::new());
    serde_json::to_writer(&mut json, &message).map_err(|error| error.to_string())?;
    Ok(json.0)
}

/// A message that is declared in another one.
fn nested(message: &MessageDescriptor, is_it: &dyn Fn(&MessageDescriptor) -> bool) -> Option<MessageDescriptor> {
    message.child_messages().find_map(|child| if is_it(&child) { Some(child) } else { nested(&child, is_it) })
}

/// Takes so much, and no more.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > JSON_BYTES_MAX {
            return Err(std::io::Error::other(format!("it makes more than {JSON_BYTES_MAX} bytes of JSON")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
