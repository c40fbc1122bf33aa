//! `annmap ls`: every object and attribute of an HDF5 file.

use super::report::{self, Out, printable};
use annmap::dtype::Class;
use annmap::hdf5::{Dataset, File, Found, Object, ObjectKind, Storage, Target, Value, Visit};
use annmap::{Error, Kind, Result};
use serde_json::{Map, Value as Json, json};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The HDF5 file
    file: PathBuf,
    /// Where in the file to begin
    #[arg(default_value = "/")]
    path: String,
    /// Add a CRC-32 of the values, which two readers of the same file can compare
    #[arg(long)]
    crc: bool,
    /// One JSON object a line
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
                    kind => self.entry(path, kind.name(), &[], kind.name())?,
                }
                self.attributes(object, path)
            }
            Found::Same(first) => {
                self.entry(path, "same", &[("as", json!(&**first))], &format!("same as {first}"))
            }
            Found::Link(link) => self.link(path, &link.target),
            Found::TooDeep(most) => {
                let text = format!("groups nested deeper than {most} are not followed");
                self.error(path, None, &Error::new(Kind::Limit, text))
            }
            Found::Broken(e) => self.error(path, None, e),
            other => self.entry(path, "unknown", &[], &format!("{other:?}")),
        }
    }

    fn link(&mut self, path: &str, target: &Target) -> Result<()> {
        match target {
            Target::Soft(to) => {
                self.entry(path, "soft-link", &[("target", json!(to))], &format!("soft link to {to}"))
            }
            Target::External { file, path: inner } => {
                let fields = [("file", json!(file)), ("target", json!(inner))];
                self.entry(path, "external-link", &fields, &format!("external link to {inner} in {file}"))
            }
            Target::User(kind) => {
                let text = format!("user-defined link {kind}");
                self.entry(path, "user-link", &[("type", json!(kind))], &text)
            }
            other => self.entry(path, "unknown", &[], &format!("{other:?}")),
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
        let mut fields = vec![("dtype", json!(dtype)), ("shape", json!(shape))];
        let mut text = format!("{dtype} {}{}", shape_text(shape), storage_text(&dataset));
        if let Some(crc) = crc {
            fields.push(("crc", json!(crc)));
            text += &crc_text(crc);
        }
        self.entry(path, "dataset", &fields, &text)
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
                    let mut o = Map::new();
                    o.insert("path".into(), json!(path));
                    o.insert("attr".into(), json!(a.name));
                    o.insert("dtype".into(), json!(value.datatype().name()));
                    o.insert("shape".into(), json!(value.shape()));
                    if let Some(crc) = crc {
                        o.insert("crc".into(), json!(crc));
                    }
                    self.out.json(&Json::Object(o))?;
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

    fn entry(&mut self, path: &str, kind: &str, fields: &[(&str, Json)], text: &str) -> Result<()> {
        if !self.args.json {
            return self.out.line(&printable(&format!("{path}  {text}")));
        }
        let mut o = Map::new();
        o.insert("path".into(), json!(path));
        o.insert("kind".into(), json!(kind));
        for (key, value) in fields {
            o.insert((*key).to_owned(), value.clone());
        }
        self.out.json(&Json::Object(o))
    }

    /// An object or attribute that cannot be read is a line like the others; the run goes on.
    fn error(&mut self, path: &str, attribute: Option<&str>, e: &Error) -> Result<()> {
        self.errors.push(e.kind());
        // An inner object's name says more than the path of the line.
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
        let mut o = Map::new();
        o.insert("path".into(), json!(path));
        if let Some(a) = attribute {
            o.insert("attr".into(), json!(a));
        }
        o.insert("error".into(), json!(text));
        self.out.json(&Json::Object(o))
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

/// The first values of an attribute.
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
