//! md2, md5, sha1, sha224, sha256, sha384, sha512: digests of texts, in lower-case hexadecimal.
use std::fmt::Write;

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA224, SHA256, SHA384, SHA512, digest};
use md2::Md2;
use md5::{Digest, Md5};

use super::{Arity, Function, Run};
use crate::SqlVersion;
use crate::value::Value;

macro_rules! sha {
    ($name:literal, $algorithm:expr, $examples:expr) => {
        Function {
            name: $name,
            since: SqlVersion::V2015_10_08,
            arity: Arity::exactly(1),
            doc: concat!("The ", $name, " digest of a text."),
            examples: $examples,
            run: Run::Values(|_, args| {
                let algorithm: &'static Algorithm = &$algorithm;
                hexadecimal(args[0].text().map(|text| digest(algorithm, text.as_bytes())))
            }),
        }
    };
}

#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "md2",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(1),
        doc: "The md2 digest of a text.",
        examples: &[("md2('hello')", r#""a9046c73e00331af68917d3804f70655""#), ("md2(null)", "Undefined")],
        run: Run::Values(|context, args| {
            // a byte costs it about as much as fifty cost another digest
            if !context.takes(args[0].weight().saturating_mul(50)) {
                return Value::Undefined;
            }
            hexadecimal(args[0].text().map(|text| Md2::digest(text.as_bytes())))
        }),
    },
    Function {
        name: "md5",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(1),
        doc: "The md5 digest of a text.",
        examples: &[("md5('hello')", r#""5d41402abc4b2a76b9719d911017c592""#), ("md5(null)", "Undefined")],
        run: Run::Values(|_, args| hexadecimal(args[0].text().map(|text| Md5::digest(text.as_bytes())))),
    },
    sha!("sha1", SHA1_FOR_LEGACY_USE_ONLY, &[("sha1('hello')", r#""aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d""#)]),
    sha!("sha224", SHA224, &[("sha224('hello')", r#""ea09ae9cc6768c50fcee903ed054556e5bfc8347907f12598aa24193""#)]),
    sha!("sha256", SHA256, &[("sha256('hello')", r#""2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824""#)]),
    sha!("sha384", SHA384, &[("sha384('hello')", r#""59e1748777448c69de6b800d7a33bbfb9ff1b463e44354c3553bcdb9c666fa90125a3c79f90397bdf5f6a13de828684f""#)]),
    sha!("sha512", SHA512, &[("sha512('hello')", r#""9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043""#)]),
];

fn hexadecimal<'a>(digest: Option<impl AsRef<[u8]>>) -> Value<'a> {
    digest.map_or(Value::Undefined, |digest| {
        Value::string(digest.as_ref().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}"); // writing to a String does not fail
            text
        }))
    })
}
