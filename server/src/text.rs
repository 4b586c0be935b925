//! Sizes, ages and what a device wrote, for a terminal: nothing in it may move the cursor.
use std::time::Duration;

/// `1.5 MiB`
pub fn bytes(bytes: u64) -> String {
    let (mut size, mut unit) = (bytes as f64, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if size < 1024.0 {
            break;
        }
        (size, unit) = (size / 1024.0, larger);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{size:.1} {unit}") }
}

/// `1h 5m`, `3m 20s`, `7s`, `40 ms`
pub fn span(span: Duration) -> String {
    match (span.as_secs(), span.subsec_millis()) {
        (0, millis) => format!("{millis} ms"),
        (s @ 1..60, _) => format!("{s}s"),
        (s @ 60..3600, _) => format!("{}m {}s", s / 60, s % 60),
        (s, _) => format!("{}h {}m", s / 3600, s % 3600 / 60),
    }
}

/// What can be printed as it is; the rest escaped.
pub fn printable(text: &str) -> String {
    let escaped = |letter: char| match letter {
        '"' | '\'' | '\\' => letter.to_string(),
        other => other.escape_debug().to_string(),
    };
    text.chars().map(escaped).collect()
}

/// JSON whose strings are printable: what JSON leaves as it is and a terminal might obey is written `\uXXXX`.
pub fn printable_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        let is_harmless = letter == '\n' || matches!(letter, ' '..='~') || letter.escape_debug().count() == 1;
        if is_harmless {
            out.push(letter);
        } else {
            let mut units = [0; 2];
            letter.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        }
    }
    out
}

/// Columns as wide as what is in them; those in `right` are numbers.
pub fn table(rows: &[Vec<String>], right: &[usize]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            if column > 0 {
                line.push_str("  ");
            }
            match right.contains(&column) {
                true => line.push_str(&format!("{cell:>width$}")),
                false => line.push_str(&format!("{cell:<width$}")),
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_spans() {
        let sizes = [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 << 20, "5.0 MiB"), (3 << 40, "3.0 TiB")];
        sizes.iter().for_each(|(size, text)| assert_eq!(bytes(*size), *text));
        let spans = [(40, "40 ms"), (7_000, "7s"), (200_999, "3m 20s"), (3_900_000, "1h 5m")];
        spans.iter().for_each(|(millis, text)| assert_eq!(span(Duration::from_millis(*millis)), *text));
    }

    #[test]
    fn what_a_device_wrote_cannot_steer_the_terminal() {
        let forged = "ö\x1b[2J\u{9b}31m\u{202e}\x7f\n\"\\";
        assert_eq!(printable(forged), "ö\\u{1b}[2J\\u{9b}31m\\u{202e}\\u{7f}\\n\"\\");
        let json = serde_json::to_string(forged).unwrap();
        let shown = printable_json(&json);
        assert_eq!(shown, r#""ö\u001b[2J\u009b31m\u202e\u007f\n\"\\""#);
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), forged, "it is the same JSON");
        let tag = "\u{e0041}"; // beyond the first plane
        assert_eq!(serde_json::from_str::<String>(&printable_json(&format!("\"{tag}\""))).unwrap(), tag);
    }

    #[test]
    fn columns() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [row(["name", "bytes", "to"]), row(["a", "1", "x"]), row(["longer", "1000", "y"])];
        assert_eq!(table(&rows, &[1]), "name    bytes  to\na           1  x\nlonger   1000  y\n");
    }
}
