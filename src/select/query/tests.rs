//! Conditions on a small table, and random ones against an evaluator that knows nothing but the rules.

use super::*;
use crate::dtype::Dtype;
use crate::error::Kind;
use crate::table::{Categorical, Column};
use proptest::prelude::*;
use std::cmp::Ordering;

fn labels(list: &[&str], codes: &[i64], ordered: bool) -> Column {
    let labels = Column::Strings(list.iter().copied().collect());
    Column::Categorical(Categorical::new(codes, labels, ordered).unwrap())
}

fn bytes<T: bytemuck::NoUninit>(values: &[T]) -> Vec<u8> {
    bytemuck::cast_slice(values).to_vec()
}

fn frame() -> Frame {
    let missing = vec![false, true, false, false];
    let columns = [
        ("cell_type", labels(&["T cell", "B"], &[0, 1, -1, 0], false)),
        ("size", labels(&["small", "mid", "big"], &[2, 0, 1, -1], true)),
        ("was", labels(&["small", "mid", "big"], &[1, 0, 2, 0], true)),
        ("score", Column::Numbers { dtype: Dtype::Float32, bytes: bytes(&[0.5f32, 0.9, f32::NAN, 1.0]) }),
        ("n genes", Column::Numbers { dtype: Dtype::Int32, bytes: bytes(&[1i32, 2, 3, 4]) }),
        ("doublet", Column::Numbers { dtype: Dtype::Bool, bytes: vec![0, 1, 0, 1] }),
        ("maybe", Column::Nullable { dtype: Dtype::Int8, bytes: vec![1, 2, 3, 4], missing: missing.clone() }),
        ("note", Column::NullableStrings { values: ["T cell", "x", "B", "T"].iter().collect(), missing }),
        ("contains", Column::Numbers { dtype: Dtype::Int8, bytes: vec![7, 8, 9, 9] }),
    ];
    let columns = columns.map(|(name, column)| (name.to_owned(), column)).to_vec();
    Frame::new(None, ["a", "b", "c", "MT-d"].iter().collect(), columns).unwrap()
}

fn rows(text: &str) -> Vec<u64> {
    Query::parse(text).and_then(|query| query.rows(&frame())).unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn conditions() {
    for (text, expected) in [
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
        ("index in ['MT-d', 'b']", &[1, 3]),
        ("score > -1e-3", &[0, 1, 3]),
    ] {
        assert_eq!(rows(text), expected, "{text}");
    }
}

#[test]
fn texts_signs_chains_and_other_columns() {
    for (text, expected) in [
        ("index startswith 'MT-'", &[3][..]),
        ("cell_type endswith 'cell'", &[0, 3]),
        ("cell_type contains ''", &[0, 1, 3]),
        ("note contains 'cell' or note contains 'B'", &[0, 2]),
        ("cell_type not contains 'T'", &[1, 2]),
        (r"index matches '^[a-b]$'", &[0, 1]),
        (r"note matches r'^\w( \w+)?$'", &[0, 2, 3]),
        ("index NOT Matches '(?i)mt'", &[0, 1, 2]),
        ("contains contains 'x'", &[]),
        ("1 < `n genes` < 4", &[1, 2]),
        ("4 > `n genes` >= 2 != maybe", &[1, 2]),
        ("0.5 < score", &[1, 3]),
        ("'big' == size", &[0]),
        ("`n genes` > maybe", &[]),
        ("`n genes` == maybe == `n genes`", &[0, 2, 3]),
        ("cell_type == note", &[0]),
        ("cell_type != note", &[1, 2, 3]),
        ("index < note", &[3]),
        ("size > was", &[0]),
        ("doublet == `n genes`", &[]),
        ("score < `n genes`", &[0, 1, 3]),
        ("doublet & score < 1 | !doublet & maybe is missing", &[1]),
        ("doublet && !(score < 1) || ~doublet", &[0, 2, 3]),
        ("maybe is missing", &[1]),
        ("maybe Is Not Missing", &[0, 2, 3]),
        ("cell_type in ('B', missing)", &[1, 2]),
        ("score In (0.9, 1) AND TRUE == doublet", &[1, 3]),
        ("maybe in []", &[]),
        ("doublet in [1]", &[1, 3]),
    ] {
        let found = Query::parse(text).and_then(|query| query.rows(&frame()));
        match (text, found) {
            ("contains contains 'x'", Err(e)) => assert!(e.message().contains("holds numbers"), "{e}"),
            (_, found) => assert_eq!(found.unwrap_or_else(|e| panic!("{text}: {e}")), expected, "{text}"),
        }
    }
    assert_eq!(rows("contains == 9"), [2, 3], "a word of an operator may be a column");
}

#[test]
fn mistakes_are_explained() {
    for (text, why) in [
        ("", "expected a column or a value at the end"),
        ("score >", "expected a value"),
        ("score > 1 2", "expected 'and', 'or' or the end at '2'"),
        ("(score > 1", "expected ')'"),
        ("score = 1", "expected '==' at '= 1'"),
        ("cell_type == 'T", "a quote without its end"),
        ("n in [1 2]", "expected ',' or ']'"),
        ("n in (1 2]", "expected ',' or ')'"),
        ("n in [m]", "expected a value (texts stand in quotes)"),
        ("1 < 2", "expected a column on one side, got two values at '< 2'"),
        ("score > 1 <", "expected a value or a column"),
        ("3", "expected a comparison at the end"),
        ("3 in [3]", "expected a column at '3 in [3]'"),
        ("index is 3", "expected 'missing' or 'not missing' at '3'"),
        ("index contains x", "expected a text in quotes at 'x'"),
        ("index not 'x'", "expected 'and', 'or' or the end"),
    ] {
        let e = Query::parse(text).unwrap_err();
        assert!(e.message().contains(why), "{text}: {e}");
        assert!(e.excerpt().is_some_and(|two| two.ends_with('^')), "{text}");
    }
    for (text, why, caret) in [
        ("nope == 1", "there is no column 'nope'", 0),
        ("score == 'x'", "'score' holds numbers (float32), not texts", 9),
        ("index == 1", "must stand in quotes", 9),
        ("size < 'huge'", "no such label", 7),
        ("score < missing", "neither less nor greater", 8),
        ("score > 0 and doublet contains 'x'", "'doublet' holds numbers (bool), not texts", 31),
        ("doublet and index", "the value must stand in quotes", 12),
        ("score > 0 or note > score", "'note' holds texts, 'score' numbers (float32)", 13),
        ("size < cell_type", "expected labels of the same order on both sides", 0),
        ("index matches 'a('", "expected a regular expression, got", 14),
        ("`n genes` in [1, 'x']", "holds numbers (int32), not texts", 17),
    ] {
        let e = Query::parse(text).unwrap().rows(&frame()).unwrap_err();
        assert!(e.message().contains(why), "{text}: {e}");
        assert_eq!(e.excerpt(), Some(&*format!("{text}\n{:caret$}^", "")), "{text}");
    }
}

/// Conditions of any length are evaluated, and deep ones are refused; neither exhausts the stack.
#[test]
fn long_and_deep_conditions() {
    let long = vec!["maybe == 3"; 15_000].join(" or ");
    assert_eq!(rows(&long), [2]);
    assert_eq!(rows(&vec!["maybe != 3"; 15_000].join(" and ")), [0, 1, 3]);
    let list = (0..15_000).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    assert_eq!(rows(&format!("maybe in [{list}]")), [0, 2, 3]);
    assert_eq!(rows(&format!("1{}", " < `n genes`".repeat(5_000))), [] as [u64; 0]);
    for deep in [format!("{}doublet{}", "(".repeat(2000), ")".repeat(2000)), "not ".repeat(2000) + "doublet"]
    {
        let e = Query::parse(&deep).unwrap_err();
        assert!(e.message().contains("expected at most 200 nested parentheses"), "{e}");
    }
    assert_eq!(rows(&format!("{}doublet{}", "(".repeat(199), ")".repeat(199))), [1, 3]);
}

/// A regular expression cannot take more memory or time than its length justifies.
#[test]
fn regular_expressions_are_bounded() {
    for pattern in ["(a{1000}){1000}".to_owned(), "(".repeat(300) + &")".repeat(300)] {
        let e = Query::parse(&format!("index matches '{pattern}'")).unwrap().rows(&frame()).unwrap_err();
        assert_eq!(e.kind(), Kind::Usage, "{e}");
    }
    let slow = Frame::new(None, ["a".repeat(5_000)].iter().collect(), Vec::new()).unwrap();
    let query = Query::parse(r"index matches '^(a|a)*(a|a)*(a|a)*b$'").unwrap();
    assert!(query.rows(&slow).unwrap().is_empty());
}

/// A value of the naive evaluator; `None` is missing.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Plain {
    Number(f64),
    Text(String),
}

/// One row: an integer, a float, a bool, a text, labels without and with an order.
type PlainRow = [Option<Plain>; 6];

const COLUMNS: [&str; 6] = ["i", "f", "b", "t", "c", "o"];
const WORDS: [&str; 4] = ["a", "ab", "b", "ba"];
/// The order of the labels of `o`.
const ORDER: [&str; 4] = ["ba", "a", "b", "ab"];

/// A condition, as it is written and as it is meant.
#[derive(Debug, Clone)]
enum Meant {
    Any(Vec<Meant>, &'static str),
    All(Vec<Meant>, &'static str),
    Not(Box<Meant>, &'static str),
    Value(usize, &'static str, Plain, bool),
    Columns(usize, &'static str, usize),
    Chain(f64, usize, f64),
    In(usize, Vec<Option<Plain>>, bool),
    Is(usize, bool),
    Test(usize, &'static str, String, bool),
    True,
}

impl std::fmt::Display for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Plain::Number(n) => write!(f, "{n}"),
            Plain::Text(t) => write!(f, "'{t}'"),
        }
    }
}

impl Meant {
    fn written(&self) -> String {
        let joined = |all: &[Meant], sign: &str| {
            all.iter().map(|one| format!("({})", one.written())).collect::<Vec<_>>().join(sign)
        };
        let not = |negated: &bool| if *negated { "not " } else { "" };
        match self {
            Meant::Any(all, sign) | Meant::All(all, sign) => joined(all, sign),
            Meant::Not(one, sign) => format!("{sign} ({})", one.written()),
            Meant::Value(c, op, v, false) => format!("{} {op} {v}", COLUMNS[*c]),
            Meant::Value(c, op, v, true) => format!("{v} {} {}", turned(op), COLUMNS[*c]),
            Meant::Columns(a, op, b) => format!("{} {op} {}", COLUMNS[*a], COLUMNS[*b]),
            Meant::Chain(low, c, high) => format!("{low} < {} <= {high}", COLUMNS[*c]),
            Meant::In(c, list, negated) => {
                let list = list.iter().map(|v| v.as_ref().map_or("missing".into(), Plain::to_string));
                format!("{} {}in [{}]", COLUMNS[*c], not(negated), list.collect::<Vec<_>>().join(", "))
            }
            Meant::Is(c, negated) => format!("{} is {}missing", COLUMNS[*c], not(negated)),
            Meant::Test(c, test, text, negated) => format!("{} {}{test} '{text}'", COLUMNS[*c], not(negated)),
            Meant::True => "b".into(),
        }
    }

    fn holds(&self, row: &PlainRow) -> bool {
        match self {
            Meant::Any(all, _) => all.iter().any(|one| one.holds(row)),
            Meant::All(all, _) => all.iter().all(|one| one.holds(row)),
            Meant::Not(one, _) => !one.holds(row),
            Meant::Value(c, op, v, _) => compared(&row[*c], op, &Some(v.clone()), *c == 5),
            Meant::Columns(a, op, b) => compared(&row[*a], op, &row[*b], *a == 5 && *b == 5),
            Meant::Chain(low, c, high) => {
                let [low, high] = [low, high].map(|n| Some(Plain::Number(*n)));
                compared(&low, "<", &row[*c], false) && compared(&row[*c], "<=", &high, false)
            }
            Meant::In(c, list, negated) => list.contains(&row[*c]) != *negated,
            Meant::Is(c, negated) => row[*c].is_none() != *negated,
            Meant::Test(c, test, text, negated) => {
                let tested = match (&row[*c], *test) {
                    (Some(Plain::Text(t)), "startswith") => t.starts_with(text.as_str()),
                    (Some(Plain::Text(t)), "endswith") => t.ends_with(text.as_str()),
                    (Some(Plain::Text(t)), _) => t.contains(text.as_str()),
                    _ => false,
                };
                tested != *negated
            }
            Meant::True => row[2] == Some(Plain::Number(1.0)),
        }
    }
}

fn turned(op: &str) -> String {
    op.chars()
        .map(|c| {
            if c == '<' {
                '>'
            } else if c == '>' {
                '<'
            } else {
                c
            }
        })
        .collect()
}

/// A missing value is unequal to everything, itself included, and in no other relation to anything.
fn compared(a: &Option<Plain>, op: &str, b: &Option<Plain>, by_order: bool) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return op == "!=" };
    let order = match (a, b) {
        (Plain::Text(a), Plain::Text(b)) if by_order => {
            let place = |t: &str| ORDER.iter().position(|label| *label == t);
            place(a).cmp(&place(b))
        }
        _ => a.partial_cmp(b).unwrap(),
    };
    match op {
        "==" => order == Ordering::Equal,
        "!=" => order != Ordering::Equal,
        "<" => order == Ordering::Less,
        "<=" => order != Ordering::Greater,
        ">" => order == Ordering::Greater,
        _ => order != Ordering::Less,
    }
}

fn table(rows: &[PlainRow]) -> Frame {
    let numbers = |c: usize| {
        rows.iter().map(move |row| match &row[c] {
            Some(Plain::Number(n)) => *n,
            _ => 0.0,
        })
    };
    let words = |c: usize| {
        rows.iter().map(move |row| match &row[c] {
            Some(Plain::Text(t)) => t.clone(),
            _ => String::new(),
        })
    };
    let missing = |c: usize| rows.iter().map(|row| row[c].is_none()).collect::<Vec<bool>>();
    let codes = |c: usize, list: &[&str]| -> Vec<i64> {
        words(c).map(|t| list.iter().position(|label| *label == t).map_or(-1, |n| n as i64)).collect()
    };
    let integers: Vec<i16> = numbers(0).map(|n| n as i16).collect();
    let floats: Vec<f64> =
        numbers(1).zip(missing(1)).map(|(n, missing)| if missing { f64::NAN } else { n }).collect();
    let bools = numbers(2).map(|n| n as u8).collect();
    let columns = [
        Column::Nullable { dtype: Dtype::Int16, bytes: bytes(&integers), missing: missing(0) },
        Column::Numbers { dtype: Dtype::Float64, bytes: bytes(&floats) },
        Column::Nullable { dtype: Dtype::Bool, bytes: bools, missing: missing(2) },
        Column::NullableStrings { values: words(3).collect(), missing: missing(3) },
        labels(&WORDS, &codes(4, &WORDS), false),
        labels(&ORDER, &codes(5, &ORDER), true),
    ];
    let columns = COLUMNS.map(str::to_owned).into_iter().zip(columns).collect();
    Frame::new(None, (0..rows.len()).map(|n| n.to_string()).collect(), columns).unwrap()
}

fn a_number() -> impl Strategy<Value = Plain> {
    (-3i32..6).prop_map(|n| Plain::Number(f64::from(n) / 2.0))
}

fn a_word() -> impl Strategy<Value = Plain> {
    prop::sample::select(&WORDS[..]).prop_map(|t| Plain::Text(t.to_owned()))
}

fn a_row() -> impl Strategy<Value = PlainRow> {
    let maybe = |values: BoxedStrategy<Plain>| prop::option::weighted(0.8, values);
    let whole = |range: std::ops::Range<i32>| range.prop_map(|n| Plain::Number(f64::from(n))).boxed();
    let words = || maybe(a_word().boxed());
    (maybe(whole(-2..3)), maybe(a_number().boxed()), maybe(whole(0..2)), words(), words(), words())
        .prop_map(|(i, f, b, t, c, o)| [i, f, b, t, c, o])
}

fn a_comparison() -> impl Strategy<Value = Meant> {
    let op = || prop::sample::select(&["==", "!=", "<", "<=", ">", ">="][..]);
    let equality = || prop::sample::select(&["==", "!="][..]);
    let test = prop::sample::select(&["startswith", "endswith", "contains", "matches"][..]);
    prop_oneof![
        (0usize..3, op(), a_number(), any::<bool>()).prop_map(|(c, o, v, t)| Meant::Value(c, o, v, t)),
        (3usize..6, op(), a_word(), any::<bool>()).prop_map(|(c, o, v, t)| Meant::Value(c, o, v, t)),
        (0usize..3, op(), 0usize..3).prop_map(|(a, o, b)| Meant::Columns(a, o, b)),
        (3usize..5, op(), 3usize..5).prop_map(|(a, o, b)| Meant::Columns(a, o, b)),
        (3usize..6, equality(), 3usize..6).prop_map(|(a, o, b)| Meant::Columns(a, o, b)),
        op().prop_map(|o| Meant::Columns(5, o, 5)),
        (-3i32..3, 0usize..3, -3i32..3).prop_map(|(l, c, h)| Meant::Chain(l.into(), c, h.into())),
        (0usize..3, prop::collection::vec(prop::option::of(a_number()), 0..4), any::<bool>())
            .prop_map(|(c, list, n)| Meant::In(c, list, n)),
        (3usize..6, prop::collection::vec(prop::option::of(a_word()), 0..4), any::<bool>())
            .prop_map(|(c, list, n)| Meant::In(c, list, n)),
        (0usize..6, any::<bool>()).prop_map(|(c, n)| Meant::Is(c, n)),
        (3usize..6, test, "[ab]{0,2}", any::<bool>()).prop_map(|(c, t, p, n)| Meant::Test(c, t, p, n)),
        Just(Meant::True),
    ]
}

fn a_condition() -> impl Strategy<Value = Meant> {
    a_comparison().prop_recursive(4, 24, 3, |inner| {
        let any = prop::sample::select(&[" or ", " | ", " OR ", "||"][..]);
        let all = prop::sample::select(&[" and ", " & ", " And ", "&&"][..]);
        let not = prop::sample::select(&["not", "!", "~", "Not"][..]);
        let several = || prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            (several(), any).prop_map(|(list, sign)| Meant::Any(list, sign)),
            (several(), all).prop_map(|(list, sign)| Meant::All(list, sign)),
            (inner.clone(), not).prop_map(|(one, sign)| Meant::Not(Box::new(one), sign)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn conditions_mean_what_the_rules_say(meant in a_condition(), rows in prop::collection::vec(a_row(), 0..12)) {
        let text = meant.written();
        let found = Query::parse(&text).and_then(|query| query.rows(&table(&rows)));
        let expected: Vec<u64> = (0u64..).zip(&rows).filter(|(_, row)| meant.holds(row)).map(|(n, _)| n).collect();
        prop_assert_eq!(found.map_err(|e| e.to_string()), Ok(expected), "{}", text);
    }

    /// No text makes the parser panic.
    #[test]
    fn any_text_is_a_condition_or_an_error(text in "[a-z`'\"\\\\ ()&|!<=>.0-9,\\[\\]é-]{0,40}") {
        if let Ok(query) = Query::parse(&text) {
            let _ = query.rows(&frame());
        }
    }
}
