//! The command line: arguments become options, results become text, kinds of error become exit codes.
//!
//! Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 the data differ, 2 usage, 3 malformed
//! input, 4 unsupported input, 5 input or output failed, 6 a limit or the budget is too small, 130 interrupted.

mod args;
mod ls;
mod report;

use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// Turns single-cell HDF5 files into plain memory-mapped arrays you can trust.
#[derive(Debug, Parser)]
#[command(name = "annmap", version, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List every object and attribute of an HDF5 file
    Ls(ls::Args),
}

/// Runs the command line `argv` (the program's name first) and gives the exit code.
pub fn run(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(argv) {
        Ok(cli) => cli,
        Err(e) => {
            let _ = e.print();
            return ExitCode::from(e.exit_code() as u8);
        }
    };
    let done = match cli.command {
        Command::Ls(a) => ls::run(&a),
    };
    done.unwrap_or_else(|e| report::failure(&e))
}
