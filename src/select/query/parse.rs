//! Parses a condition into a tree; `or` binds loosest, then `and`, then `not`.

use super::tokens::{Token, tokens};
use super::{ComparisonOperator, Literal, TextTest, wrong};
use crate::error::Result;

/// A parsed condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Operand, ComparisonOperator, Operand),
    In(PlacedName, Vec<Placed<Literal>>),
    Text(PlacedName, TextTest, Placed<String>),
    Missing(PlacedName),
    /// A column of bools, used as a condition.
    True(PlacedName),
}

/// Something, and the byte of the condition at which it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed<T> {
    pub(super) at: usize,
    pub(super) it: T,
}

/// The name of a column.
pub(super) type PlacedName = Placed<String>;

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Column(PlacedName),
    Value(Placed<Literal>),
}

impl Condition {
    /// Appends the names of all columns, some of them several times. Conditions are nested as deep as the parser
    /// allows.
    pub(super) fn names<'c>(&'c self, names: &mut Vec<&'c str>) {
        let mut push = |name: &'c PlacedName| names.push(&name.it);
        match self {
            Condition::Any(list) | Condition::All(list) => list.iter().for_each(|one| one.names(names)),
            Condition::Not(one) => one.names(names),
            Condition::Compare(a, _, b) => [a, b].into_iter().for_each(|operand| {
                if let Operand::Column(name) = operand {
                    push(name);
                }
            }),
            Condition::In(name, _)
            | Condition::Text(name, ..)
            | Condition::Missing(name)
            | Condition::True(name) => push(name),
        }
    }
}

/// Maximum nesting depth of parentheses and `not`.
const MOST_DEPTH: usize = 200;

pub(super) fn parse(text: &str) -> Result<Condition> {
    let tokens = tokens(text)?;
    let mut p = Parser { tokens: &tokens, text, depth: 0 };
    let condition = p.any()?;
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

impl<'t> Parser<'t> {
    fn next(&self) -> Option<&'t Token> {
        self.tokens.first().map(|(_, token)| token)
    }

    fn advance(&mut self) {
        self.tokens = self.tokens.get(1..).unwrap_or_default();
    }

    fn take(&mut self, token: &Token) -> bool {
        let there = self.next() == Some(token);
        if there {
            self.advance();
        }
        there
    }

    /// The byte at which the next token begins.
    fn at(&self) -> usize {
        self.tokens.first().map_or(self.text.len(), |(at, _)| *at)
    }

    fn fail<T>(&self, why: &str) -> Result<T> {
        Err(wrong(self.text, self.at(), why))
    }

    fn any(&mut self) -> Result<Condition> {
        let mut all = vec![self.all()?];
        while self.take(&Token::Or) {
            all.push(self.all()?);
        }
        Ok(if all.len() == 1 { all.swap_remove(0) } else { Condition::Any(all) })
    }

    fn all(&mut self) -> Result<Condition> {
        let mut all = vec![self.term()?];
        while self.take(&Token::And) {
            all.push(self.term()?);
        }
        Ok(if all.len() == 1 { all.swap_remove(0) } else { Condition::All(all) })
    }

    fn term(&mut self) -> Result<Condition> {
        if self.depth == MOST_DEPTH {
            return self.fail(&format!("expected at most {MOST_DEPTH} nested parentheses, got more"));
        }
        self.depth += 1;
        let condition = if self.take(&Token::Not) {
            Condition::Not(Box::new(self.term()?))
        } else if self.take(&Token::Open) {
            let inner = self.any()?;
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
        let left = self.operand("expected a column or a value")?;
        match self.operator() {
            Some(operator) => self.after_operator(left, operator),
            None => self.chain(left),
        }
    }

    /// A comparison, a chain of them (`1 < x < 3`), or a column alone.
    fn chain(&mut self, mut left: Operand) -> Result<Condition> {
        let mut all = Vec::new();
        while let Some(Token::ComparisonOperator(op)) = self.next() {
            let at = self.at();
            self.advance();
            let right = self.operand("expected a value or a column (texts stand in quotes)")?;
            if matches!((&left, &right), (Operand::Value(_), Operand::Value(_))) {
                return Err(wrong(self.text, at, "expected a column on one side, got two values"));
            }
            all.push(Condition::Compare(left, *op, right.clone()));
            left = right;
        }
        match left {
            _ if all.len() > 1 => Ok(Condition::All(all)),
            _ if all.len() == 1 => Ok(all.swap_remove(0)),
            Operand::Column(name) => Ok(Condition::True(name)),
            Operand::Value(_) => self.fail("expected a comparison"),
        }
    }

    fn operand(&mut self, expected: &str) -> Result<Operand> {
        let at = self.at();
        let operand = match self.next() {
            Some(Token::Word(name) | Token::Name(name)) => Operand::Column(Placed { at, it: name.clone() }),
            Some(Token::Literal(value)) => Operand::Value(Placed { at, it: value.clone() }),
            _ => return self.fail(expected),
        };
        self.advance();
        Ok(operand)
    }

    /// Takes an operator that is a word, with its negation.
    fn operator(&mut self) -> Option<Operator> {
        let kind = |token: Option<&(usize, Token)>| match &token?.1 {
            Token::In => Some(OperatorKind::In),
            Token::Word(word) if word.eq_ignore_ascii_case("is") => Some(OperatorKind::Is),
            Token::Word(word) => TextTest::named(word).map(OperatorKind::Text),
            _ => None,
        };
        if let Some(kind) = kind(self.tokens.first()) {
            self.advance();
            let negated = kind == OperatorKind::Is && self.take(&Token::Not);
            return Some(Operator { kind, negated });
        }
        let negated = self.next() == Some(&Token::Not);
        let kind = kind(self.tokens.get(1)).filter(|kind| negated && *kind != OperatorKind::Is)?;
        self.advance();
        self.advance();
        Some(Operator { kind, negated })
    }

    fn after_operator(&mut self, left: Operand, operator: Operator) -> Result<Condition> {
        let name = match left {
            Operand::Column(name) => name,
            Operand::Value(value) => return Err(wrong(self.text, value.at, "expected a column")),
        };
        let at = self.at();
        let condition = match (operator.kind, self.next()) {
            (OperatorKind::In, _) => Condition::In(name, self.list()?),
            (OperatorKind::Is, Some(Token::Literal(Literal::Missing))) => {
                self.advance();
                Condition::Missing(name)
            }
            (OperatorKind::Is, _) => return self.fail("expected 'missing' or 'not missing'"),
            (OperatorKind::Text(test), Some(Token::Literal(Literal::Text(text)))) => {
                self.advance();
                Condition::Text(name, test, Placed { at, it: text.clone() })
            }
            (OperatorKind::Text(_), _) => return self.fail("expected a text in quotes"),
        };
        Ok(if operator.negated { Condition::Not(Box::new(condition)) } else { condition })
    }

    /// Values in brackets or parentheses.
    fn list(&mut self) -> Result<Vec<Placed<Literal>>> {
        let (end, name) = match self.next() {
            Some(Token::ListOpen) => (Token::ListClose, ']'),
            Some(Token::Open) => (Token::Close, ')'),
            _ => return self.fail("expected '[' or '('"),
        };
        self.advance();
        let mut out = Vec::new();
        loop {
            if self.take(&end) {
                return Ok(out);
            }
            let at = self.at();
            let Some(Token::Literal(value)) = self.next() else {
                return self.fail("expected a value (texts stand in quotes)");
            };
            out.push(Placed { at, it: value.clone() });
            self.advance();
            if !self.take(&Token::Comma) && self.next() != Some(&end) {
                return self.fail(&format!("expected ',' or '{name}'"));
            }
        }
    }
}

/// An operator that is a word.
struct Operator {
    kind: OperatorKind,
    negated: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum OperatorKind {
    In,
    Is,
    Text(TextTest),
}
