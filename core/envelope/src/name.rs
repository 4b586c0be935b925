//! The names an envelope's parts have, in metadata and in instruction files.
use std::collections::BTreeMap;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// The name of one part. In an object's metadata it is a header of S3's, `x-amz-meta-` in front.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Name {
            $($(#[$doc])* $name,)*
        }

        impl Name {
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),*];

            /// As instruction files spell it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The header it is kept in.
            pub const fn header(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("x-amz-meta-", $text),)*
                }
            }

            /// The part `text` names; `None` for the names of others.
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

names! {
    /// Marks an instruction file, in its own metadata.
    InstructionFile = "x-amz-crypto-instr-file";
    /// V1: the encrypted data key.
    KeyV1 = "x-amz-key";
    /// V2: the encrypted data key.
    KeyV2 = "x-amz-key-v2";
    /// V1, V2: how the data key is wrapped.
    WrapAlg = "x-amz-wrap-alg";
    /// V1, V2: the content cipher.
    CekAlg = "x-amz-cek-alg";
    /// V1, V2: the content cipher's initialization vector.
    Iv = "x-amz-iv";
    /// V1, V2: encryption context or material description, JSON.
    MatDesc = "x-amz-matdesc";
    /// V2: the tag's length in bits.
    TagLen = "x-amz-tag-len";
    /// V1, V2: the plaintext's length in bytes.
    PlaintextLength = "x-amz-unencrypted-content-length";
    /// V3: the encrypted data key.
    KeyV3 = "x-amz-3";
    /// V3: how the data key is wrapped.
    WrapV3 = "x-amz-w";
    /// V3: the content cipher.
    CipherV3 = "x-amz-c";
    /// V3: the key commitment.
    CommitmentV3 = "x-amz-d";
    /// V3: the message id.
    MessageIdV3 = "x-amz-i";
    /// V3: the encryption context, JSON.
    ContextV3 = "x-amz-t";
    /// V3: the material description, JSON.
    MatDescV3 = "x-amz-m";
}

/// Parts by name.
pub(crate) type Parts = BTreeMap<Name, String>;

/// The parts among an object's metadata, whose names come without `x-amz-meta-`. S3 keeps these in lower case.
pub(crate) fn parts<'a>(metadata: impl IntoIterator<Item = (&'a str, &'a str)>) -> Parts {
    let ours = metadata.into_iter().filter_map(|(name, value)| Some((Name::parse(name)?, value.to_owned())));
    ours.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in Name::ALL {
            assert_eq!(Name::parse(name.as_str()), Some(*name));
            assert_eq!(name.header(), format!("x-amz-meta-{}", name.as_str()));
        }
        assert_eq!(Name::parse("x-amz-key-v4"), None);
        assert_eq!(Name::parse("X-Amz-Key"), None);
    }
}
