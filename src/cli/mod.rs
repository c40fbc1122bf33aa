//! The command line: parses arguments into options, prints results, maps error kinds to exit codes.
//!
//! Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 the data differ, 2 usage, 3
//! malformed input, 4 unsupported input, 5 input or output failed, 6 a limit or the budget is too small, 70 a bug,
//! 130 interrupted.

mod args;
mod bench;
mod common;
mod concat;
mod container;
mod convert;
mod doctor;
mod export;
mod index;
mod info;
mod input;
mod ls;
mod manual;
mod output;
mod panics;
mod progress;
mod report;
mod signals;
mod subset;
mod synth;
mod system;
mod transpose;
mod values;
mod verify;

use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use progress::ProgressArg;
use report::Manner;
use std::ffi::OsString;
use std::process::ExitCode;

/// Converts single-cell HDF5 and zarr files into plain, verified memory-mapped arrays.
#[derive(Debug, Parser)]
#[command(name = "annmap", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 the data differ, 2 usage, 3 malformed input, 4 unsupported input, \
5 input or output failed, 6 a limit or the memory budget is too small, 70 a bug, 130 interrupted";

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the contents of a file or a store
    Info(info::Args),
    /// List every object and attribute of an HDF5 file or zarr store
    Ls(ls::Args),
    /// Make a store from a matrix and its tables
    Convert(convert::Args),
    /// Make a store in the other layout (CSR to CSC, CSC to CSR)
    Transpose(transpose::Args),
    /// Check a store against its metadata, or compare two files or stores
    Verify(verify::Args),
    /// Write selected rows and columns of a file, with all their elements, as an h5ad, zarr or a store
    Subset(subset::Args),
    /// Join several files into one h5ad or zarr on disk, with all options of anndata.concat
    Concat(concat::Args),
    /// Write a file of any generation as an h5ad or zarr in the current format, repacked on all cores
    Upgrade(export::UpgradeArgs),
    /// Write a store as an h5ad or zarr
    Export(export::ExportArgs),
    /// Map an HDF5 file for readers of zarr, which then read ranges of it without HDF5
    Index(index::Args),
    /// Read everything in a file and report what is damaged, where, and what is lost
    Doctor(doctor::Args),
    /// Make an h5ad of any size with realistic counts, or with a deliberate defect, for testing
    Synth(synth::Args),
    /// Measure random reads of rows and columns of stores
    Bench(bench::Args),
    /// Print a shell completion script
    Completions {
        /// The shell to complete in
        shell: clap_complete::Shell,
    },
    /// Print the manual page of the program, or of one command
    Man(manual::Args),
}

/// Runs the command line `argv` (program name first) and returns the exit code.
pub(crate) fn run(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    signals::listen();
    system::allow_open_files();
    panics::keep_quiet();
    panics::caught(|| run_command(argv)).unwrap_or_else(|said| report::bug(&said))
}

fn run_command(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    let argv: Vec<OsString> = argv.into_iter().collect();
    let parsed = Cli::command().try_get_matches_from(&argv).and_then(|matches| {
        let manner = matches.subcommand().map(|(_, chosen)| manner(chosen)).unwrap_or_default();
        report::set_manner(manner);
        Cli::from_arg_matches(&matches)
    });
    let cli = match parsed {
        Ok(cli) => cli,
        Err(e) => return misunderstood(&e, &argv),
    };
    let done = match cli.command {
        Command::Info(a) => info::run(&a),
        Command::Ls(a) => ls::run(&a),
        Command::Convert(a) => convert::run(&a),
        Command::Transpose(a) => transpose::run(&a),
        Command::Verify(a) => verify::run(&a),
        Command::Subset(a) => subset::run(&a),
        Command::Concat(a) => concat::run(&a),
        Command::Upgrade(a) => export::upgrade(&a),
        Command::Export(a) => export::run_export(&a),
        Command::Index(a) => index::run(&a),
        Command::Doctor(a) => doctor::run(&a),
        Command::Synth(a) => synth::run(&a),
        Command::Bench(a) => bench::run(&a),
        Command::Completions { shell } => completions(shell),
        Command::Man(a) => manual::run(&a),
    };
    done.unwrap_or_else(|e| report::failure(&e))
}

/// How errors and warnings are printed, from the options that most commands have.
fn manner(chosen: &ArgMatches) -> Manner {
    let json = matches!(chosen.try_get_one::<bool>("json"), Ok(Some(true)));
    let lines = matches!(chosen.try_get_one("progress"), Ok(Some(ProgressArg::Json)));
    let memory_exit = chosen.try_get_one::<u8>("memory_exit").ok().flatten().copied();
    Manner { json: json || lines, memory_exit }
}

/// Prints what is wrong with the arguments, or the help that they ask for.
fn misunderstood(e: &clap::Error, argv: &[OsString]) -> ExitCode {
    let asked = matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let json = argv.iter().any(|a| a == "--json" || a == "--progress=json")
        || argv.windows(2).any(|a| a[0] == "--progress" && a[1] == "json");
    if json && !asked {
        let text = e.to_string();
        let first = text.lines().next().unwrap_or_default();
        return report::bad_arguments(first.strip_prefix("error: ").unwrap_or(first));
    }
    let _ = e.print();
    ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2))
}

fn completions(shell: clap_complete::Shell) -> annmap::Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "annmap", &mut text);
    print(&text)
}

fn print(text: &[u8]) -> annmap::Result<ExitCode> {
    let mut out = report::Out::new();
    out.line(String::from_utf8_lossy(text).trim_end())?;
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}
