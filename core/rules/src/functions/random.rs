//! newuuid, rand: what is different each time. Randomness is an argument of the evaluation.
use sekisho_types::Random;

use super::{Arity, Function, Run};
use crate::SqlVersion;
use crate::value::{Value, double};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "newuuid",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(0),
        doc: "A new random UUID (version 4).",
        examples: &[("newuuid()", r#""11111111-1111-4111-9111-111111111111""#)],
        run: Run::Values(|context, _| Value::string(new_uuid(context.random))),
    },
    Function {
        name: "rand",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(0),
        doc: "A random number from 0 up to, but not including, 1, in double precision.",
        examples: &[("rand()", "0.06666666666666665")],
        run: Run::Values(|context, _| {
            let mut bytes = [0; 8];
            context.random.fill(&mut bytes);
            double((u64::from_be_bytes(bytes) >> 11) as f64 / (1u64 << 53) as f64)
        }),
    },
];

/// In its usual form.
pub(super) fn new_uuid(random: &mut dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    let bits = u128::from_be_bytes(bytes) & !(0xF << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62; // RFC 9562 §5.4
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
