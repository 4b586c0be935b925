//! How it looks: acts, lines that have been checked, and one live line while something takes time.
//!
//! Colour and the live line are for terminals; a pipe gets the same text, plainly.
use std::env;
use std::io::{self, IsTerminal, Stdout, Write, stdout};

/// The width of a line's first column.
const COLUMN: usize = 29;

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const CYAN: &str = "36";

/// Standard output, as a stage.
pub struct Stage {
    out: Stdout,
    terminal: bool,
    colour: bool,
    frame: usize,
}

impl Stage {
    /// Colour on a terminal, unless `NO_COLOR` says otherwise (no-color.org).
    pub fn new() -> Self {
        let terminal = stdout().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb");
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { out: stdout(), terminal, colour: terminal && !refused, frame: 0 }
    }

    fn paint(&self, style: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        self.wipe()?;
        writeln!(self.out, "{}", text.trim_end())
    }

    /// Takes the live line away.
    pub fn wipe(&mut self) -> io::Result<()> {
        if self.terminal {
            write!(self.out, "\r\x1b[2K")?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// The first line.
    pub fn title(&mut self, name: &str, about: &str) -> io::Result<()> {
        let line = format!("{}{}", self.paint(BOLD, name), self.paint(DIM, &format!(" · {about}")));
        self.line(&line)
    }

    /// Begins an act.
    pub fn act(&mut self, number: u8, title: &str, how: &str) -> io::Result<()> {
        let how = if how.is_empty() { String::new() } else { self.paint(DIM, &format!(" · {how}")) };
        let line = format!("\n{} {}{how}", self.paint(CYAN, &number.to_string()), self.paint(BOLD, title));
        self.line(&line)
    }

    /// Something that was done, and checked.
    pub fn done(&mut self, what: &str, result: &str) -> io::Result<()> {
        let line = format!("  {} {what:COLUMN$} {result}", self.paint(GREEN, "✓"));
        self.line(&line)
    }

    /// More about the line before.
    pub fn detail(&mut self, what: &str, text: &str) -> io::Result<()> {
        let line = format!("    {}", self.paint(DIM, &format!("{what:COLUMN$} {text}")));
        self.line(&line)
    }

    /// What is under way. Gone with the next line.
    pub fn live(&mut self, text: &str) -> io::Result<()> {
        const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
        if !self.terminal {
            return Ok(());
        }
        self.frame = (self.frame + 1) % FRAMES.len();
        let line = format!("  {} {}", self.paint(CYAN, FRAMES[self.frame]), self.paint(DIM, text));
        self.wipe()?;
        write!(self.out, "{line}")?;
        self.out.flush()
    }

    /// The last act could not be played to its end; why is said on standard error.
    pub fn failed(&mut self) -> io::Result<()> {
        let line = format!("  {} this did not hold", self.paint(RED, "✗"));
        self.line(&line)
    }

    /// All is well.
    pub fn end(&mut self, text: &str) -> io::Result<()> {
        let line = format!("\n{}", self.paint(GREEN, text));
        self.line(&line)
    }

    /// Something to type.
    pub fn command(&mut self, what: &str, command: &str) -> io::Result<()> {
        let line = format!("  {what:COLUMN$} {}", self.paint(BOLD, command));
        self.line(&line)
    }
}
