//! From text to program: tokens, a recursive descent that makes a tree of them, and a walk over the tree that looks names up.
mod ast; // what a statement is
mod call; // functions by name and version
mod expression;
mod members; // names and aliases of a result
mod parser;
mod print; // a statement as text again
mod resolve; // names, functions and versions: from tree to program
mod statement;
mod token;

pub use ast::Statement;
pub use statement::compile;
pub(crate) use statement::template;

/// The longest statement, in bytes: AWS's limit on a whole rule. A longer one is refused.
pub const SQL_BYTES_MAX: usize = 256 * 1024;
/// How deep expressions may be nested. One level more is refused; it bounds the stack that compiling and evaluating use.
pub const SQL_DEPTH_MAX: u32 = 64;

/// How many variables SET makes: AWS's limit. One more is refused.
pub const VARIABLES_MAX: usize = 10;
/// The longest name of a variable (SET clause, "up to 64 characters long").
const VARIABLE_CHARACTERS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Evaluation, EvaluationError, Message, Program, RESULT_BYTES_MAX, SqlVersion};

    fn evaluate(sql: &str) -> Evaluation {
        let program = compile(sql, SqlVersion::V2016_03_23).unwrap();
        let text = "x".repeat(100_000);
        let payload = format!("{{\"text\":\"{text}\",\"n\":1,\"b\":true}}");
        program.evaluate(&Message { payload: payload.as_bytes(), ..Message::default() }, &mut |_: &mut [u8]| {})
    }

    #[test]
    fn a_program_is_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Program>();
        shared::<crate::Template>();
    }

    /// What nests at most so deep compiles and runs on a small stack; one more is refused.
    #[test]
    fn nesting_is_bounded() {
        let depth = SQL_DEPTH_MAX as usize - 2; // the item and the array's element are one each
        for (open, inner, close) in [
            ("(", "n", ")"),
            ("- ", "n", ""),
            ("[", "n", "]"),
            ("abs(", "n", ")"),
            ("(1+2*-", "n", ")"),
            ("CASE 1 WHEN 1 THEN ", "n", " END"),
            ("(SELECT VALUE ", "1", " FROM @v)"),
            ("exists(SELECT * FROM @v WHERE ", "true", ")"),
        ] {
            let sql = |depth: usize| {
                format!("SET @v = {{'n': 1}} SELECT VALUE [{}{inner}{}]", open.repeat(depth), close.repeat(depth))
            };
            let two = (open.contains('-') && open.contains('(')) || open.contains("SELECT");
            let half = if two { depth / 2 } else { depth };
            assert!(matches!(evaluate(&sql(half)), Evaluation::Selected(_)), "{open}");
            let error = compile(&sql(SQL_DEPTH_MAX as usize + 1), SqlVersion::V2016_03_23).unwrap_err();
            assert!(error.message.contains("nested at most"), "{error}");
        }
    }

    /// Each level of a nested SELECT goes into a level of the payload.
    #[test]
    fn nested_selects_go_as_deep_as_they_may() {
        let levels = 30;
        let payload = format!("{}7{}", "{\"n\":[".repeat(levels), "]}".repeat(levels));
        let sql = format!("SELECT VALUE {}n{}", "(SELECT VALUE ".repeat(levels - 1), " FROM n)".repeat(levels - 1));
        let program = compile(&sql, SqlVersion::V2016_03_23).unwrap();
        let message = Message { payload: payload.as_bytes(), ..Message::default() };
        let evaluation = program.evaluate(&message, &mut |_: &mut [u8]| {});
        let expected = format!("{}7{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(evaluation, Evaluation::Selected(expected.into()));
    }

    /// A chain of operators is flat: its length is bounded by the statement's alone.
    #[test]
    fn chains_are_as_long_as_they_like() {
        let sum = "n + ".repeat(50_000) + "n";
        assert_eq!(evaluate(&format!("SELECT VALUE {sum}")), Evaluation::Selected("50001".into()));
        let choice = "n = 2 OR ".repeat(20_000) + "b";
        assert_eq!(evaluate(&format!("SELECT n WHERE {choice}")), Evaluation::Selected("{\"n\":1}".into()));
    }

    #[test]
    fn a_statement_is_bounded() {
        let sql = format!("SELECT n FROM 't' WHERE {}", " ".repeat(SQL_BYTES_MAX));
        assert!(compile(&sql, SqlVersion::V2016_03_23).unwrap_err().message.contains("at most"));
    }

    /// A few characters of SQL can ask for a lot; what is too much fails instead of being made.
    #[test]
    fn what_is_made_is_bounded() {
        let twelve = ["text"; 12];
        for sql in [
            format!("SELECT VALUE concat({})", twelve.join(",")),
            format!("SELECT VALUE {}", twelve.join("+")),
            "SELECT VALUE length(replace(text, 'x', text))".into(),
            "SELECT VALUE length(regexp_replace(text, 'x', text))".into(),
            format!("SELECT VALUE [{}]", twelve.join(",")),
        ] {
            assert_eq!(evaluate(&sql), Evaluation::Failed(EvaluationError::TooLarge), "{sql}");
        }
        const { assert!(RESULT_BYTES_MAX < 1_200_000) };
    }

    #[test]
    fn fields_read() {
        let sql =
            "SELECT *, a.b AS x, (SELECT VALUE inner FROM c.list) AS y FROM 't' WHERE a.b > 1 AND temperature < 5";
        let program = compile(sql, SqlVersion::V2016_03_23).unwrap();
        assert_eq!(program.fields_read().collect::<Vec<_>>(), ["a.b", "c.list", "temperature"]);
        assert_eq!(program.topic_filter().map(|filter| filter.as_str()), Some("t"));
    }

    #[test]
    fn an_error_has_a_line() {
        let error = compile("SELECT a\n  FROM 't'\n WHERE é + ", SqlVersion::V2016_03_23).unwrap_err();
        assert_eq!(error.to_string(), "line 3, column 12: expected an expression, found the end");
    }
}
