//! `annmap man`: manual pages, one for the program and one for each command.

use super::{Cli, print};
use annmap::{Error, Result};
use clap::CommandFactory;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The command whose page is printed [default: all pages, that of the program first]
    command: Option<String>,
    /// Write all pages into this directory, as annmap.1, annmap-convert.1 and so on
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let mut program = Cli::command();
    program.build();
    if let Some(dir) = &args.dir {
        std::fs::create_dir_all(dir).map_err(|e| Error::io("create directory", e).in_file(dir))?;
        for (name, command) in pages(&program) {
            let path = dir.join(format!("{name}.1"));
            let written = std::fs::write(&path, page(&name, command)?);
            written.map_err(|e| Error::io("write", e).in_file(&path))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = Vec::new();
    let wanted = args.command.as_deref();
    for (name, command) in pages(&program) {
        if wanted.is_none_or(|wanted| name.strip_prefix("annmap-") == Some(wanted)) {
            text.append(&mut page(&name, command)?);
        }
    }
    if text.is_empty() {
        let names: Vec<&str> = program.get_subcommands().map(clap::Command::get_name).collect();
        let (names, got) = (names.join(", "), wanted.unwrap_or_default());
        return Err(Error::usage(format!("expected a command ({names}), got '{got}'")));
    }
    print(&text)
}

/// Name and command of each page: the program first.
fn pages(program: &clap::Command) -> Vec<(String, clap::Command)> {
    let commands = program
        .get_subcommands()
        .filter(|c| c.get_name() != "help")
        .map(|c| (format!("annmap-{}", c.get_name()), c.clone().disable_version_flag(true)));
    std::iter::once(("annmap".to_owned(), program.clone())).chain(commands).collect()
}

/// One page, in the form of `man`.
fn page(name: &str, command: clap::Command) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command)
        .title(name)
        .render(&mut text)
        .map_err(|e| Error::io("write a manual page", e))?;
    Ok(text)
}
