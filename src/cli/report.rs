//! Results as text on stdout; errors as one line on stderr and an exit code.

use annmap::{Error, Kind};
use serde_json::Value as Json;
use std::io::{self, Write};
use std::process::ExitCode;

/// The documented exit code of a kind of error.
pub(crate) fn exit_code(kind: Kind) -> u8 {
    match kind {
        Kind::Usage | Kind::NotFound => 2,
        Kind::Malformed | Kind::Checksum | Kind::NotHdf5 => 3,
        Kind::Unsupported => 4,
        Kind::Io => 5,
        Kind::Limit => 6,
        Kind::Cancelled => 130,
        _ => 70,
    }
}

/// Prints the one line of an error and gives its exit code.
pub(crate) fn failure(e: &Error) -> ExitCode {
    note(&e.to_string());
    ExitCode::from(exit_code(e.kind()))
}

/// One line on stderr, with the program's name. Line breaks that a file smuggles into its names are shown, not
/// obeyed.
pub(crate) fn note(message: &str) {
    let _ = writeln!(io::stderr(), "annmap: {}", printable(message));
}

/// The exit code of a run that went on past errors: the worst of their kinds.
pub(crate) fn worst(kinds: &[Kind]) -> ExitCode {
    // Malformed outweighs the rest, unsupported comes last.
    let code = [3, 5, 6, 2, 4].into_iter().find(|c| kinds.iter().any(|k| exit_code(*k) == *c));
    ExitCode::from(code.unwrap_or(0))
}

/// Text with its control characters escaped.
pub(crate) fn printable(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// A buffered stdout that knows when its reader has gone.
pub(crate) struct Out(io::BufWriter<io::StdoutLock<'static>>);

impl Out {
    pub(crate) fn new() -> Self {
        Out(io::BufWriter::with_capacity(1 << 16, io::stdout().lock()))
    }

    pub(crate) fn line(&mut self, text: &str) -> annmap::Result<()> {
        self.0.write_all(text.as_bytes()).and_then(|()| self.0.write_all(b"\n")).map_err(broken)
    }

    pub(crate) fn json(&mut self, value: &Json) -> annmap::Result<()> {
        self.line(&value.to_string())
    }

    pub(crate) fn finish(mut self) -> annmap::Result<()> {
        self.0.flush().map_err(broken)
    }
}

fn broken(e: io::Error) -> Error {
    if e.kind() == io::ErrorKind::BrokenPipe {
        // Whoever read has seen enough (`annmap ls x | head`): no error of ours to report.
        std::process::exit(0);
    }
    Error::new(Kind::Io, format!("write to stdout: {e}"))
}
