//! `annmap doctor`: reports everything that is wrong with a file.

use super::args::human_count;
use super::common::Common;
use super::info::no_hdf5;
use super::input;
use super::report::{Out, printable};
use annmap::Result;
use annmap::doctor::{Examination, Problem, Remedy, Severity, examine};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 healthy (notices do not count), 3 damaged or contradicting itself, 5 cannot be opened"
)]
pub(crate) struct Args {
    /// The HDF5 file or zarr store to examine; all of it is read
    file: PathBuf,
    #[command(flatten)]
    common: Common,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    input::expect_path(&args.file)?;
    let budget = args.common.budget();
    let report = args.common.run(|observer| examine(&args.file, args.common.limits(), budget, observer));
    let report = report.map_err(|e| no_hdf5(&args.file, e))?;
    let mut out = Out::new();
    if args.common.json {
        out.json(&Examined::new(args, &report))?;
    } else {
        as_text(args, &report).iter().try_for_each(|line| out.line(&printable(line)))?;
    }
    out.finish()?;
    Ok(ExitCode::from(if report.is_healthy() { 0 } else { 3 }))
}

fn as_text(args: &Args, report: &Examination) -> Vec<String> {
    let line = |f: &Problem| format!("{}: {}: {}", f.weight.name(), f.object, text_of(f));
    let mut lines: Vec<String> = Vec::new();
    for weight in [Severity::Damage, Severity::Contradiction, Severity::Notice] {
        let shown = report.findings.iter().filter(|f| f.weight == weight);
        lines.extend(shown.filter(|_| weight != Severity::Notice || !args.common.quiet).map(line));
    }
    if !args.common.quiet {
        let count = |w: Severity| report.findings.iter().filter(|f| f.weight == w).count();
        let places = |n: usize| if n == 1 { "1 place".to_owned() } else { format!("{n} places") };
        let verdict = match (count(Severity::Damage), count(Severity::Contradiction)) {
            (0, 0) => "healthy".to_owned(),
            (0, c) => format!("readable, but contradicting itself in {}", places(c)),
            (d, _) => format!("damaged in {}", places(d)),
        };
        lines.push(format!(
            "{}: {verdict} ({}, {} objects, {} chunks decoded)",
            args.file.display(),
            report.flavour.unwrap_or("of unknown kind"),
            human_count(report.objects),
            human_count(report.chunks)
        ));
    }
    lines
}

/// Result of an examination with the path of the file, as JSON.
#[derive(Debug, Serialize)]
struct Examined<'a> {
    file: String,
    healthy: bool,
    kind: Option<&'static str>,
    objects: u64,
    chunks: u64,
    findings: Vec<FindingLine<'a>>,
}

#[derive(Debug, Serialize)]
struct FindingLine<'a> {
    weight: Severity,
    object: &'a str,
    byte: Option<u64>,
    text: String,
}

impl<'a> Examined<'a> {
    fn new(args: &Args, report: &'a Examination) -> Self {
        let found = |f: &'a Problem| FindingLine {
            weight: f.weight,
            object: &f.object,
            byte: f.offset,
            text: text_of(f),
        };
        Examined {
            file: args.file.display().to_string(),
            healthy: report.is_healthy(),
            kind: report.flavour,
            objects: report.objects,
            chunks: report.chunks,
            findings: report.findings.iter().map(found).collect(),
        }
    }
}

/// Text of a problem, with the command that helps.
fn text_of(problem: &Problem) -> String {
    let remedy = match problem.remedy {
        Some(Remedy::Salvage) => " (convert --salvage keeps the others)",
        Some(Remedy::Sort) => ": convert --sort puts them in order",
        _ => "",
    };
    format!("{}{remedy}", problem.text)
}
