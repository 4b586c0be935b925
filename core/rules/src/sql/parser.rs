//! Where the parser is: one token ahead of what it has taken.
use super::ast::{At, Path};
use super::token::{Token, token};
use super::{SQL_BYTES_MAX, SQL_DEPTH_MAX};
use crate::SqlError;

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    /// The next token.
    pub(super) next: Token<'a>,
    /// Where it begins, and where it ends.
    pub(super) start: usize,
    end: usize,
    depth: u32,
}

impl<'a> Parser<'a> {
    /// A parser before `text`. It has to [`Self::jump`] to where it begins.
    pub(super) fn new(text: &'a str) -> Result<Self, SqlError> {
        if text.len() > SQL_BYTES_MAX {
            return Err(SqlError::at(text, 0, format!("a statement has at most {SQL_BYTES_MAX} bytes")));
        }
        Ok(Self { text, next: Token::End, start: 0, end: 0, depth: 0 })
    }

    /// Where the next token begins.
    pub(super) fn at(&self) -> At {
        At(self.start)
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
        Err(SqlError::at(self.text, self.start, message.into()))
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

    /// `first.name.…`
    pub(super) fn path(&mut self, first: &str) -> Result<Path, SqlError> {
        let mut path: Vec<Box<str>> = vec![first.into()];
        self.names(&mut path)?;
        Ok(path.into())
    }

    /// `.name.…`, if there is any.
    pub(super) fn names(&mut self, path: &mut Vec<Box<str>>) -> Result<(), SqlError> {
        while self.take_symbol(".")? {
            if path.len() as u32 >= SQL_DEPTH_MAX {
                return self.fail(format!("a path has at most {SQL_DEPTH_MAX} names"));
            }
            path.push(self.name("a name (for others use `get(object, \"name\")`)")?.into());
        }
        Ok(())
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
}
