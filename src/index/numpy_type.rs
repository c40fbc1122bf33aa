//! Types of elements as zarr version 2 names them, which are numpy's names, and fill values of these types.

use super::map::quoted;
use crate::bytes::base64;
use crate::dtype::{Class, Datatype, Dtype, Member, Numeric, Padding, Scalar, scalar_at};
use crate::error::{Error, Result};

/// A type whose elements have the same bytes in the file and in numpy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NumpyType {
    /// The type as JSON: `"<f4"`, or a list of fields.
    pub(super) json: String,
    fill: FillKind,
}

/// How a fill value is written as JSON.
#[derive(Debug, Clone, Copy, PartialEq)]
enum FillKind {
    Number(Numeric),
    /// Real and imaginary part.
    Complex(Numeric),
    /// Bytes in base64.
    Bytes,
    /// 64-bit counts of a unit of time.
    Time,
}

/// How the elements of an array are given to readers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ElementForm {
    /// As they are stored. Array types add these dimensions.
    Stored(NumpyType, Vec<u64>),
    /// As numbers of a plain type.
    Converted(Numeric),
    /// As text of any length.
    Text,
    /// As records whose members are converted one by one.
    Records(Vec<Field>),
}

/// A member of records.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) form: FieldForm,
}

/// How a member of records is given to readers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum FieldForm {
    Stored(NumpyType),
    Converted(Numeric),
    /// As text of a fixed number of characters: that of the longest.
    Text,
}

impl ElementForm {
    /// How elements of `datatype` are given; `as_text`: strings of fixed length become text.
    ///
    /// # Errors
    /// `Unsupported` if zarr version 2 has no such elements.
    pub(super) fn of(datatype: &Datatype, as_text: bool) -> Result<Self> {
        let text = match &datatype.class {
            Class::VarString(_) => true,
            Class::FixedString(text) => as_text || text.padding == Padding::Spaces || datatype.size == 0,
            _ => false,
        };
        if text {
            return Ok(ElementForm::Text);
        }
        if let Some(stored) = NumpyType::of(datatype) {
            return Ok(ElementForm::Stored(stored, Vec::new()));
        }
        if let Some(numeric) = Numeric::of(datatype) {
            return Ok(ElementForm::Converted(numeric));
        }
        let refused = || Error::unsupported(format!("elements of type {}", datatype.name()));
        match &datatype.class {
            Class::Array { dims, base } => {
                let stored = NumpyType::of(base).filter(|_| dims.iter().all(|d| *d > 0));
                stored.map(|stored| ElementForm::Stored(stored, dims.clone())).ok_or_else(refused)
            }
            Class::Compound(members) if are_names(members) => {
                let fields = members.iter().map(Field::of).collect::<Option<Vec<Field>>>();
                fields.map(ElementForm::Records).ok_or_else(refused)
            }
            _ => Err(refused()),
        }
    }

    /// The fill value as JSON: of the stored bytes `fill`, zeros if empty.
    pub(super) fn fill(&self, fill: &[u8]) -> String {
        match self {
            ElementForm::Stored(stored, dims) if dims.is_empty() => stored.fill(fill),
            ElementForm::Stored(stored, _) => stored.fill(&[]),
            ElementForm::Converted(numeric) => number(numeric, fill),
            ElementForm::Text => "\"\"".to_owned(),
            ElementForm::Records(_) => "null".to_owned(),
        }
    }
}

impl Field {
    fn of(member: &Member) -> Option<Self> {
        let form = match &member.datatype.class {
            Class::VarString(_) => FieldForm::Text,
            Class::FixedString(text) if text.padding == Padding::Spaces => FieldForm::Text,
            _ => match NumpyType::of(&member.datatype).filter(NumpyType::is_simple) {
                Some(stored) => FieldForm::Stored(stored),
                None => FieldForm::Converted(Numeric::of(&member.datatype)?),
            },
        };
        Some(Field { name: member.name.clone(), form })
    }
}

/// Whether the names of `members` are those of fields: numpy wants them to differ and not to be empty.
fn are_names(members: &[Member]) -> bool {
    let mut names: Vec<&str> = members.iter().map(|m| m.name.as_str()).collect();
    names.sort_unstable();
    names.windows(2).all(|two| two.first() != two.last()) && !names.is_empty() && !names.contains(&"")
}

/// numpy's letter and size of a plain type.
pub(super) fn code(dtype: Dtype) -> String {
    let letter = match dtype {
        Dtype::Bool => 'b',
        Dtype::Float16 | Dtype::Float32 | Dtype::Float64 => 'f',
        d if d.is_unsigned() => 'u',
        _ => 'i',
    };
    format!("{letter}{}", dtype.size())
}

/// numpy's sign of the byte order of a number whose bytes numpy can read; `None` for others.
fn order(numeric: &Numeric) -> Option<char> {
    match numeric.dtype.size() {
        1 if numeric.is_native() => Some('|'),
        _ if numeric.is_native() => Some('<'),
        _ if numeric.is_swapped() => Some('>'),
        _ => None,
    }
}

impl NumpyType {
    /// The type of a number in plain form.
    pub(super) fn plain(dtype: Dtype) -> Self {
        let sign = if dtype.size() == 1 { '|' } else { '<' };
        let numeric = Numeric::of(&Datatype::of(dtype));
        let fill = numeric.map_or(FillKind::Bytes, FillKind::Number);
        NumpyType { json: format!("\"{sign}{}\"", code(dtype)), fill }
    }

    fn of(datatype: &Datatype) -> Option<Self> {
        if let Some(numeric) = Numeric::of(datatype) {
            let json = format!("\"{}{}\"", order(&numeric)?, code(numeric.dtype));
            return Some(NumpyType { json, fill: FillKind::Number(numeric) });
        }
        let bytes = |json: String| Some(NumpyType { json, fill: FillKind::Bytes });
        match &datatype.class {
            Class::Complex(base) => Self::complex(base, datatype.size),
            Class::FixedString(text) if text.padding != Padding::Spaces && datatype.size > 0 => {
                bytes(format!("\"|S{}\"", datatype.size))
            }
            Class::Opaque { tag } => match time_unit(tag) {
                Some(name) if datatype.size == 8 => {
                    Some(NumpyType { json: format!("\"{name}\""), fill: FillKind::Time })
                }
                _ if datatype.size > 0 => bytes(format!("\"|V{}\"", datatype.size)),
                _ => None,
            },
            // h5py stores complex numbers as compounds
            Class::Compound(members) => match &members[..] {
                [re, im] if re.name == "r" && im.name == "i" && re.datatype == im.datatype => {
                    let beside = re.offset == 0 && im.offset == re.datatype.size;
                    beside.then(|| Self::complex(&re.datatype, datatype.size)).flatten()
                }
                _ => bytes(packed_fields(members, datatype.size)?),
            },
            _ => None,
        }
    }

    fn complex(base: &Datatype, size: u32) -> Option<Self> {
        let part = Numeric::of(base).filter(|n| matches!(n.dtype, Dtype::Float32 | Dtype::Float64))?;
        let whole = size == base.size.checked_mul(2)?;
        let json = format!("\"{}c{size}\"", order(&part)?);
        whole.then_some(NumpyType { json, fill: FillKind::Complex(part) })
    }

    /// Whether it is not made of fields.
    fn is_simple(&self) -> bool {
        self.json.starts_with('"')
    }

    fn fill(&self, fill: &[u8]) -> String {
        match &self.fill {
            FillKind::Number(numeric) => number(numeric, fill),
            FillKind::Complex(part) => {
                let (re, im) = fill.split_at(fill.len() / 2);
                format!("[{},{}]", number(part, re), number(part, im))
            }
            FillKind::Bytes if fill.iter().all(|b| *b == 0) => "null".to_owned(),
            FillKind::Bytes => format!("\"{}\"", base64::encode(fill)),
            FillKind::Time => fill.try_into().map_or(0, i64::from_le_bytes).to_string(),
        }
    }
}

/// The fields of a compound without gaps and without fields inside fields, as JSON.
fn packed_fields(members: &[Member], size: u32) -> Option<String> {
    if !are_names(members) {
        return None;
    }
    let (mut end, mut fields) = (0u32, Vec::new());
    for member in members {
        let field = NumpyType::of(&member.datatype).filter(|t| t.is_simple() && member.offset == end)?;
        end = end.checked_add(member.datatype.size)?;
        fields.push(format!("[{},{}]", quoted(&member.name).ok()?, field.json));
    }
    (end == size).then(|| format!("[{}]", fields.join(",")))
}

/// numpy's name of a time that h5py stored as opaque bytes: `NUMPY:<M8[ns]`.
fn time_unit(tag: &str) -> Option<&str> {
    let name = tag.trim_end_matches('\0').strip_prefix("NUMPY:")?;
    let unit = name.strip_prefix("<M8[").or_else(|| name.strip_prefix("<m8["))?.strip_suffix(']')?;
    ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns"].contains(&unit).then_some(name)
}

/// A number as JSON: of the stored bytes `stored`, zero if they are missing.
fn number(numeric: &Numeric, stored: &[u8]) -> String {
    let mut plain = vec![0; numeric.dtype.size()];
    numeric.convert(stored, &mut plain);
    scalar_at(numeric.dtype, &plain, 0).map_or_else(|| "0".to_owned(), |v| scalar(v, "\""))
}

/// A number as JSON; numbers that JSON lacks have their names between `quote`.
pub(super) fn scalar(value: Scalar, quote: &str) -> String {
    match value {
        Scalar::Bool(v) => v.to_string(),
        Scalar::Int(v) => v.to_string(),
        Scalar::Float(v, _) if v.is_nan() => format!("{quote}NaN{quote}"),
        Scalar::Float(v, _) if v.is_infinite() => {
            format!("{quote}{}Infinity{quote}", if v < 0.0 { "-" } else { "" })
        }
        Scalar::Float(v, _) => format!("{v:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::{Integer, Order, Text};

    fn json(datatype: &Datatype) -> Option<String> {
        NumpyType::of(datatype).map(|t| t.json)
    }

    fn integer(order: Order, precision: u16) -> Datatype {
        let class = Class::Integer(Integer { order, signed: true, bit_offset: 0, precision });
        Datatype { size: 4, class }
    }

    fn member(name: &str, offset: u32, datatype: Datatype) -> Member {
        Member { name: name.into(), offset, datatype }
    }

    #[test]
    fn numbers_of_either_byte_order() {
        let plain = |d: Dtype| json(&Datatype::of(d)).unwrap();
        let names = [Dtype::Bool, Dtype::Uint8, Dtype::Int64, Dtype::Float16, Dtype::Float32].map(plain);
        assert_eq!(names, ["\"|b1\"", "\"|u1\"", "\"<i8\"", "\"<f2\"", "\"<f4\""]);
        assert_eq!(json(&integer(Order::Big, 32)).unwrap(), "\">i4\"");
        // fewer bits than the bytes have: converted
        let narrow = integer(Order::Little, 20);
        assert_eq!(json(&narrow), None);
        assert!(matches!(ElementForm::of(&narrow, false).unwrap(), ElementForm::Converted(_)));
    }

    #[test]
    fn compounds_are_complex_numbers_or_fields_without_gaps() {
        let float = || Datatype::of(Dtype::Float32);
        let of = |members, size| Datatype { size, class: Class::Compound(members) };
        let complex = of(vec![member("r", 0, float()), member("i", 4, float())], 8);
        assert_eq!(json(&complex).unwrap(), "\"<c8\"");
        let packed = of(vec![member("a", 0, float()), member("b", 4, Datatype::of(Dtype::Bool))], 5);
        assert_eq!(json(&packed).unwrap(), "[[\"a\",\"<f4\"],[\"b\",\"|b1\"]]");
        let gap = of(vec![member("a", 0, float()), member("b", 8, float())], 12);
        assert_eq!(json(&gap), None);
        assert!(matches!(ElementForm::of(&gap, false).unwrap(), ElementForm::Records(_)));
        let twice = of(vec![member("a", 0, float()), member("a", 4, float())], 8);
        assert!(ElementForm::of(&twice, false).is_err());
        let text = of(vec![member("a", 0, Datatype::string())], 16);
        let ElementForm::Records(fields) = ElementForm::of(&text, false).unwrap() else { panic!() };
        assert_eq!(fields[0].form, FieldForm::Text);
    }

    #[test]
    fn strings_of_fixed_length_are_bytes_unless_they_are_text() {
        let fixed = |padding| Datatype { size: 3, class: Class::FixedString(Text { padding, utf8: false }) };
        assert_eq!(json(&fixed(Padding::NullPadded)).unwrap(), "\"|S3\"");
        assert_eq!(ElementForm::of(&fixed(Padding::NullPadded), true).unwrap(), ElementForm::Text);
        assert_eq!(ElementForm::of(&fixed(Padding::Spaces), false).unwrap(), ElementForm::Text);
        let opaque = |tag: &str| Datatype { size: 8, class: Class::Opaque { tag: tag.into() } };
        assert_eq!(json(&opaque("NUMPY:<M8[ns]")).unwrap(), "\"<M8[ns]\"");
        assert_eq!(json(&opaque("else")).unwrap(), "\"|V8\"");
    }

    #[test]
    fn fill_values() {
        let fill = |d: &Datatype, bytes: &[u8]| ElementForm::of(d, false).unwrap().fill(bytes);
        let float = Datatype::of(Dtype::Float32);
        assert_eq!(fill(&float, &[]), "0.0");
        assert_eq!(fill(&float, &f32::NAN.to_le_bytes()), "\"NaN\"");
        assert_eq!(fill(&float, &f32::NEG_INFINITY.to_le_bytes()), "\"-Infinity\"");
        assert_eq!(fill(&integer(Order::Big, 32), &[0xff, 0xff, 0xff, 0xfe]), "-2");
        assert_eq!(fill(&Datatype::of(Dtype::Bool), &[1]), "true");
        let complex = Datatype { size: 8, class: Class::Complex(Box::new(float)) };
        assert_eq!(fill(&complex, &[]), "[0.0,0.0]");
        assert_eq!(fill(&Datatype::string(), &[]), "\"\"");
        let opaque = Datatype { size: 2, class: Class::Opaque { tag: String::new() } };
        assert_eq!((fill(&opaque, &[0, 0]), fill(&opaque, b"ab")), ("null".into(), "\"YWI=\"".into()));
    }
}
