//! Where the parser is, and what it has seen: one token ahead, the names of each SELECT it is in.
use super::token::{Token, token};
use super::{SQL_BYTES_MAX, SQL_DEPTH_MAX};
use crate::json::FieldId;
use crate::program::{Json, Names};
use crate::{SqlError, SqlVersion};

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) version: SqlVersion,
    /// The next token.
    pub(super) next: Token<'a>,
    /// Where it begins, and where it ends.
    pub(super) start: usize,
    end: usize,
    /// The innermost SELECT last.
    pub(super) scopes: Vec<Names>,
    pub(super) fields_read: Vec<Box<str>>,
    /// The last name of the path read last.
    pub(super) last_name: &'a str,
    depth: u32,
}

impl<'a> Parser<'a> {
    /// A parser before `text`, with an empty scope. It has to [`Self::jump`] to where it begins.
    pub(super) fn new(text: &'a str, version: SqlVersion) -> Result<Self, SqlError> {
        if text.len() > SQL_BYTES_MAX {
            return Err(SqlError::at(text, 0, format!("a statement has at most {SQL_BYTES_MAX} bytes")));
        }
        let (scopes, fields_read) = (vec![Names::default()], Vec::new());
        Ok(Self { text, version, next: Token::End, start: 0, end: 0, scopes, fields_read, last_name: "", depth: 0 })
    }

    /// Takes the next token.
    pub(super) fn advance(&mut self) -> Result<Token<'a>, SqlError> {
        let (next, start, end) = token(self.text, self.end)?;
        (self.start, self.end) = (start, end);
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// The token after the next one, and the one after that.
    pub(super) fn after_next(&self) -> (Token<'a>, Token<'a>) {
        let Ok((first, _, end)) = token(self.text, self.end) else { return (Token::End, Token::End) };
        (first, token(self.text, end).map_or(Token::End, |(second, ..)| second))
    }

    /// Goes on at byte `at`.
    pub(super) fn jump(&mut self, at: usize) -> Result<(), SqlError> {
        self.end = at;
        self.advance().map(drop)
    }

    pub(super) fn fail<T>(&self, message: impl Into<String>) -> Result<T, SqlError> {
        self.fail_at(self.start, message)
    }

    pub(super) fn fail_at<T>(&self, offset: usize, message: impl Into<String>) -> Result<T, SqlError> {
        Err(SqlError::at(self.text, offset, message.into()))
    }

    pub(super) fn expected<T>(&self, what: &str) -> Result<T, SqlError> {
        self.fail(format!("expected {what}, found {}", self.next))
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.next, Token::Symbol(found) if found == symbol)
    }

    pub(super) fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.next, Token::Name(found) if found.eq_ignore_ascii_case(keyword))
    }

    pub(super) fn take_symbol(&mut self, symbol: &str) -> Result<bool, SqlError> {
        let found = self.is_symbol(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    pub(super) fn take_keyword(&mut self, keyword: &str) -> Result<bool, SqlError> {
        let found = self.is_keyword(keyword);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    pub(super) fn expect_symbol(&mut self, symbol: &str) -> Result<(), SqlError> {
        if self.take_symbol(symbol)? { Ok(()) } else { self.expected(&format!("`{symbol}`")) }
    }

    pub(super) fn expect_keyword(&mut self, keyword: &str) -> Result<(), SqlError> {
        if self.take_keyword(keyword)? { Ok(()) } else { self.expected(keyword) }
    }

    /// `name.name.…`, the first of which is `first`.
    pub(super) fn path(&mut self, first: &'a str) -> Result<Vec<&'a str>, SqlError> {
        let mut path = vec![first];
        while self.take_symbol(".")? {
            if path.len() as u32 >= SQL_DEPTH_MAX {
                return self.fail(format!("a path has at most {SQL_DEPTH_MAX} names"));
            }
            path.push(self.name("a name (for others use `get(object, \"name\")`)")?);
        }
        Ok(path)
    }

    pub(super) fn name(&mut self, what: &str) -> Result<&'a str, SqlError> {
        match self.next {
            Token::Name(name) => {
                self.advance()?;
                Ok(name)
            }
            _ => self.expected(what),
        }
    }

    /// The field at `path` in the `outer`-th SELECT, counted from the innermost.
    pub(super) fn field(&mut self, path: &[&str], outer: usize) -> FieldId {
        let at = self.scopes.len() - 1 - outer;
        if at == 0 {
            let name = path.join(".").into_boxed_str();
            if !self.fields_read.contains(&name) {
                self.fields_read.push(name);
            }
        }
        let scope = &mut self.scopes[at];
        scope.json = Json::Needed;
        scope.fields.intern(path)
    }

    /// The names of the innermost SELECT.
    pub(super) fn scope(&mut self) -> &mut Names {
        let last = self.scopes.len() - 1;
        &mut self.scopes[last]
    }

    /// Runs `parse` one level deeper.
    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, SqlError>) -> Result<T, SqlError> {
        if self.depth >= SQL_DEPTH_MAX {
            return self.fail(format!("expressions are nested at most {SQL_DEPTH_MAX} deep"));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    /// Refuses what a later version of the language brought.
    pub(super) fn since(&self, version: SqlVersion, what: &str) -> Result<(), SqlError> {
        if self.version >= version { Ok(()) } else { self.fail(format!("{what} needs SQL version {version}")) }
    }
}
