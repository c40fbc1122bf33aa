//! Conditions on rows, as people write them: `cell_type == "T cell" and (score > 0.8 or not doublet)`.
//!
//! Names are columns, or `index`; names that are no words stand in backticks. Values are numbers, `true`, `false`,
//! `missing`, and texts in either kind of quotes. `==`, `!=`, `<`, `<=`, `>`, `>=`, `in [...]` and `not in [...]` compare;
//! `and`, `or`, `not` and parentheses join. A missing value equals nothing but `missing`. Labels with an order compare
//! by it; other texts by their bytes.

use crate::dtype::{Dtype, Scalar, scalar_at};
use crate::error::{Error, Result};
use crate::table::{Column, Frame};
use std::cmp::Ordering;

/// A condition, parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Query(Node);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Or(Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Compare(String, Op, Literal),
    In(String, Vec<Literal>),
    /// A column of bools by itself.
    True(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Text(String),
    Integer(i128),
    Float(f64),
    Bool(bool),
    Missing,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Literal(Literal),
    Op(Op),
    Open,
    Close,
    ListOpen,
    ListClose,
    Comma,
    And,
    Or,
    Not,
    In,
}

/// How deep parentheses may stand in each other.
const MOST_DEPTH: usize = 200;

impl Query {
    /// Parses a condition.
    ///
    /// # Errors
    /// `Usage`, with what was expected and where.
    pub fn parse(text: &str) -> Result<Query> {
        let tokens = tokens(text)?;
        let mut p = Parser { tokens: &tokens, text, depth: 0 };
        let node = p.or()?;
        match p.tokens.first() {
            None => Ok(Query(node)),
            Some((at, _)) => Err(wrong(text, *at, "expected 'and', 'or' or the end")),
        }
    }

    /// Which rows of `frame` fulfil it, ascending.
    ///
    /// # Errors
    /// `Usage` where a column does not exist or cannot be compared so.
    pub fn rows(&self, frame: &Frame) -> Result<Vec<u64>> {
        let hits = eval(&self.0, frame)?;
        Ok((0u64..).zip(hits).filter(|(_, hit)| *hit).map(|(row, _)| row).collect())
    }
}

fn wrong(text: &str, at: usize, why: &str) -> Error {
    let rest: String = text[at..].chars().take(20).collect();
    let place = if rest.is_empty() { "at the end".to_owned() } else { format!("at '{rest}'") };
    Error::usage(format!("condition: {why} {place}"))
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>> {
    let mut out = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some(&(at, c)) = chars.peek() {
        let rest = &text[at..];
        let symbol = [
            ("==", Token::Op(Op::Equal)),
            ("!=", Token::Op(Op::NotEqual)),
            ("<=", Token::Op(Op::LessEqual)),
            (">=", Token::Op(Op::GreaterEqual)),
            ("<", Token::Op(Op::Less)),
            (">", Token::Op(Op::Greater)),
            ("(", Token::Open),
            (")", Token::Close),
            ("[", Token::ListOpen),
            ("]", Token::ListClose),
            (",", Token::Comma),
        ]
        .into_iter()
        .find(|(s, _)| rest.starts_with(s));
        if c.is_whitespace() {
            chars.next();
        } else if let Some((s, token)) = symbol {
            out.push((at, token));
            chars.nth(s.len() - 1);
        } else if matches!(c, '"' | '\'' | '`') {
            chars.next();
            let mut inner = String::new();
            loop {
                match chars.next() {
                    None => return Err(wrong(text, at, "a quote without its end")),
                    Some((_, '\\')) if c != '`' => {
                        let (_, next) =
                            chars.next().ok_or_else(|| wrong(text, at, "a quote without its end"))?;
                        inner.push(match next {
                            'n' => '\n',
                            't' => '\t',
                            other => other,
                        });
                    }
                    Some((_, x)) if x == c => break,
                    Some((_, x)) => inner.push(x),
                }
            }
            out.push((at, if c == '`' { Token::Name(inner) } else { Token::Literal(Literal::Text(inner)) }));
        } else if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') {
            let mut word = String::new();
            while let Some(&(_, x)) = chars.peek() {
                let signs = matches!(x, '-' | '+') && (word.is_empty() || word.ends_with(['e', 'E']));
                if !(x.is_ascii_alphanumeric() || x == '.' || x == '_' || signs) {
                    break;
                }
                word.push(x);
                chars.next();
            }
            let plain = word.replace('_', "");
            let number = match (plain.parse::<i128>(), plain.parse::<f64>()) {
                (Ok(i), _) => Literal::Integer(i),
                (_, Ok(f)) => Literal::Float(f),
                _ => return Err(wrong(text, at, "expected a number")),
            };
            out.push((at, Token::Literal(number)));
        } else if c.is_alphanumeric() || c == '_' {
            let mut word = String::new();
            while let Some(&(_, x)) = chars.peek() {
                if !(x.is_alphanumeric() || x == '_' || x == '.') {
                    break;
                }
                word.push(x);
                chars.next();
            }
            out.push((
                at,
                match word.as_str() {
                    "and" => Token::And,
                    "or" => Token::Or,
                    "not" => Token::Not,
                    "in" => Token::In,
                    "true" | "True" => Token::Literal(Literal::Bool(true)),
                    "false" | "False" => Token::Literal(Literal::Bool(false)),
                    "missing" | "None" => Token::Literal(Literal::Missing),
                    _ => Token::Name(word),
                },
            ));
        } else {
            return Err(wrong(text, at, "expected a name or a value"));
        }
    }
    Ok(out)
}

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

    fn or(&mut self) -> Result<Node> {
        let mut left = self.and()?;
        while self.take(&Token::Or) {
            left = Node::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Node> {
        let mut left = self.not()?;
        while self.take(&Token::And) {
            left = Node::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Node> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return self.fail("too deep");
        }
        let node = if self.take(&Token::Not) {
            Node::Not(Box::new(self.not()?))
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
        Ok(node)
    }

    fn comparison(&mut self) -> Result<Node> {
        let Some(((_, Token::Name(name)), rest)) = self.tokens.split_first() else {
            return self.fail("expected a column");
        };
        let name = name.clone();
        self.tokens = rest;
        if self.take(&Token::In) {
            return Ok(Node::In(name, self.list()?));
        }
        if let [(_, Token::Not), (_, Token::In), rest @ ..] = self.tokens {
            self.tokens = rest;
            return Ok(Node::Not(Box::new(Node::In(name, self.list()?))));
        }
        match self.tokens {
            [(_, Token::Op(op)), (_, Token::Literal(l)), rest @ ..] => {
                self.tokens = rest;
                Ok(Node::Compare(name, *op, l.clone()))
            }
            [(_, Token::Op(_)), rest @ ..] => {
                self.tokens = rest;
                self.fail("expected a value (texts stand in quotes)")
            }
            _ => Ok(Node::True(name)),
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

fn eval(node: &Node, frame: &Frame) -> Result<Vec<bool>> {
    let join = |a: &Node, b: &Node, f: fn(bool, bool) -> bool| -> Result<Vec<bool>> {
        Ok(eval(a, frame)?.into_iter().zip(eval(b, frame)?).map(|(a, b)| f(a, b)).collect())
    };
    match node {
        Node::Or(a, b) => join(a, b, |a, b| a || b),
        Node::And(a, b) => join(a, b, |a, b| a && b),
        Node::Not(a) => Ok(eval(a, frame)?.into_iter().map(|x| !x).collect()),
        Node::True(name) => compare(frame, name, Op::Equal, &Literal::Bool(true)),
        Node::Compare(name, op, literal) => compare(frame, name, *op, literal),
        Node::In(name, list) => {
            let mut hits = vec![false; frame.rows()];
            for literal in list {
                let one = compare(frame, name, Op::Equal, literal)?;
                hits.iter_mut().zip(one).for_each(|(h, o)| *h |= o);
            }
            Ok(hits)
        }
    }
}

/// Rows whose value stands to `literal` as `op` says.
fn compare(frame: &Frame, name: &str, op: Op, literal: &Literal) -> Result<Vec<bool>> {
    let index;
    let column = match frame.column(name) {
        Some(c) => c,
        None if name == "index" || Some(name) == frame.index_name() => {
            index = Column::Strings(frame.index().clone());
            &index
        }
        None => {
            let names: Vec<&str> = frame.columns().iter().map(|(n, _)| n.as_str()).collect();
            return Err(Error::not_found(format!(
                "there is no column '{name}' (there are: index, {})",
                names.join(", ")
            )));
        }
    };
    compare_column(column, name, op, literal)
}

fn compare_column(column: &Column, name: &str, op: Op, literal: &Literal) -> Result<Vec<bool>> {
    let rows = column.len();
    let missing = |row: usize| match column {
        Column::Nullable { missing, .. } | Column::NullableStrings { missing, .. } => missing[row],
        Column::Categorical(c) => c.codes()[row] < 0,
        Column::Numbers { dtype, bytes } if dtype.is_float() => {
            scalar_at(*dtype, bytes, row).is_some_and(|v| v.as_f64().is_nan())
        }
        _ => false,
    };
    let equality = matches!(op, Op::Equal | Op::NotEqual);
    if *literal == Literal::Missing {
        return match op {
            Op::Equal => Ok((0..rows).map(missing).collect()),
            Op::NotEqual => Ok((0..rows).map(|r| !missing(r)).collect()),
            _ => Err(Error::usage(format!("'{name}': missing is neither less nor greater than anything"))),
        };
    }
    let by = |order: &dyn Fn(usize) -> Option<Ordering>| -> Vec<bool> {
        (0..rows).map(|row| if missing(row) { op == Op::NotEqual } else { holds(op, order(row)) }).collect()
    };
    match (column, literal) {
        (Column::Categorical(c), literal) => {
            let labels = compare_column(c.categories(), name, Op::Equal, literal)?;
            let at = labels.iter().position(|hit| *hit);
            if equality {
                return Ok(by(&|row| {
                    let same = at.is_some_and(|at| c.codes()[row] as usize == at);
                    Some(if same { Ordering::Equal } else { Ordering::Less })
                }));
            }
            if c.ordered() {
                let at =
                    at.ok_or_else(|| Error::usage(format!("'{name}' has no such label to compare with")))?;
                return Ok(by(&|row| Some((c.codes()[row] as usize).cmp(&at))));
            }
            let labels = compare_column(c.categories(), name, op, literal)?;
            Ok((0..rows).map(|r| !missing(r) && labels[c.codes()[r] as usize]).collect())
        }
        (Column::Strings(s) | Column::NullableStrings { values: s, .. }, Literal::Text(t)) => {
            Ok(by(&|row| s.bytes(row).map(|b| b.cmp(t.as_bytes()))))
        }
        (Column::Numbers { dtype, bytes } | Column::Nullable { dtype, bytes, .. }, l) => {
            let number = |row: usize| scalar_at(*dtype, bytes, row);
            match l {
                Literal::Integer(i) => Ok(by(&|row| match number(row)? {
                    Scalar::Int(v) => Some(v.cmp(i)),
                    v => v.as_f64().partial_cmp(&(*i as f64)),
                })),
                Literal::Float(f) => {
                    // at the column's own precision, as numpy compares
                    let f = match dtype {
                        Dtype::Float16 => half::f16::from_f64(*f).to_f64(),
                        Dtype::Float32 => f64::from(*f as f32),
                        _ => *f,
                    };
                    Ok(by(&|row| number(row)?.as_f64().partial_cmp(&f)))
                }
                Literal::Bool(b) => Ok(by(&|row| match number(row)? {
                    Scalar::Bool(v) => Some(v.cmp(b)),
                    v => v.as_f64().partial_cmp(&f64::from(u8::from(*b))),
                })),
                _ => Err(Error::usage(format!("'{name}' holds numbers ({}), not texts", column.type_name()))),
            }
        }
        _ => Err(Error::usage(format!("'{name}' holds texts: the value must stand in quotes"))),
    }
}

fn holds(op: Op, order: Option<Ordering>) -> bool {
    match (op, order) {
        (Op::NotEqual, None) => true,
        (_, None) => false,
        (Op::Equal, Some(o)) => o == Ordering::Equal,
        (Op::NotEqual, Some(o)) => o != Ordering::Equal,
        (Op::Less, Some(o)) => o == Ordering::Less,
        (Op::LessEqual, Some(o)) => o != Ordering::Greater,
        (Op::Greater, Some(o)) => o == Ordering::Greater,
        (Op::GreaterEqual, Some(o)) => o != Ordering::Less,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Categorical;

    fn frame() -> Frame {
        let labels = |l: &[&str]| Column::Strings(l.iter().copied().collect());
        let kind = Categorical::new(&[0, 1, -1, 0], labels(&["T cell", "B"]), false).unwrap();
        let size = Categorical::new(&[2, 0, 1, -1], labels(&["small", "mid", "big"]), true).unwrap();
        let score = [0.5f32, 0.9, f32::NAN, 1.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        let n = [1i32, 2, 3, 4].iter().flat_map(|v| v.to_le_bytes()).collect();
        let columns = vec![
            ("cell_type".to_owned(), Column::Categorical(kind)),
            ("size".to_owned(), Column::Categorical(size)),
            ("score".to_owned(), Column::Numbers { dtype: Dtype::Float32, bytes: score }),
            ("n genes".to_owned(), Column::Numbers { dtype: Dtype::Int32, bytes: n }),
            ("doublet".to_owned(), Column::Numbers { dtype: Dtype::Bool, bytes: vec![0, 1, 0, 1] }),
            (
                "maybe".to_owned(),
                Column::Nullable {
                    dtype: Dtype::Int8,
                    bytes: vec![1, 2, 3, 4],
                    missing: vec![false, true, false, false],
                },
            ),
        ];
        Frame::new(None, ["a", "b", "c", "d"].iter().collect(), columns).unwrap()
    }

    #[test]
    fn conditions() {
        for (text, rows) in [
            (r#"cell_type == "T cell" and score > 0.8"#, &[3][..]),
            ("cell_type != 'B'", &[0, 2, 3]),
            ("cell_type == missing", &[2]),
            ("size < 'big'", &[1, 2]),
            ("size >= 'mid' or doublet", &[0, 1, 2, 3]),
            ("not doublet", &[0, 2]),
            ("`n genes` in [1, 3, 9]", &[0, 2]),
            ("`n genes` not in [1, 3]", &[1, 3]),
            ("not (score >= 0.9 or index == 'a')", &[2]),
            ("score != 0.5", &[1, 2, 3]),
            ("score == missing", &[2]),
            ("maybe > 1", &[2, 3]),
            ("maybe == missing or maybe == 1", &[0, 1]),
            ("doublet == false and `n genes` <= 3.5", &[0, 2]),
            ("index in ['d', 'b']", &[1, 3]),
            ("score > -1e-3", &[0, 1, 3]),
        ] {
            assert_eq!(Query::parse(text).unwrap().rows(&frame()).unwrap(), rows, "{text}");
        }
    }

    #[test]
    fn mistakes_are_explained() {
        for (text, why) in [
            ("", "expected a column at the end"),
            ("score >", "expected a value"),
            ("score > 1 2", "expected 'and', 'or' or the end at '2'"),
            ("(score > 1", "expected ')'"),
            ("score = 1", "expected a name or a value at '= 1'"),
            ("cell_type == 'T", "a quote without its end"),
            ("n in [1 2]", "expected ',' or ']'"),
        ] {
            let e = Query::parse(text).unwrap_err();
            assert!(e.message().contains(why), "{text}: {e}");
        }
        for (text, why) in [
            ("nope == 1", "there is no column 'nope'"),
            ("score == 'x'", "holds numbers"),
            ("index == 1", "must stand in quotes"),
            ("size < 'huge'", "no such label"),
            ("score < missing", "neither less nor greater"),
        ] {
            let e = Query::parse(text).unwrap().rows(&frame()).unwrap_err();
            assert!(e.message().contains(why), "{text}: {e}");
        }
        assert!(Query::parse(&"(".repeat(5000)).is_err());
    }
}
