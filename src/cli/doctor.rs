//! `annmap doctor`: what is wrong with a file, in plain words.

use super::args::human_count;
use super::common::Common;
use super::report::{Out, printable};
use annmap::Result;
use annmap::doctor::{Finding, Report, Severity, examine};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 healthy (notices do not count), 3 damaged or contradicting itself, 5 cannot be opened"
)]
pub(crate) struct Args {
    /// The HDF5 file: everything in it is read
    file: PathBuf,
    #[command(flatten)]
    common: Common,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let budget = args.common.budget();
    let report = args.common.run(|observer| examine(&args.file, args.common.limits(), budget, observer))?;
    let mut out = Out::new();
    if args.common.json {
        out.json(&as_json(args, &report))?;
    } else {
        as_text(args, &report).iter().try_for_each(|line| out.line(&printable(line)))?;
    }
    out.finish()?;
    Ok(ExitCode::from(if report.is_healthy() { 0 } else { 3 }))
}

fn as_text(args: &Args, report: &Report) -> Vec<String> {
    let line = |f: &Finding| format!("{}: {}: {}", f.weight.name(), f.object, f.text);
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

fn as_json(args: &Args, report: &Report) -> serde_json::Value {
    let findings: Vec<_> = report
        .findings
        .iter()
        .map(|f| json!({"weight": f.weight.name(), "object": f.object, "byte": f.offset, "text": f.text}))
        .collect();
    json!({
        "file": args.file.display().to_string(),
        "healthy": report.is_healthy(),
        "kind": report.flavour,
        "objects": report.objects,
        "chunks": report.chunks,
        "findings": findings,
    })
}
