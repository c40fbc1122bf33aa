//! The program: arguments in, exit code out. Its modules belong to the binary, so the compiler restricts them
//! to the public interface of the library.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args_os())
}
