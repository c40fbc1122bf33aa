//! `annmap ls`: lists every object and attribute of an HDF5 file or a zarr store.

use super::info::no_hdf5;
use super::report::{self, Out, json_line, note, printable};
use super::{input, signals};
use annmap::dtype::Class;
use annmap::hdf5::{Dataset, File, Found, Object, ObjectKind, Storage, Target, Visit};
use annmap::tree::{Container, Value, WalkEntry};
use annmap::zarr::Hierarchy;
use annmap::{Error, Kind, Result};
use serde::Serialize;
use std::fmt::{self, Display, Write};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The HDF5 file or zarr store
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
    let in_file = |e: Error| e.in_file(&args.file);
    let limits = args.limits.limits();
    let mut out = Out::new();
    let errors = if let Some(store) = Hierarchy::find(&args.file, &limits)? {
        let container = Container::from(store.clone());
        let start = container.root().and_then(|root| root.descend(&args.path)).map_err(in_file)?;
        let mut errors = list(args, start.walk(), Ls::node, &mut out)?;
        if args.path == "/" {
            errors.extend(list(args, store.broken().iter(), Ls::broken, &mut out)?);
        }
        errors
    } else {
        let file = File::open_with(&args.file, limits).map_err(|e| {
            if args.file.is_dir() || e.kind() == Kind::NotHdf5 { no_hdf5(&args.file, e) } else { e }
        })?;
        file.read_short_chunks();
        list(args, file.object(&args.path).map_err(in_file)?.walk(), Ls::visit, &mut out)?
    };
    out.finish()?;
    Ok(report::worst(&errors))
}

/// Objects that are listed while the next ones are opened.
const BATCH: usize = 256;

/// Prints all objects of a walk; returns the kinds of the errors among them.
fn list<'a, V: Send + Sync>(
    args: &'a Args,
    mut walk: impl Iterator<Item = V> + Send,
    object: impl Fn(&mut Ls<'a>, &V) -> Result<()> + Sync,
    out: &mut Out,
) -> Result<Vec<Kind>> {
    let mut errors = Vec::new();
    // With `--crc` the values of each array are read, which one after the other do best.
    let most = if args.crc { 1 } else { BATCH };
    let mut batch: Vec<V> = walk.by_ref().take(most).collect();
    while !batch.is_empty() {
        let lines = || Ls::list(args, &batch, &object);
        let (listed, next) = if batch.len() < BATCH {
            (lines(), walk.by_ref().take(most).collect())
        } else {
            rayon::join(lines, || walk.by_ref().take(most).collect())
        };
        let listed = listed?;
        out.lines(&listed.text)?;
        errors.extend(listed.errors);
        batch = next;
    }
    Ok(errors)
}

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
    fn list<V>(args: &'a Args, objects: &[V], line: impl Fn(&mut Self, &V) -> Result<()>) -> Result<Self> {
        let mut ls = Ls { args, text: Vec::new(), line: String::new(), errors: Vec::new() };
        objects.iter().try_for_each(|object| {
            signals::check()?;
            line(&mut ls, object)
        })?;
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
        let path = visit.path();
        match visit.found() {
            Found::Object(object) => {
                match object.kind() {
                    ObjectKind::Dataset => self.dataset(object, path)?,
                    kind => self.entry(path, kind.name(), ListingLine::default(), &kind.name())?,
                }
                self.attributes(object, path)
            }
            Found::Same(first) => self.same(path, first),
            Found::Link(link) => self.link(path, &link.target),
            Found::TooDeep(most) => {
                let text = format!("groups nested deeper than {most} are not followed");
                self.error(path, None, &Error::new(Kind::Limit, text))
            }
            Found::Broken(e) => self.error(path, None, e),
            other => self.entry(path, "unknown", ListingLine::default(), &format_args!("{other:?}")),
        }
    }

    fn same(&mut self, path: &str, first: &str) -> Result<()> {
        let line = ListingLine { same_as: Some(first), ..ListingLine::default() };
        self.entry(path, "same", line, &format_args!("same as {first}"))
    }

    /// A group or an array of a zarr store.
    fn node(&mut self, entry: &WalkEntry) -> Result<()> {
        let path = entry.path();
        let node = match entry.node() {
            Ok(node) => node,
            Err(e) => return self.error(path, None, e),
        };
        if let Some(first) = entry.seen_as() {
            return self.same(path, first);
        }
        if node.is_group() {
            self.entry(path, "group", ListingLine::default(), &"group")?;
        } else {
            let array = match node.array() {
                Ok(array) => array,
                Err(e) => return self.error(path, None, &e),
            };
            let chunk = array.chunk_shape().unwrap_or_default();
            let storage = ChunksText { chunk: &chunk, filters: &array.filter_names() };
            let crc = self.args.crc.then(|| array.canonical_crc());
            self.array((path, "array"), &array.datatype().name(), Some(array.shape()), &storage, crc)?;
        }
        match node.attributes() {
            Ok(all) => all.into_iter().try_for_each(|(name, value)| self.attribute(path, &name, value)),
            Err(e) => self.error(path, None, &e),
        }
    }

    /// An entry of a zip file that cannot be read.
    fn broken(&mut self, (name, e): &&(String, Error)) -> Result<()> {
        self.error(&format!("/{name}"), None, e)
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
        let crc = self.args.crc.then(|| dataset.canonical_crc());
        let short = object.file().take_short_chunks();
        if short > 0 && matches!(crc, Some(Ok(_))) {
            let text =
                "end before their last element: what is missing is zeros here, anything in other readers";
            note(&format!("warning: {path}: {short} chunks {text}"));
        }
        self.array((path, "dataset"), &dtype, shape, &StorageText(&dataset), crc)
    }

    /// An array: its type, shape and storage in words, and its checksum where it was asked for.
    fn array(
        &mut self,
        (path, kind): (&str, &str),
        dtype: &str,
        shape: Option<&[u64]>,
        storage: &dyn Display,
        crc: Option<Result<Option<u32>>>,
    ) -> Result<()> {
        let crc = match crc.transpose() {
            Ok(crc) => crc,
            Err(e) => return self.error(path, None, &e),
        };
        let line = ListingLine { dtype: Some(dtype), shape: Some(shape), crc, ..ListingLine::default() };
        let shape = ShapeText(shape);
        self.entry(path, kind, line, &format_args!("{dtype} {shape}{storage}{}", CrcText(crc)))
    }

    fn attributes(&mut self, object: &Object, path: &str) -> Result<()> {
        let attributes = match object.attributes() {
            Ok(a) => a,
            Err(e) => return self.error(path, None, &e),
        };
        attributes.into_iter().try_for_each(|a| self.attribute(path, &a.name, a.value.map(Value::from)))
    }

    fn attribute(&mut self, path: &str, name: &str, value: Result<Value>) -> Result<()> {
        let crc = |value: &Value| self.args.crc.then(|| value.canonical_crc()).transpose();
        let (crc, value) = match value.and_then(|value| Ok((crc(&value)?, value))) {
            Ok(both) => both,
            Err(e) => return self.error(path, Some(name), &e),
        };
        let (dtype, shape) = (value.datatype().name(), value.shape());
        if self.args.json {
            let (attr, dtype, shape) = (Some(name), Some(dtype.as_str()), Some(shape));
            let line = ListingLine { path, attr, dtype, shape, crc, ..ListingLine::default() };
            return json_line(&line, &mut self.text);
        }
        let (shape, shown, crc) = (ShapeText(shape), preview(&value), CrcText(crc));
        self.line(format_args!("{path}@{name}  {dtype} {shape}{shown}{crc}"));
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
                let filters: Vec<String> = self.0.filters().iter().map(Dataset::filter_name).collect();
                ChunksText { chunk: &chunk, filters: &filters }.fmt(f)
            }
        }
    }
}

/// The shape of chunks, and the names of their filters.
struct ChunksText<'a> {
    chunk: &'a [u64],
    filters: &'a [String],
}

impl Display for ChunksText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  chunks {:?}", self.chunk)?;
        for (n, filter) in self.filters.iter().enumerate() {
            write!(f, "{}{filter}", if n == 0 { ' ' } else { '+' })?;
        }
        Ok(())
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
