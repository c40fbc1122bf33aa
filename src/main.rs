//! The binary: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    annmap::cli::run(std::env::args_os())
}
