//! Splits a condition into tokens, each with the byte at which it begins.

use super::{ComparisonOperator, Literal, wrong};
use crate::error::Result;
use std::iter::Peekable;
use std::str::CharIndices;

/// A word, a sign or a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A plain word: a column, or where one is expected, an operator such as `startswith`.
    Word(String),
    /// A column in backticks.
    Name(String),
    Literal(Literal),
    ComparisonOperator(ComparisonOperator),
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

/// Operators and brackets by their text, longer ones first.
const SIGNS: [(&str, Token); 17] = [
    ("==", Token::ComparisonOperator(ComparisonOperator::Equal)),
    ("!=", Token::ComparisonOperator(ComparisonOperator::NotEqual)),
    ("<=", Token::ComparisonOperator(ComparisonOperator::LessEqual)),
    (">=", Token::ComparisonOperator(ComparisonOperator::GreaterEqual)),
    ("&&", Token::And),
    ("||", Token::Or),
    ("<", Token::ComparisonOperator(ComparisonOperator::Less)),
    (">", Token::ComparisonOperator(ComparisonOperator::Greater)),
    ("&", Token::And),
    ("|", Token::Or),
    ("!", Token::Not),
    ("~", Token::Not),
    ("(", Token::Open),
    (")", Token::Close),
    ("[", Token::ListOpen),
    ("]", Token::ListClose),
    (",", Token::Comma),
];

/// Splits a condition into tokens.
///
/// # Errors
/// `Usage` for text that is not a token.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>> {
    let mut out = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some(&(at, c)) = chars.peek() {
        if c.is_whitespace() {
            chars.next();
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let token = if let Some((sign, token)) = SIGNS.iter().find(|(s, _)| rest.starts_with(s)) {
            chars.nth(sign.len() - 1);
            token.clone()
        } else if rest.starts_with("r'") || rest.starts_with("r\"") {
            chars.next();
            Token::Literal(Literal::Text(quoted(text, at, &mut chars, Escapes::None)?))
        } else if c == '`' {
            Token::Name(quoted(text, at, &mut chars, Escapes::Twice)?)
        } else if matches!(c, '"' | '\'') {
            Token::Literal(Literal::Text(quoted(text, at, &mut chars, Escapes::Backslash)?))
        } else if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') {
            Token::Literal(number(&mut chars).ok_or_else(|| wrong(text, at, "expected a number"))?)
        } else if c.is_alphanumeric() || c == '_' {
            word(&mut chars)
        } else if c == '=' {
            return Err(wrong(text, at, "expected '=='"));
        } else {
            return Err(wrong(text, at, "expected a name or a value"));
        };
        out.push((at, token));
    }
    Ok(out)
}

/// How a quote, and what cannot be typed, is written between quotes.
#[derive(Clone, Copy, PartialEq)]
enum Escapes {
    /// With a backslash: texts.
    Backslash,
    /// Twice: names in backticks.
    Twice,
    /// Not at all: texts after `r`.
    None,
}

/// Reads the quoted text that follows; the token begins at byte `at`.
fn quoted(text: &str, at: usize, chars: &mut Peekable<CharIndices<'_>>, how: Escapes) -> Result<String> {
    let without_end = || wrong(text, at, "a quote without its end");
    let (_, quote) = chars.next().ok_or_else(without_end)?;
    let mut inner = String::new();
    loop {
        match chars.next().ok_or_else(without_end)? {
            (at, '\\') if how == Escapes::Backslash => {
                inner.push(match chars.next().ok_or_else(without_end)?.1 {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    c @ ('\\' | '\'' | '"') => c,
                    _ => {
                        let why =
                            r#"expected one of \n, \t, \r, \\, \' and \" (in r'...' a backslash is itself)"#;
                        return Err(wrong(text, at, why));
                    }
                });
            }
            (_, c) if c == quote => {
                let twice = how == Escapes::Twice && chars.next_if(|(_, next)| *next == quote).is_some();
                if !twice {
                    return Ok(inner);
                }
                inner.push(quote);
            }
            (_, c) => inner.push(c),
        }
    }
}

/// Reads characters while `belongs(text so far, next character)` holds; returns the text.
fn run(chars: &mut Peekable<CharIndices<'_>>, belongs: impl Fn(&str, char) -> bool) -> String {
    let mut out = String::new();
    while let Some((_, c)) = chars.next_if(|(_, c)| belongs(&out, *c)) {
        out.push(c);
    }
    out
}

fn number(chars: &mut Peekable<CharIndices<'_>>) -> Option<Literal> {
    let word = run(chars, |word, c| {
        let sign = matches!(c, '-' | '+') && (word.is_empty() || word.ends_with(['e', 'E']));
        c.is_ascii_alphanumeric() || c == '.' || c == '_' || sign
    });
    let plain = word.replace('_', "");
    match (plain.parse(), plain.parse::<f64>()) {
        (Ok(i), _) => Some(Literal::Integer(i)),
        (_, Ok(f)) if !f.is_nan() => Some(Literal::Float(f)),
        _ => None,
    }
}

fn word(chars: &mut Peekable<CharIndices<'_>>) -> Token {
    let word = run(chars, |_, c| c.is_alphanumeric() || c == '_' || c == '.');
    match word.to_ascii_lowercase().as_str() {
        "and" => Token::And,
        "or" => Token::Or,
        "not" => Token::Not,
        "in" => Token::In,
        "true" => Token::Literal(Literal::Bool(true)),
        "false" => Token::Literal(Literal::Bool(false)),
        "missing" | "none" => Token::Literal(Literal::Missing),
        _ => Token::Word(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<Token> {
        tokens(text).unwrap().into_iter().map(|(_, token)| token).collect()
    }

    fn text(t: &str) -> Token {
        Token::Literal(Literal::Text(t.into()))
    }

    #[test]
    fn words_quotes_and_numbers() {
        let found = of(r#"`n genes`>=-1_000e2 And"a\"b\n" not in r'\d' & ! a.b"#);
        let wanted = [
            Token::Name("n genes".into()),
            Token::ComparisonOperator(ComparisonOperator::GreaterEqual),
            Token::Literal(Literal::Float(-100_000.0)),
            Token::And,
            text("a\"b\n"),
            Token::Not,
            Token::In,
            text("\\d"),
            Token::And,
            Token::Not,
            Token::Word("a.b".into()),
        ];
        assert_eq!(found, wanted);
        assert_eq!(tokens("  é == 1").unwrap()[0], (2, Token::Word("é".into())));
        assert_eq!(of("`a``b` ``"), [Token::Name("a`b".into()), Token::Name(String::new())]);
        assert_eq!(of("r == 1")[0], Token::Word("r".into()));
    }

    #[test]
    fn unknown_escapes_are_refused_where_they_stand() {
        assert_eq!(of(r#"'\n\t\r\\\'\"'"#), [text("\n\t\r\\'\"")]);
        let error = tokens(r#"index == "x\y""#).unwrap_err();
        assert!(error.message().starts_with(r"condition: expected one of \n, "), "{error}");
        assert!(error.message().ends_with(r#"at '\y"'"#), "{error}");
        for without_end in ["'a", "'a\\", "`a", "r'a"] {
            let error = tokens(without_end).unwrap_err();
            assert!(error.message().contains("a quote without its end"), "{error}");
        }
        assert!(tokens("a == +nan").is_err(), "missing is the word for it");
    }
}
