//! `annmap verify`: checks a store against its metadata, or compares two files or stores.

use super::args::human_count;
use super::common::Common;
use super::input;
use super::report::{self, Out, printable};
use annmap::store::{CheckFinding, CheckReport, Store};
use annmap::verify::{Comparison, Difference, VerifyOptions, compare};
use annmap::{Error, Kind, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A store to check; with B, the first of two files or stores to compare
    a: PathBuf,
    /// The second file or store, in either layout
    b: Option<PathBuf>,
    /// Compare every element of A and B, not just one matrix and its tables: layers, raw, obsm, varm, obsp,
    /// varp and uns as well. An element that only one side has is a difference
    #[arg(long, requires = "b", conflicts_with_all = ["matrix", "matrix_b"])]
    all: bool,
    /// Matrix of A, and of B unless --matrix-b is given
    #[arg(long, default_value = "X", value_name = "PATH")]
    matrix: String,
    /// Matrix of B
    #[arg(long, value_name = "PATH")]
    matrix_b: Option<String>,
    /// Compare values as numbers of any type: an int16 1 equals a float32 1.0
    #[arg(long)]
    numeric: bool,
    /// Add up duplicates on both sides before comparing
    #[arg(long)]
    sum_duplicates: bool,
    /// Do not compare names and tables
    #[arg(long)]
    no_tables: bool,
    #[command(flatten)]
    common: Common,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    [Some(&args.a), args.b.as_ref()].into_iter().flatten().try_for_each(|path| input::expect_path(path))?;
    match &args.b {
        Some(b) => run_compare(args, b),
        None => run_check(args),
    }
}

fn run_compare(args: &Args, b: &Path) -> Result<ExitCode> {
    let options = VerifyOptions {
        matrices: [args.matrix.clone(), args.matrix_b.clone().unwrap_or_else(|| args.matrix.clone())],
        all: args.all,
        numeric: args.numeric,
        sum_duplicates: args.sum_duplicates,
        tables: !args.no_tables,
        budget: args.common.budget(),
        temporary: args.common.tmpdir.clone(),
    };
    let found = args.common.run(|observer| {
        let (a, b) = (
            input::open(&args.a, Some(&args.a), &args.common, observer)?,
            input::open(b, Some(b), &args.common, observer)?,
        );
        compare(&a, &b, &options, observer)
    })?;
    show_comparison(args, b, &found)?;
    Ok(ExitCode::from(u8::from(!found.is_equal())))
}

/// Result of a comparison with the two inputs, as JSON.
#[derive(Debug, Serialize)]
struct Compared<'a> {
    a: String,
    b: String,
    #[serde(flatten)]
    found: &'a Comparison,
}

/// Result of the check of a store, as JSON.
#[derive(Debug, Serialize)]
struct Checked {
    store: String,
    ok: bool,
    entries: u64,
    checksums: usize,
    sorted_indices: Option<bool>,
    has_duplicates: Option<bool>,
    findings: Vec<CheckProblem>,
}

#[derive(Debug, Serialize)]
struct CheckProblem {
    file: String,
    problem: String,
}

fn show_comparison(args: &Args, b: &Path, found: &Comparison) -> Result<()> {
    let mut out = Out::new();
    if args.common.json {
        let (a, b) = (args.a.display().to_string(), b.display().to_string());
        out.json(&Compared { a, b, found })?;
        return out.finish();
    }
    for d in &found.first {
        out.line(&printable(&as_text(d, args.all)))?;
    }
    if found.differences > found.first.len() as u64 {
        out.line("...")?;
    }
    let compared = found.compared.join(", ");
    if !found.is_equal() {
        let n = human_count(found.differences);
        let text = format!("{n} difference{}", if found.differences == 1 { "" } else { "s" });
        out.line(&printable(&format!("{text} (compared: {compared})")))?;
    } else if !args.common.quiet {
        let text = format!("equal, {} entries (compared: {compared})", human_count(found.entries));
        out.line(&printable(&text))?;
    }
    out.finish()
}

/// One difference as text; an entry begins with its matrix if there may be several.
fn as_text(d: &Difference, all: bool) -> String {
    match d {
        Difference::Whole { what, a, b, .. } => format!("{what}: {a} in A, {b} in B"),
        Difference::Entry { element, row, column, row_name, column_name, a, b } => {
            let axis = |what: &str, n: &u64, name: &Option<String>| match name {
                Some(name) => format!("'{name}' ({what} {n})"),
                None => format!("{what} {n}"),
            };
            let matrix = if all { format!("{element} ") } else { String::new() };
            let (row, column) = (axis("row", row, row_name), axis("column", column, column_name));
            let place = format!("{matrix}{row}, {column}");
            match (a, b) {
                (Some(a), Some(b)) => format!("{place}: {a} in A, {b} in B"),
                (Some(a), None) => format!("{place}: {a} in A, not stored in B"),
                (None, Some(b)) => format!("{place}: not stored in A, {b} in B"),
                (None, None) => place,
            }
        }
        _ => String::new(),
    }
}

fn run_check(args: &Args) -> Result<ExitCode> {
    let stores = Store::find(&args.a);
    if stores.is_empty() {
        let e = match args.a.metadata() {
            Err(_) => Error::new(Kind::Io, "no such store"),
            Ok(_) => Error::new(Kind::Usage, "not a store (there is no metadata.json in it)"),
        };
        return Err(e.in_file(&args.a));
    }
    let mut wrong = false;
    for path in stores {
        let budget = args.common.budget();
        let report = args.common.run(|observer| Store::check(&path, budget, observer))?;
        wrong |= !report.findings.is_empty();
        show(&path, &report, &args.common)?;
    }
    Ok(if wrong { ExitCode::from(report::exit_code(Kind::Malformed)) } else { ExitCode::SUCCESS })
}

fn show(path: &Path, report: &CheckReport, common: &Common) -> Result<()> {
    let mut out = Out::new();
    if common.json {
        let problem = |f: &CheckFinding| CheckProblem { file: f.file.clone(), problem: f.problem.clone() };
        out.json(&Checked {
            store: path.display().to_string(),
            ok: report.findings.is_empty(),
            entries: report.entries,
            checksums: report.checksums,
            sorted_indices: report.order.map(|o| o.sorted),
            has_duplicates: report.order.and_then(|o| o.duplicates),
            findings: report.findings.iter().map(problem).collect(),
        })?;
    } else if report.findings.is_empty() {
        if !common.quiet {
            let checksums = match report.checksums {
                0 => "no checksums recorded".to_owned(),
                n => format!("{n} checksums match"),
            };
            out.line(&format!(
                "{}: ok, {} entries, {checksums}",
                path.display(),
                human_count(report.entries)
            ))?;
        }
    } else {
        for f in &report.findings {
            out.line(&printable(&format!("{}: {}: {}", path.display(), f.file, f.problem)))?;
        }
    }
    out.finish()
}
