//! `annmap verify`: is a store what it says, and are two matrices the same?

use super::args::human_count;
use super::common::Common;
use super::report::{self, Out, printable};
use annmap::dataset::Dataset;
use annmap::store::{Report, Store};
use annmap::verify::{Comparison, Difference, VerifyOptions, compare};
use annmap::{Error, Kind, Result};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A store to check; or, with B, the first of two files or stores to compare
    a: PathBuf,
    /// The second: a file or a store, in either layout
    b: Option<PathBuf>,
    /// Which matrix of A, and of B unless --matrix-b is given
    #[arg(long, default_value = "X", value_name = "PATH")]
    matrix: String,
    /// Which matrix of B
    #[arg(long, value_name = "PATH")]
    matrix_b: Option<String>,
    /// Compare values as numbers: an int16 1 equals a float32 1.0
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
    match &args.b {
        Some(b) => run_compare(args, b),
        None => run_check(args),
    }
}

fn run_compare(args: &Args, b: &Path) -> Result<ExitCode> {
    let options = VerifyOptions {
        matrices: [args.matrix.clone(), args.matrix_b.clone().unwrap_or_else(|| args.matrix.clone())],
        numeric: args.numeric,
        sum_duplicates: args.sum_duplicates,
        tables: !args.no_tables,
        budget: args.common.budget(),
        temporary: args.common.tmpdir.clone(),
    };
    let found = args.common.run(|observer| {
        let (a, b) = (
            Dataset::open_with(&args.a, args.common.limits())?,
            Dataset::open_with(b, args.common.limits())?,
        );
        compare(&a, &b, &options, observer)
    })?;
    show_comparison(args, b, &found)?;
    Ok(ExitCode::from(u8::from(found.count > 0)))
}

fn show_comparison(args: &Args, b: &Path, found: &Comparison) -> Result<()> {
    let mut out = Out::new();
    if args.common.json {
        out.json(&json!({
            "a": args.a.display().to_string(), "b": b.display().to_string(), "equal": found.count == 0,
            "entries": found.entries, "differences": found.count,
            "first": found.first.iter().map(as_json).collect::<Vec<_>>(),
        }))?;
        return out.finish();
    }
    for d in &found.first {
        out.line(&printable(&as_text(d)))?;
    }
    if found.count > found.first.len() as u64 {
        out.line("...")?;
    }
    if found.count > 0 {
        let n = human_count(found.count);
        out.line(&format!("{n} difference{}", if found.count == 1 { "" } else { "s" }))?;
    } else if !args.common.quiet {
        out.line(&format!("equal, {} entries", human_count(found.entries)))?;
    }
    out.finish()
}

fn as_text(d: &Difference) -> String {
    match d {
        Difference::Whole { what, a, b } => format!("{what}: {a} in A, {b} in B"),
        Difference::Entry { position, names, a, b } => {
            let axis = |i: usize, what: &str| match &names[i] {
                Some(name) => format!("'{name}' ({what} {})", position[i]),
                None => format!("{what} {}", position[i]),
            };
            let place = format!("{}, {}", axis(0, "row"), axis(1, "column"));
            match (a, b) {
                (Some(a), Some(b)) => format!("{place}: {a} in A, {b} in B"),
                (Some(a), None) => format!("{place}: {a} in A, not stored in B"),
                (None, Some(b)) => format!("{place}: not stored in A, {b} in B"),
                (None, None) => place,
            }
        }
    }
}

fn as_json(d: &Difference) -> Json {
    match d {
        Difference::Whole { what, a, b } => json!({"what": what, "a": a, "b": b}),
        Difference::Entry { position, names, a, b } => json!({
            "row": position[0], "column": position[1], "row_name": names[0], "column_name": names[1],
            "a": a.map(|v| v.to_string()), "b": b.map(|v| v.to_string()),
        }),
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

fn show(path: &Path, report: &Report, common: &Common) -> Result<()> {
    let mut out = Out::new();
    if common.json {
        let findings: Vec<_> =
            report.findings.iter().map(|f| json!({"file": f.file, "problem": f.problem})).collect();
        out.json(&json!({
            "store": path.display().to_string(),
            "ok": report.findings.is_empty(),
            "entries": report.entries,
            "checksums": report.checksums,
            "sorted_indices": report.order.map(|o| o.sorted),
            "has_duplicates": report.order.and_then(|o| o.duplicates),
            "findings": findings,
        }))?;
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
