//! `annmap ls`: lists every object and attribute of an HDF5 file.

use super::info::no_hdf5;
use super::report::{self, Out, json_line, note, printable};
use super::{input, signals};
use annmap::dtype::Class;
use annmap::hdf5::{Dataset, File, Found, Object, ObjectKind, Storage, Target, Value, Visit};
use annmap::{Error, Kind, Result};
use serde::Serialize;
use std::fmt::{self, Display, Write};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The HDF5 file
    file: PathBuf,
    /// Object to start from
    #[arg(default_value = "/")]
    path: String,
    /// Add a CRC-32 of the values, for comparison with another reader of the same file
    #[arg(long)]
    crc: bool,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    limits: super::args::LimitArgs,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    input::expect_path(&args.file)?;
    let file = File::open_with(&args.file, args.limits.limits()).map_err(|e| {
        if args.file.is_dir() || e.kind() == Kind::NotHdf5 { no_hdf5(&args.file, e) } else { e }
    })?;
    file.read_short_chunks();
    let start = file.object(&args.path).map_err(|e| e.in_file(&args.file))?;
    let (mut walk, mut out, mut errors) = (start.walk(), Out::new(), Vec::new());
    // With `--crc` the values of each dataset are read, which one after the other do best.
    let most = if args.crc { 1 } else { BATCH };
    let mut batch: Vec<Visit> = walk.by_ref().take(most).collect();
    while !batch.is_empty() {
        let list = || Ls::list(args, &batch);
        let (listed, next) = if batch.len() < BATCH {
            (list(), walk.by_ref().take(most).collect())
        } else {
            rayon::join(list, || walk.by_ref().take(most).collect())
        };
        let listed = listed?;
        out.lines(&listed.text)?;
        errors.extend(listed.errors);
        batch = next;
    }
    out.finish()?;
    Ok(report::worst(&errors))
}

/// Objects that are listed while the next ones are opened.
const BATCH: usize = 256;

/// One line of JSON: an object, an attribute or an error.
#[derive(Debug, Default, Serialize)]
struct ListingLine<'a> {
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    same_as: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    link_type: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dtype: Option<&'a str>,
    /// Dimensions; `null` for a null dataspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<Option<&'a [u64]>>,
    /// CRC-32 of the values; `null` for values without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    crc: Option<Option<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// The lines of a few objects.
struct Ls<'a> {
    args: &'a Args,
    text: Vec<u8>,
    /// A line before its control characters are escaped.
    line: String,
    errors: Vec<Kind>,
}

impl<'a> Ls<'a> {
    fn list(args: &'a Args, visits: &[Visit]) -> Result<Self> {
        let mut ls = Ls { args, text: Vec::new(), line: String::new(), errors: Vec::new() };
        visits.iter().try_for_each(|visit| ls.visit(visit))?;
        Ok(ls)
    }

    fn line(&mut self, text: fmt::Arguments<'_>) {
        self.line.clear();
        // Writing to a string cannot fail.
        let _ = self.line.write_fmt(text);
        self.text.extend_from_slice(printable(&self.line).as_bytes());
        self.text.push(b'\n');
    }

    fn visit(&mut self, visit: &Visit) -> Result<()> {
        signals::check()?;
        let path = visit.path();
        match visit.found() {
            Found::Object(object) => {
                match object.kind() {
                    ObjectKind::Dataset => self.dataset(object, path)?,
                    kind => self.entry(path, kind.name(), ListingLine::default(), &kind.name())?,
                }
                self.attributes(object, path)
            }
            Found::Same(first) => {
                let line = ListingLine { same_as: Some(first), ..ListingLine::default() };
                self.entry(path, "same", line, &format_args!("same as {first}"))
            }
            Found::Link(link) => self.link(path, &link.target),
            Found::TooDeep(most) => {
                let text = format!("groups nested deeper than {most} are not followed");
                self.error(path, None, &Error::new(Kind::Limit, text))
            }
            Found::Broken(e) => self.error(path, None, e),
            other => self.entry(path, "unknown", ListingLine::default(), &format_args!("{other:?}")),
        }
    }

    fn link(&mut self, path: &str, target: &Target) -> Result<()> {
        match target {
            Target::Soft(to) => {
                let line = ListingLine { target: Some(to), ..ListingLine::default() };
                self.entry(path, "soft-link", line, &format_args!("soft link to {to}"))
            }
            Target::External { file, path: inner } => {
                let line = ListingLine { file: Some(file), target: Some(inner), ..ListingLine::default() };
                self.entry(path, "external-link", line, &format_args!("external link to {inner} in {file}"))
            }
            Target::User(kind) => {
                let line = ListingLine { link_type: Some(*kind), ..ListingLine::default() };
                self.entry(path, "user-link", line, &format_args!("user-defined link {kind}"))
            }
            other => self.entry(path, "unknown", ListingLine::default(), &format_args!("{other:?}")),
        }
    }

    fn dataset(&mut self, object: &Object, path: &str) -> Result<()> {
        let dataset = match object.dataset() {
            Ok(d) => d,
            Err(e) => return self.error(path, None, &e),
        };
        let (dtype, shape) = (dataset.datatype().name(), dataset.dataspace().shape());
        let crc = if self.args.crc { Some(dataset.canonical_crc()) } else { None };
        let crc = match crc {
            Some(Err(e)) => return self.error(path, None, &e),
            Some(Ok(crc)) => Some(crc),
            None => None,
        };
        let short = object.file().take_short_chunks();
        if short > 0 {
            let text =
                "end before their last element: what is missing is zeros here, anything in other readers";
            note(&format!("warning: {path}: {short} chunks {text}"));
        }
        let line = ListingLine { dtype: Some(&dtype), shape: Some(shape), crc, ..ListingLine::default() };
        let (shape, storage) = (ShapeText(shape), StorageText(&dataset));
        self.entry(path, "dataset", line, &format_args!("{dtype} {shape}{storage}{}", CrcText(crc)))
    }

    fn attributes(&mut self, object: &Object, path: &str) -> Result<()> {
        let attributes = match object.attributes() {
            Ok(a) => a,
            Err(e) => return self.error(path, None, &e),
        };
        for a in attributes {
            let line = a.value.and_then(|value| {
                let crc = if self.args.crc { Some(value.canonical_crc()?) } else { None };
                Ok((value, crc))
            });
            match line {
                Err(e) => self.error(path, Some(&a.name), &e)?,
                Ok((value, crc)) if self.args.json => {
                    let (dtype, shape) = (value.datatype().name(), Some(value.shape()));
                    let attr = Some(a.name.as_str());
                    let line =
                        ListingLine { path, attr, dtype: Some(&dtype), shape, crc, ..ListingLine::default() };
                    json_line(&line, &mut self.text)?;
                }
                Ok((value, crc)) => {
                    let (name, shape, crc) = (&a.name, ShapeText(value.shape()), CrcText(crc));
                    let (dtype, shown) = (value.datatype().name(), preview(&value));
                    self.line(format_args!("{path}@{name}  {dtype} {shape}{shown}{crc}"));
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &str, kind: &str, line: ListingLine<'_>, text: &dyn Display) -> Result<()> {
        if !self.args.json {
            self.line(format_args!("{path}  {text}"));
            return Ok(());
        }
        json_line(&ListingLine { path, kind: Some(kind), ..line }, &mut self.text)
    }

    /// Prints an object or attribute that cannot be read as a line of its own; the listing continues.
    fn error(&mut self, path: &str, attribute: Option<&str>, e: &Error) -> Result<()> {
        self.errors.push(e.kind());
        // The name of an inner object is more precise than the path of the line.
        let inner = e
            .object()
            .filter(|o| *o != path && !o.contains('@'))
            .map(|o| format!("{o}: "))
            .unwrap_or_default();
        let text = format!("{inner}{}", e.without_place());
        if !self.args.json {
            let at = attribute.map(|a| format!("@{a}")).unwrap_or_default();
            self.line(format_args!("{path}{at}  error: {text}"));
            return Ok(());
        }
        let line = ListingLine { path, attr: attribute, error: Some(&text), ..ListingLine::default() };
        json_line(&line, &mut self.text)
    }
}

/// Dimensions; none for a null dataspace.
struct ShapeText<'a>(Option<&'a [u64]>);

impl Display for ShapeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("null"),
            Some([]) => f.write_str("scalar"),
            Some(shape) => write!(f, "{shape:?}"),
        }
    }
}

/// A checksum, if it was asked for; inside, none for values without one.
struct CrcText(Option<Option<u32>>);

impl Display for CrcText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(None) => f.write_str("  crc -"),
            Some(Some(crc)) => write!(f, "  crc {crc:08x}"),
        }
    }
}

/// How the elements of a dataset are stored; nothing for contiguous ones.
struct StorageText<'a>(&'a Dataset);

impl Display for StorageText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.storage() {
            Storage::Compact => f.write_str("  compact"),
            Storage::Contiguous => Ok(()),
            Storage::Virtual => f.write_str("  virtual"),
            Storage::Chunked(chunk) => {
                write!(f, "  chunks {chunk:?}")?;
                for (n, filter) in self.0.filters().iter().enumerate() {
                    let before = if n == 0 { ' ' } else { '+' };
                    write!(f, "{before}{}", Dataset::filter_name(filter))?;
                }
                Ok(())
            }
        }
    }
}

/// Text of the first values of an attribute.
fn preview(value: &Value) -> String {
    const MOST: usize = 8;
    if value.is_empty() {
        return String::new();
    }
    let mut shown: Vec<String> = Vec::new();
    if value.is_text() {
        if let Ok(s) = value.strings() {
            shown = s.iter_lossy().take(MOST).map(|t| format!("{t:?}")).collect();
        }
    } else if !matches!(value.datatype().class, Class::Compound(_))
        && let Ok((dtype, bytes)) = value.numbers()
    {
        shown = (0..value.len().min(MOST))
            .filter_map(|i| annmap::dtype::scalar_at(dtype, &bytes, i))
            .map(|v| v.to_string())
            .collect();
    }
    if shown.is_empty() {
        return String::new();
    }
    let more = if value.len() > MOST { ", ..." } else { "" };
    format!(" = {}{more}", shown.join(", "))
}
