//! Whether the tests that `docs/mqtt-conformance.md` names for a statement of MQTT name it too.
use std::collections::{BTreeSet, HashMap};

/// The table.
pub const TABLE: &str = "docs/mqtt-conformance.md";

/// What is not so; `read` answers a file's text.
pub fn check(table: &str, read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut known: HashMap<String, Option<BTreeSet<String>>> = HashMap::new();
    let mut problems = Vec::new();
    for row in table.lines().filter_map(|line| line.strip_prefix("| MQTT-")) {
        let Some((statement, rest)) = row.split_once(" |") else { continue };
        let files = rest.split('`').skip(1).step_by(2).filter(|file| file.ends_with(".rs") && file.contains("test"));
        for file in files {
            let named = known.entry(file.to_owned()).or_insert_with(|| read(file).map(|text| statements(&text)));
            match named {
                None => problems.push(format!("{statement}: `{file}` is not there")),
                Some(named) if !named.contains(statement) => {
                    problems.push(format!("{statement}: `{file}` does not name it"));
                }
                Some(_) => {}
            }
        }
    }
    problems
}

/// The statements a text names, as `[MQTT-3.1.2-4]` or `[MQTT-3.1.2-4] to [MQTT-3.1.2-6]`.
fn statements(text: &str) -> BTreeSet<String> {
    let text = text.replace("\n///", " ");
    let mut found = BTreeSet::new();
    let mut before: Option<(String, u32, usize)> = None;
    for (at, _) in text.match_indices("[MQTT-") {
        let Some(end) = text[at..].find(']').map(|length| at + length) else { break };
        let Some((section, number)) = text[at + "[MQTT-".len()..end].rsplit_once('-') else { continue };
        let Ok(number) = number.parse::<u32>() else { continue };
        if let Some((of, first, from)) = &before
            && of == section
            && text[*from..at].trim() == "to"
        {
            found.extend((*first..number).map(|number| format!("{section}-{number}")));
        }
        found.insert(format!("{section}-{number}"));
        before = Some((section.to_owned(), number, end + 1));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_held_to_its_tests() {
        let table = "| MQTT-1.2.3-4 | x | `a/tests.rs` |\n| MQTT-1.2.3-6 | y | `a/tests.rs`, `gone/tests.rs` |\n| MQTT-1.2.3-7 | z | it has none |\n";
        let read = |file: &str| (file == "a/tests.rs").then(|| "/// [MQTT-1.2.3-3] to\n/// [MQTT-1.2.3-5].".to_owned());
        assert_eq!(
            check(table, &read),
            ["1.2.3-6: `a/tests.rs` does not name it", "1.2.3-6: `gone/tests.rs` is not there"]
        );
    }
}
