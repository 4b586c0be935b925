//! `xtask tidy`: what `ARCHITECTURE.md` claims and a compiler does not check.
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::statements;

/// Lines of a source file. A longer one holds more than one concept.
const LINES_MAX: usize = 600;

/// Which core crates a core crate may know. A new arrow is a decision: it stands here, where a reviewer sees it.
#[rustfmt::skip]
const CORE_ARROWS: &[(&str, &[&str])] = &[
    ("types",    &[]),
    ("mqtt",     &["types"]),
    ("identity", &["types"]),
    ("sigv4",    &["types"]),
    ("calls",    &["types"]),
    ("protobuf", &[]),
    ("kafka",    &["types"]),
    ("rules",    &["types", "calls", "kafka"]),
    ("actions",  &["types", "calls", "kafka"]),
    ("iam",      &["types"]),
    ("kms",      &["types", "iam"]),
    ("envelope", &["types"]),
    ("objects",  &["types", "iam"]),
    ("formats",  &[]),
    ("catalog",  &["types", "formats"]),
    ("retained", &["types"]),
    ("sessions", &["types"]),
    ("shadow",   &["types"]),
    ("chain",    &["types"]),
    ("delivery", &["types", "formats"]),
    ("authorizer", &["types", "identity"]),
    ("policy",   &["types", "iam", "identity", "sigv4", "authorizer"]),
    ("provisioning", &["types", "identity"]),
    ("registry", &["types", "identity", "authorizer", "policy", "rules", "provisioning"]),
    ("broker",   &["types", "policy"]),
    ("gate",     &["types", "mqtt"]),
];

/// Crates that do what a core leaves to the shell: wait, read and write, log, draw random numbers.
#[rustfmt::skip]
const SHELL_ONLY: &[&str] = &[
    "getrandom", "hyper", "hyper-util", "metrics", "rand", "rustls", "tempfile", "tokio", "tokio-rustls", "tokio-util",
    "tracing", "tracing-subscriber",
];

/// Checks everything, from the workspace's root.
///
/// # Errors
/// One line for each thing that is not as it should be.
pub fn run() -> Result<()> {
    let mut problems = arrows(&metadata()?)?;
    problems.extend(decision_records(Path::new("docs/adr"))?);
    let mut files = Vec::new();
    collect(Path::new("."), &mut files)?;
    for path in files {
        let text = fs::read_to_string(&path).with_context(|| path.clone())?;
        let mut found = file(&path, &text);
        if path.ends_with(".md") {
            found.extend(missing(&text, &|named| Path::new(named).exists()));
        }
        if path == statements::TABLE {
            found.extend(statements::check(&text, &|file| fs::read_to_string(file).ok()));
        }
        problems.extend(found.into_iter().map(|problem| format!("{path}: {problem}")));
    }
    if problems.is_empty() { Ok(()) } else { bail!("not tidy\n{}", problems.join("\n")) }
}

fn metadata() -> Result<Value> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo).args(["metadata", "--no-deps", "--format-version", "1", "--offline"]).output()?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Where a crate stands on the road: `server` over `shell` over `core`; the others only build and test it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Core(String),
    Shell,
    Server,
    Beside,
}

impl Place {
    fn of(folder: &str) -> Self {
        match folder.split_once('/') {
            Some(("core", name)) => Self::Core(name.to_owned()),
            Some(("shell", _)) => Self::Shell,
            None if folder == "server" => Self::Server,
            _ => Self::Beside,
        }
    }

    fn may_know(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Core(name), Self::Core(other)) => {
                CORE_ARROWS.iter().any(|(from, to)| from == name && to.contains(&other.as_str()))
            }
            (Self::Shell, Self::Core(_) | Self::Shell) | (Self::Server, Self::Core(_) | Self::Shell) => true,
            (Self::Beside, _) => true,
            (Self::Core(_) | Self::Shell | Self::Server, _) => false,
        }
    }
}

/// The arrows that are not allowed. Tests of a core may use any other core, and nothing else of ours.
fn arrows(metadata: &Value) -> Result<Vec<String>> {
    let root = metadata["workspace_root"].as_str().context("metadata names no workspace_root")?;
    let packages = metadata["packages"].as_array().context("metadata lists no packages")?;
    let folder_of = |package: &Value| -> Option<String> {
        let manifest = package["manifest_path"].as_str()?.strip_prefix(root)?;
        Some(manifest.strip_prefix('/')?.strip_suffix("/Cargo.toml")?.to_owned())
    };
    let mut problems = Vec::new();
    for package in packages {
        let folder = folder_of(package).context("a package outside the workspace's root")?;
        let place = Place::of(&folder);
        if let Place::Core(name) = &place
            && !CORE_ARROWS.iter().any(|(from, _)| from == name)
        {
            problems.push(format!("{folder}: a core crate without arrows; xtask/src/tidy.rs lists them"));
        }
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let name = dependency["name"].as_str().unwrap_or_default();
            let for_tests = dependency["kind"].as_str() == Some("dev");
            let ours = packages.iter().find(|package| package["name"].as_str() == Some(name)).and_then(folder_of);
            let allowed = match (&place, ours.as_deref().map(Place::of)) {
                (Place::Core(_), Some(Place::Core(_))) if for_tests => true,
                (place, Some(other)) => place.may_know(&other),
                (Place::Core(_), None) => for_tests || !SHELL_ONLY.contains(&name),
                (Place::Shell | Place::Server | Place::Beside, None) => true,
            };
            if !allowed {
                problems.push(format!("{folder}: must not depend on `{name}`"));
            }
        }
    }
    Ok(problems)
}

/// Decision records are numbered from 1 without a gap, and each says its number in its first line.
fn decision_records(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != "README.md" {
            let text = fs::read_to_string(folder.join(&name))?;
            names.push((name, text.lines().next().unwrap_or_default().to_owned()));
        }
    }
    names.sort();
    Ok(numbering(&names))
}

fn numbering(records: &[(String, String)]) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, (name, title)) in (1..).zip(records) {
        let number = format!("{number:04}");
        if !name.starts_with(&format!("{number}-")) || !name.ends_with(".md") {
            problems.push(format!("docs/adr/{name}: expected {number}-….md here"));
        } else if !title.starts_with(&format!("# {number} ")) {
            problems.push(format!("docs/adr/{name}: its first line does not begin with `# {number} `"));
        }
    }
    problems
}

/// The text files people write, by path. What others wrote (`spec`), what fuzzing found and what is built is not ours.
fn collect(folder: &Path, files: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            let skipped =
                name.starts_with('.') || ["target", "data", "spec", "__fuzz__", "__pycache__"].contains(&&*name);
            if !skipped {
                collect(&path, files)?;
            }
        } else if ["rs", "md", "toml", "py", "sh"].iter().any(|end| path.extension().is_some_and(|found| found == *end))
        {
            files.push(path.to_string_lossy().trim_start_matches("./").to_owned());
        }
    }
    files.sort();
    Ok(())
}

/// Paths of this workspace in backticks that lead nowhere.
fn missing(text: &str, exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    const FOLDERS: [&str; 7] = ["core/", "shell/", "server/", "conformance/", "benches/", "xtask/", "docs/"];
    let named = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let paths = named.filter(|named| FOLDERS.iter().any(|folder| named.starts_with(folder)));
    let plain = paths.filter(|path| path.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c)));
    plain.filter(|path| !exists(path)).map(|path| format!("`{path}` does not exist")).collect()
}

/// What is wrong with one file.
fn file(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let generated = path.contains("/generated/");
    if path.ends_with(".rs") {
        if !text.starts_with("//! ") {
            problems.push("its first line is not a `//!` line that says what it is".to_owned());
        }
        let lines = text.lines().count();
        if lines > LINES_MAX && !generated {
            problems.push(format!("{lines} lines, over {LINES_MAX}"));
        }
    }
    // In two parts, so that this file does not hold them.
    for word in [concat!("TO", "DO"), concat!("FIX", "ME")] {
        for (number, line) in (1..).zip(text.lines()) {
            if line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|found| found == word) {
                problems.push(format!("line {number}: `{word}`; write an issue, or a row in docs/divergences.md"));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arrows_point_down() {
        let package = |folder: &str, dependencies: &[(&str, Option<&str>)]| {
            let name = folder.replace('/', "-");
            let dependencies: Vec<_> =
                dependencies.iter().map(|(name, kind)| json!({"name": name, "kind": kind})).collect();
            json!({"name": name, "manifest_path": format!("/w/{folder}/Cargo.toml"), "dependencies": dependencies})
        };
        let others =
            ["core/types", "core/mqtt", "core/gate", "core/rules", "shell/state", "shell/api", "server", "conformance"];
        type Row<'a> = (&'a str, &'a str, Option<&'a str>, bool);
        #[rustfmt::skip] // from        to               kind             allowed
        let table: &[Row<'_>] = &[
            ("core/gate",              "core-mqtt",      None,            true),
            ("core/gate",              "core-rules",     None,            false), // not in the table
            ("core/gate",              "core-rules",     Some("dev"),     true),
            ("core/gate",              "core-rules",     Some("build"),   false),
            ("core/mqtt",              "core-gate",      None,            false), // the wrong way round
            ("core/gate",              "shell-state",    None,            false),
            ("core/gate",              "shell-state",    Some("dev"),     false),
            ("core/gate",              "server",         None,            false),
            ("core/gate",              "bytes",          None,            true),
            ("core/gate",              "tokio",          None,            false),
            ("core/gate",              "tempfile",       Some("dev"),     true),
            ("shell/api",              "core-gate",      None,            true),
            ("shell/api",              "shell-state",    None,            true),
            ("shell/api",              "tokio",          None,            true),
            ("shell/api",              "server",         Some("dev"),     false),
            ("server",                 "shell-api",      None,            true),
            ("server",                 "conformance",    Some("dev"),     false),
            ("conformance",            "server",         None,            true),
        ];
        for (from, to, kind, allowed) in table {
            let mut packages = vec![package(from, &[(to, *kind)])];
            packages.extend(others.iter().filter(|folder| *folder != from).map(|folder| package(folder, &[])));
            let problems = arrows(&json!({"workspace_root": "/w", "packages": packages})).unwrap();
            let expected = if *allowed { vec![] } else { vec![format!("{from}: must not depend on `{to}`")] };
            assert_eq!(problems, expected, "{from} -> {to} {kind:?}");
        }
        let stranger = arrows(&json!({"workspace_root": "/w", "packages": [package("core/new", &[])]})).unwrap();
        assert_eq!(stranger, ["core/new: a core crate without arrows; xtask/src/tidy.rs lists them"]);
    }

    /// The table itself has no circle: each line names only crates above it.
    #[test]
    fn the_table_points_up_the_page() {
        for (at, (from, to)) in CORE_ARROWS.iter().enumerate() {
            for to in *to {
                assert!(CORE_ARROWS[..at].iter().any(|(above, _)| above == to), "{from} -> {to}");
            }
        }
    }

    #[test]
    fn decision_records_are_numbered() {
        let record = |name: &str, title: &str| (name.to_owned(), title.to_owned());
        let good = [record("0001-a.md", "# 0001 A"), record("0002-b.md", "# 0002 B")];
        assert_eq!(numbering(&good), [""; 0]);
        let gap = [record("0001-a.md", "# 0001 A"), record("0003-c.md", "# 0003 C")];
        assert_eq!(numbering(&gap), ["docs/adr/0003-c.md: expected 0002-….md here"]);
        let twice = [record("0001-a.md", "# 0001 A"), record("0001-b.md", "# 0001 B")];
        assert_eq!(numbering(&twice), ["docs/adr/0001-b.md: expected 0002-….md here"]);
        let renamed = [record("0001-a.md", "# 0002 A")];
        assert_eq!(numbering(&renamed), ["docs/adr/0001-a.md: its first line does not begin with `# 0001 `"]);
    }

    #[test]
    fn paths_lead_somewhere() {
        let text = "See `core/rules` and `core/gone.rs`.\nNot a path: `core/{a,b}`, `cargo run`, `docs/format/*.md`.";
        assert_eq!(missing(text, &|path| path == "core/rules"), ["`core/gone.rs` does not exist"]);
    }

    #[test]
    fn files() {
        let word = concat!("TO", "DO");
        let long = format!("//! Long.\n{}", "\n".repeat(LINES_MAX));
        let table: [(&str, &str, &[&str]); 8] = [
            ("a.rs", "//! A.\nuse std::fmt;\n", &[]),
            ("a.rs", "use std::fmt;\n//! A.\n", &["its first line is not a `//!` line that says what it is"]),
            ("a.rs", "//!\n", &["its first line is not a `//!` line that says what it is"]),
            ("a.rs", &long, &["601 lines, over 600"]),
            ("api/generated/a.rs", &long, &[]),
            ("a.md", &long, &[]),
            (
                "a.md",
                &format!("x\n({word}: later)"),
                &[concat!("line 2: `TO", "DO`; write an issue, or a row in docs/divergences.md")],
            ),
            ("a.md", &format!("{word}S and mas{word}n"), &[]),
        ];
        for (path, text, expected) in table {
            assert_eq!(file(path, text), expected, "{path}");
        }
    }
}
