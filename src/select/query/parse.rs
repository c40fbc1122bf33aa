//! Parses a condition into a tree; `or` binds loosest, then `and`, then `not`.

use super::tokens::{Token, tokens};
use super::{ComparisonOperator, Literal, wrong};
use crate::error::Result;

/// A parsed condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    Or(Box<Condition>, Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Compare(String, ComparisonOperator, Literal),
    In(String, Vec<Literal>),
    /// A column of bools, used as a condition.
    True(String),
}

/// Maximum nesting depth of parentheses.
const MOST_DEPTH: usize = 200;

pub(super) fn parse(text: &str) -> Result<Condition> {
    let tokens = tokens(text)?;
    let mut p = Parser { tokens: &tokens, text, depth: 0 };
    let condition = p.or()?;
    match p.tokens.first() {
        None => Ok(condition),
        Some((at, _)) => Err(wrong(text, *at, "expected 'and', 'or' or the end")),
    }
}

/// A recursive-descent parser over the remaining tokens.
struct Parser<'t> {
    tokens: &'t [(usize, Token)],
    text: &'t str,
    depth: usize,
}

impl Parser<'_> {
    fn take(&mut self, token: &Token) -> bool {
        match self.tokens.split_first() {
            Some(((_, t), rest)) if t == token => {
                self.tokens = rest;
                true
            }
            _ => false,
        }
    }

    fn fail<T>(&self, why: &str) -> Result<T> {
        Err(wrong(self.text, self.tokens.first().map_or(self.text.len(), |(at, _)| *at), why))
    }

    fn or(&mut self) -> Result<Condition> {
        let mut left = self.and()?;
        while self.take(&Token::Or) {
            left = Condition::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Condition> {
        let mut left = self.not()?;
        while self.take(&Token::And) {
            left = Condition::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Condition> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return self.fail("too deep");
        }
        let condition = if self.take(&Token::Not) {
            Condition::Not(Box::new(self.not()?))
        } else if self.take(&Token::Open) {
            let inner = self.or()?;
            if !self.take(&Token::Close) {
                return self.fail("expected ')'");
            }
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn comparison(&mut self) -> Result<Condition> {
        let Some(((_, Token::Name(name)), rest)) = self.tokens.split_first() else {
            return self.fail("expected a column");
        };
        let name = name.clone();
        self.tokens = rest;
        if self.take(&Token::In) {
            return Ok(Condition::In(name, self.list()?));
        }
        if let [(_, Token::Not), (_, Token::In), rest @ ..] = self.tokens {
            self.tokens = rest;
            return Ok(Condition::Not(Box::new(Condition::In(name, self.list()?))));
        }
        match self.tokens {
            [(_, Token::ComparisonOperator(op)), (_, Token::Literal(l)), rest @ ..] => {
                self.tokens = rest;
                Ok(Condition::Compare(name, *op, l.clone()))
            }
            [(_, Token::ComparisonOperator(_)), rest @ ..] => {
                self.tokens = rest;
                self.fail("expected a value (texts stand in quotes)")
            }
            _ => Ok(Condition::True(name)),
        }
    }

    fn list(&mut self) -> Result<Vec<Literal>> {
        if !self.take(&Token::ListOpen) {
            return self.fail("expected '['");
        }
        let mut out = Vec::new();
        loop {
            if self.take(&Token::ListClose) {
                return Ok(out);
            }
            match self.tokens.split_first() {
                Some(((_, Token::Literal(l)), rest)) => {
                    out.push(l.clone());
                    self.tokens = rest;
                }
                _ => return self.fail("expected a value"),
            }
            if !self.take(&Token::Comma) && self.tokens.first().is_none_or(|(_, t)| *t != Token::ListClose) {
                return self.fail("expected ',' or ']'");
            }
        }
    }
}
