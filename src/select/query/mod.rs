//! Conditions on rows: `cell_type == "T cell" and (score > 0.8 or not doublet)`.
//!
//! Names are columns, or `index`; names that are not plain words are put in backticks. Values are numbers,
//! `true`, `false`, `missing`, and texts in single or double quotes. `==`, `!=`, `<`, `<=`, `>`, `>=`,
//! `in [...]` and `not in [...]` compare; `and`, `or`, `not` and parentheses combine conditions. A missing
//! value equals only `missing`. Ordered labels compare by their order, other texts byte by byte.

mod eval;
mod parse;
mod tokens;

use crate::error::{Error, Result};
use crate::table::Frame;
use parse::Condition;

/// A parsed condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Query(Condition);

/// A comparison of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ComparisonOperator {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// A literal value in a condition.
#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Text(String),
    Integer(i128),
    Float(f64),
    Bool(bool),
    Missing,
}

impl Query {
    /// Parses a condition.
    ///
    /// # Errors
    /// `Usage`, with what was expected and at which position.
    pub fn parse(text: &str) -> Result<Query> {
        parse::parse(text).map(Query)
    }

    /// The rows of `frame` that satisfy the condition, ascending.
    ///
    /// # Errors
    /// `NotFound` if a column does not exist; `Usage` if a column cannot be compared with its value.
    pub fn rows(&self, frame: &Frame) -> Result<Vec<u64>> {
        let hits = eval::eval(&self.0, frame)?;
        Ok((0u64..).zip(hits).filter(|(_, hit)| *hit).map(|(row, _)| row).collect())
    }
}

/// A syntax error in a condition, at byte `at`.
fn wrong(text: &str, at: usize, why: &str) -> Error {
    let rest: String = text[at..].chars().take(20).collect();
    let place = if rest.is_empty() { "at the end".to_owned() } else { format!("at '{rest}'") };
    Error::usage(format!("condition: {why} {place}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::table::{Categorical, Column};

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
