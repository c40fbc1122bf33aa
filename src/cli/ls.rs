//! `annmap ls`: lists every object and attribute of an HDF5 file.

use super::report::{self, Out, printable};
use annmap::dtype::Class;
use annmap::hdf5::{Dataset, File, Found, Object, ObjectKind, Storage, Target, Value, Visit};
use annmap::{Error, Kind, Result};
use serde::Serialize;
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
    let file = File::open_with(&args.file, args.limits.limits())?;
    let start = file.object(&args.path).map_err(|e| e.in_file(&args.file))?;
    let mut ls = Ls { args, out: Out::new(), errors: Vec::new() };
    for visit in start.walk() {
        ls.visit(&visit)?;
    }
    let Ls { out, errors, .. } = ls;
    out.finish()?;
    Ok(report::worst(&errors))
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

struct Ls<'a> {
    args: &'a Args,
    out: Out,
    errors: Vec<Kind>,
}

impl Ls<'_> {
    fn visit(&mut self, visit: &Visit) -> Result<()> {
        let path = visit.path();
        match visit.found() {
            Found::Object(object) => {
                match object.kind() {
                    ObjectKind::Dataset => self.dataset(object, path)?,
                    kind => self.entry(path, kind.name(), ListingLine::default(), kind.name())?,
                }
                self.attributes(object, path)
            }
            Found::Same(first) => {
                let line = ListingLine { same_as: Some(first), ..ListingLine::default() };
                self.entry(path, "same", line, &format!("same as {first}"))
            }
            Found::Link(link) => self.link(path, &link.target),
            Found::TooDeep(most) => {
                let text = format!("groups nested deeper than {most} are not followed");
                self.error(path, None, &Error::new(Kind::Limit, text))
            }
            Found::Broken(e) => self.error(path, None, e),
            other => self.entry(path, "unknown", ListingLine::default(), &format!("{other:?}")),
        }
    }

    fn link(&mut self, path: &str, target: &Target) -> Result<()> {
        match target {
            Target::Soft(to) => {
                let line = ListingLine { target: Some(to), ..ListingLine::default() };
                self.entry(path, "soft-link", line, &format!("soft link to {to}"))
            }
            Target::External { file, path: inner } => {
                let line = ListingLine { file: Some(file), target: Some(inner), ..ListingLine::default() };
                self.entry(path, "external-link", line, &format!("external link to {inner} in {file}"))
            }
            Target::User(kind) => {
                let text = format!("user-defined link {kind}");
                let line = ListingLine { link_type: Some(*kind), ..ListingLine::default() };
                self.entry(path, "user-link", line, &text)
            }
            other => self.entry(path, "unknown", ListingLine::default(), &format!("{other:?}")),
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
        let mut text = format!("{dtype} {}{}", shape_text(shape), storage_text(&dataset));
        if let Some(crc) = crc {
            text += &crc_text(crc);
        }
        let line = ListingLine { dtype: Some(&dtype), shape: Some(shape), crc, ..ListingLine::default() };
        self.entry(path, "dataset", line, &text)
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
                    self.out.json(&ListingLine {
                        path,
                        attr,
                        dtype: Some(&dtype),
                        shape,
                        crc,
                        ..ListingLine::default()
                    })?;
                }
                Ok((value, crc)) => {
                    let shown = preview(&value);
                    let crc = crc.map(crc_text).unwrap_or_default();
                    let text = format!(
                        "{path}@{}  {} {}{shown}{crc}",
                        a.name,
                        value.datatype().name(),
                        shape_text(value.shape())
                    );
                    self.out.line(&printable(&text))?;
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &str, kind: &str, line: ListingLine<'_>, text: &str) -> Result<()> {
        if !self.args.json {
            return self.out.line(&printable(&format!("{path}  {text}")));
        }
        self.out.json(&ListingLine { path, kind: Some(kind), ..line })
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
            return self.out.line(&printable(&format!("{path}{at}  error: {text}")));
        }
        self.out.json(&ListingLine { path, attr: attribute, error: Some(&text), ..ListingLine::default() })
    }
}

fn shape_text(shape: Option<&[u64]>) -> String {
    match shape {
        None => "null".into(),
        Some([]) => "scalar".into(),
        Some(s) => format!("{s:?}"),
    }
}

fn crc_text(crc: Option<u32>) -> String {
    crc.map_or_else(|| "  crc -".into(), |c| format!("  crc {c:08x}"))
}

fn storage_text(d: &Dataset) -> String {
    let filters: Vec<String> = d.filters().iter().map(Dataset::filter_name).collect();
    let filters = if filters.is_empty() { String::new() } else { format!(" {}", filters.join("+")) };
    match d.storage() {
        Storage::Compact => "  compact".into(),
        Storage::Contiguous => String::new(),
        Storage::Chunked(c) => format!("  chunks {c:?}{filters}"),
        Storage::Virtual => "  virtual".into(),
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
