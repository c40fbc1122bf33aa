//! The command line: parses arguments into options, prints results, maps error kinds to exit codes.
//!
//! Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 the data differ, 2 usage, 3
//! malformed input, 4 unsupported input, 5 input or output failed, 6 a limit or the budget is too small, 130
//! interrupted.

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

/// Converts single-cell HDF5 files into plain, verified memory-mapped arrays.
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
    /// Show the contents of a file or a store
    Info(info::Args),
    /// List every object and attribute of an HDF5 file
    Ls(ls::Args),
    /// Make a store from a matrix and its tables
    Convert(convert::Args),
    /// Make a store in the other layout (CSR to CSC, CSC to CSR)
    Transpose(transpose::Args),
    /// Check a store against its metadata, or compare two matrices
    Verify(verify::Args),
    /// Write selected rows and columns of a file, with all their elements, as an h5ad or a store
    Subset(subset::Args),
    /// Join several files into one h5ad on disk, with all options of anndata.concat
    Concat(concat::Args),
    /// Write a file of any generation as an h5ad in the current format, repacked on all cores
    Upgrade(export::UpgradeArgs),
    /// Write a store as an h5ad
    Export(export::ExportArgs),
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
    /// Print the manual page
    Man,
}

/// Runs the command line `argv` (program name first) and returns the exit code.
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

/// Prints one manual page: the program, then each command.
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
