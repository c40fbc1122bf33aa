//! `annmap verify`: does a store hold what it says it holds?

use super::args::human_count;
use super::common::Common;
use super::report::{self, Out, printable};
use crate::store::{Report, Store};
use crate::{Error, Kind, Result};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The store
    a: PathBuf,
    #[command(flatten)]
    common: Common,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
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
