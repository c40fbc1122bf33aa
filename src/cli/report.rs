//! Results as text on stdout; errors as one line on stderr, for people or as JSON, with an exit code.

use annmap::{Error, Hint, Kind, Warning};
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

/// How errors and warnings are printed, from the arguments.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manner {
    /// As JSON.
    pub(crate) json: bool,
    /// Exit code where the memory budget is too small.
    pub(crate) memory_exit: Option<u8>,
}

static MANNER: OnceLock<Manner> = OnceLock::new();

/// Sets how errors and warnings are printed, once.
pub(crate) fn set_manner(manner: Manner) {
    let _ = MANNER.set(manner);
}

fn manner() -> Manner {
    MANNER.get().copied().unwrap_or_default()
}

/// Exit code of a panic.
pub(crate) const BUG: u8 = 70;

/// Returns the documented exit code of an error kind.
pub(crate) fn exit_code(kind: Kind) -> u8 {
    match kind {
        Kind::Usage | Kind::NotFound => 2,
        Kind::Malformed | Kind::Checksum | Kind::NotHdf5 => 3,
        Kind::Unsupported => 4,
        Kind::Io => 5,
        Kind::Limit => 6,
        Kind::Cancelled => 130,
        _ => BUG,
    }
}

/// Prints the one-line message of an error, and below it the place in the request if there is one; returns its
/// exit code.
pub(crate) fn failure(e: &Error) -> ExitCode {
    let needed_exit = manner().memory_exit.filter(|_| e.kind() == Kind::Limit && e.needed().is_some());
    let exit = needed_exit.unwrap_or_else(|| exit_code(e.kind()));
    if manner().json {
        let advice = advice(e);
        problem(&ProblemLine { exit: Some(exit), ..ProblemLine::new("error", e.kind().name(), e, &advice) });
    } else {
        note(&format!("{e}{}", advice(e)));
        for line in e.excerpt().into_iter().flat_map(str::lines) {
            let _ = writeln!(io::stderr(), "  {}", printable(line));
        }
    }
    ExitCode::from(exit)
}

/// Prints the message of a usage error found while arguments were parsed, as JSON.
pub(crate) fn bad_arguments(message: &str) -> ExitCode {
    let e = Error::usage(message);
    problem(&ProblemLine { exit: Some(2), ..ProblemLine::new("error", e.kind().name(), &e, "") });
    ExitCode::from(2)
}

/// Prints that a panic is a bug and returns its exit code.
pub(crate) fn bug(said: &str) -> ExitCode {
    let text = format!("this is a bug, please report it: {said}");
    if manner().json {
        let e = Error::usage(text);
        problem(&ProblemLine { exit: Some(BUG), ..ProblemLine::new("error", "bug", &e, "") });
    } else {
        note(&text);
    }
    ExitCode::from(BUG)
}

/// Prints a warning.
pub(crate) fn warning(warning: &Warning) {
    if !manner().json {
        return note(&format!("warning: {warning}"));
    }
    let text = warning.to_string();
    let line = match warning.reason() {
        Some(e) => ProblemLine { message: &text, ..ProblemLine::new("warning", e.kind().name(), e, "") },
        None => ProblemLine {
            level: "warning",
            kind: Kind::Unsupported.name(),
            message: &text,
            ..ProblemLine::default()
        },
    };
    problem(&line);
}

/// One line of JSON on stderr: an error or a warning.
#[derive(Debug, Default, Serialize)]
struct ProblemLine<'a> {
    level: &'static str,
    kind: &'static str,
    exit: Option<u8>,
    file: Option<String>,
    object: Option<&'a str>,
    chunk: Option<&'a [u64]>,
    byte: Option<u64>,
    message: &'a str,
    needed: Option<u64>,
    hint: Option<&'a str>,
}

impl<'a> ProblemLine<'a> {
    fn new(level: &'static str, kind: &'static str, e: &'a Error, advice: &'a str) -> Self {
        ProblemLine {
            level,
            kind,
            exit: None,
            file: e.file().map(|f| f.display().to_string()),
            object: e.object(),
            chunk: e.chunk(),
            byte: e.offset(),
            message: e.message(),
            needed: e.needed(),
            hint: Some(advice.trim_matches([' ', '(', ')'])).filter(|hint| !hint.is_empty()),
        }
    }
}

fn problem(line: &ProblemLine<'_>) {
    let _ = writeln!(io::stderr(), "{}", serde_json::to_string(line).unwrap_or_default());
}

/// Command line options that may help, as the end of an error message.
fn advice(e: &Error) -> String {
    match e.hint() {
        Some(Hint::Replace) => " (--force replaces it)".into(),
        Some(Hint::RoundValues) => " (see --cast)".into(),
        Some(Hint::WideIndices) => " (see --index-dtype)".into(),
        Some(Hint::ChooseMatrix) => " (see --matrix or --genome)".into(),
        Some(Hint::ChooseByNumber) => " (--rows and --cols choose by number)".into(),
        Some(Hint::ChangeColumn) => {
            let column = e.object().unwrap_or_default().trim_start_matches('/');
            format!(" (--drop-column {column} leaves it out, --cast-column {column}=string makes it text)")
        }
        _ => String::new(),
    }
}

/// Prints one line on stderr after the program's name. Line breaks and other control characters from names in
/// files are escaped.
pub(crate) fn note(message: &str) {
    let _ = writeln!(io::stderr(), "annmap: {}", printable(message));
}

/// Exit code of a run that continued past errors: that of the worst kind.
pub(crate) fn worst(kinds: &[Kind]) -> ExitCode {
    // Exit codes from worst to mildest: malformed first, unsupported last.
    let code = [3, 5, 6, 2, 4].into_iter().find(|c| kinds.iter().any(|k| exit_code(*k) == *c));
    ExitCode::from(code.unwrap_or(0))
}

/// A report with the seconds the work took.
#[derive(Debug, Serialize)]
pub(crate) struct Timed<'a, R> {
    #[serde(flatten)]
    report: &'a R,
    seconds: f64,
}

impl<'a, R> Timed<'a, R> {
    pub(crate) fn new(report: &'a R, seconds: f64) -> Self {
        Timed { report, seconds: (seconds * 1000.0).round() / 1000.0 }
    }
}

/// Returns `text` with control characters escaped.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    // Control characters are below 0x20, 0x7f, or two bytes of which the first is 0xc2.
    let may_be = text.bytes().fold(false, |any, b| any | (b < 0x20) | (b == 0x7f) | (b == 0xc2));
    if !may_be || !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// Appends a value as one line of JSON, with keys in field order.
pub(crate) fn json_line(value: &impl Serialize, out: &mut Vec<u8>) -> annmap::Result<()> {
    serde_json::to_writer(&mut *out, value).map_err(Error::external)?;
    out.push(b'\n');
    Ok(())
}

/// Buffered stdout that ends the process quietly when its reader has closed the pipe.
pub(crate) struct Out(io::BufWriter<io::StdoutLock<'static>>);

impl Out {
    pub(crate) fn new() -> Self {
        Out(io::BufWriter::with_capacity(1 << 16, io::stdout().lock()))
    }

    pub(crate) fn line(&mut self, text: &str) -> annmap::Result<()> {
        self.lines(text.as_bytes())?;
        self.lines(b"\n")
    }

    /// Prints lines that end with their line breaks.
    pub(crate) fn lines(&mut self, text: &[u8]) -> annmap::Result<()> {
        self.0.write_all(text).map_err(broken)
    }

    /// Prints a value as one line of JSON, with keys in field order.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> annmap::Result<()> {
        let mut line = Vec::new();
        json_line(value, &mut line)?;
        self.lines(&line)
    }

    pub(crate) fn finish(mut self) -> annmap::Result<()> {
        self.0.flush().map_err(broken)
    }
}

fn broken(e: io::Error) -> Error {
    if e.kind() == io::ErrorKind::BrokenPipe {
        // The reader closed the pipe (`annmap ls x | head`), which is not an error.
        std::process::exit(0);
    }
    Error::new(Kind::Io, format!("write to stdout: {e}"))
}
