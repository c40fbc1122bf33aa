//! The command line: arguments become options, results become text, kinds of error become exit codes.
//!
//! Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 the data differ, 2 usage, 3 malformed
//! input, 4 unsupported input, 5 input or output failed, 6 a limit or the budget is too small, 130 interrupted.

mod args;
mod bench;
mod common;
mod concat;
mod convert;
mod doctor;
mod export;
mod info;
mod ls;
mod progress;
mod report;
mod subset;
mod synth;
mod system;
mod transpose;
mod verify;

use clap::{CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// Turns single-cell HDF5 files into plain memory-mapped arrays you can trust.
#[derive(Debug, Parser)]
#[command(name = "annmap", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 the data differ, 2 usage, 3 malformed input, 4 unsupported input, \
5 input or output failed, 6 a limit or the memory budget is too small, 130 interrupted";

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what a file or a store holds
    Info(info::Args),
    /// List every object and attribute of an HDF5 file
    Ls(ls::Args),
    /// Make a store of a matrix and its tables
    Convert(convert::Args),
    /// Make a store in the other layout: rows become columns and columns rows (CSR to CSC, CSC to CSR)
    Transpose(transpose::Args),
    /// Check that a store holds what it says it holds
    Verify(verify::Args),
    /// Write rows and columns of a file as an h5ad; every element follows
    Subset(subset::Args),
    /// Write several files as one h5ad: all of anndata.concat, on disk
    Concat(concat::Args),
    /// Write a file of any generation as an h5ad of today, repacked on all cores
    Upgrade(export::UpgradeArgs),
    /// Write a store as an h5ad
    Export(export::ExportArgs),
    /// Read everything in a file and tell what is damaged, where, and what is lost
    Doctor(doctor::Args),
    /// Make an h5ad of any size with realistic counts, or with something wrong, to try programs with
    Synth(synth::Args),
    /// Time random reads of rows and columns of stores
    Bench(bench::Args),
    /// Print a script that completes annmap's arguments in a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// Runs the command line `argv` (the program's name first) and gives the exit code.
pub(crate) fn run(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(argv) {
        Ok(cli) => cli,
        Err(e) => {
            let _ = e.print();
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2));
        }
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
        Command::Doctor(a) => doctor::run(&a),
        Command::Synth(a) => synth::run(&a),
        Command::Bench(a) => bench::run(&a),
        Command::Completions { shell } => completions(shell),
        Command::Man => manual(),
    };
    done.unwrap_or_else(|e| report::failure(&e))
}

fn completions(shell: clap_complete::Shell) -> annmap::Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "annmap", &mut text);
    print(&text)
}

/// One page: the program, then each command.
fn manual() -> annmap::Result<ExitCode> {
    let mut text = Vec::new();
    let mut command = Cli::command();
    command.build();
    let rendered = clap_mangen::Man::new(command.clone()).render(&mut text).and_then(|()| {
        for sub in command.get_subcommands().filter(|c| c.get_name() != "help") {
            let name = format!("annmap {}", sub.get_name());
            let page = clap_mangen::Man::new(sub.clone().disable_version_flag(true)).title(name);
            page.render_description_section(&mut text)?;
            page.render_synopsis_section(&mut text)?;
            page.render_options_section(&mut text)?;
        }
        Ok(())
    });
    rendered.map_err(|e| annmap::Error::new(annmap::Kind::Io, e.to_string()))?;
    print(&text)
}

fn print(text: &[u8]) -> annmap::Result<ExitCode> {
    let mut out = report::Out::new();
    out.line(String::from_utf8_lossy(text).trim_end())?;
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}
