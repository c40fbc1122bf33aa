//! Splits a condition into tokens, each with the byte at which it begins.

use super::{ComparisonOperator, Literal, wrong};
use crate::error::Result;
use std::iter::Peekable;
use std::str::CharIndices;

/// A word, a sign or a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
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
const SIGNS: [(&str, Token); 11] = [
    ("==", Token::ComparisonOperator(ComparisonOperator::Equal)),
    ("!=", Token::ComparisonOperator(ComparisonOperator::NotEqual)),
    ("<=", Token::ComparisonOperator(ComparisonOperator::LessEqual)),
    (">=", Token::ComparisonOperator(ComparisonOperator::GreaterEqual)),
    ("<", Token::ComparisonOperator(ComparisonOperator::Less)),
    (">", Token::ComparisonOperator(ComparisonOperator::Greater)),
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
        } else if matches!(c, '"' | '\'' | '`') {
            let inner = quoted(&mut chars).ok_or_else(|| wrong(text, at, "a quote without its end"))?;
            if c == '`' { Token::Name(inner) } else { Token::Literal(Literal::Text(inner)) }
        } else if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') {
            Token::Literal(number(&mut chars).ok_or_else(|| wrong(text, at, "expected a number"))?)
        } else if c.is_alphanumeric() || c == '_' {
            word(&mut chars)
        } else {
            return Err(wrong(text, at, "expected a name or a value"));
        };
        out.push((at, token));
    }
    Ok(out)
}

/// Reads the quoted text that follows; `None` if the quotes are not closed. A backslash escapes, except
/// between backticks.
fn quoted(chars: &mut Peekable<CharIndices<'_>>) -> Option<String> {
    let (_, quote) = chars.next()?;
    let mut inner = String::new();
    loop {
        match chars.next()? {
            (_, '\\') if quote != '`' => inner.push(match chars.next()?.1 {
                'n' => '\n',
                't' => '\t',
                other => other,
            }),
            (_, c) if c == quote => return Some(inner),
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
    match (plain.parse(), plain.parse()) {
        (Ok(i), _) => Some(Literal::Integer(i)),
        (_, Ok(f)) => Some(Literal::Float(f)),
        _ => None,
    }
}

fn word(chars: &mut Peekable<CharIndices<'_>>) -> Token {
    let word = run(chars, |_, c| c.is_alphanumeric() || c == '_' || c == '.');
    match word.as_str() {
        "and" => Token::And,
        "or" => Token::Or,
        "not" => Token::Not,
        "in" => Token::In,
        "true" | "True" => Token::Literal(Literal::Bool(true)),
        "false" | "False" => Token::Literal(Literal::Bool(false)),
        "missing" | "None" => Token::Literal(Literal::Missing),
        _ => Token::Name(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_quotes_and_numbers() {
        let text = |t: &str| Token::Literal(Literal::Text(t.into()));
        let found: Vec<Token> = tokens(r#"`n genes`>=-1_000e2 and"a\"b\n" not in"#)
            .unwrap()
            .into_iter()
            .map(|(_, t)| t)
            .collect();
        let wanted = [
            Token::Name("n genes".into()),
            Token::ComparisonOperator(ComparisonOperator::GreaterEqual),
            Token::Literal(Literal::Float(-100_000.0)),
            Token::And,
            text("a\"b\n"),
            Token::Not,
            Token::In,
        ];
        assert_eq!(found, wanted);
        assert_eq!(tokens("  é == 1").unwrap()[0], (2, Token::Name("é".into())));
    }
}
