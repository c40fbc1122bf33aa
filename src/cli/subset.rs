//! `annmap subset`: writes selected rows and columns of a file as an h5ad or a store.

use super::common::Common;
use super::container::ToArg;
use super::export::{LeaveOutArgs, StorageArgs, WrittenOutput, matrix_name};
use super::input;
use super::output::{self, Made, RULE};
use super::report::{Out, Timed, note, printable};
use super::values::ValueArgs;
use annmap::convert;
use annmap::dataset::{Dataset, Flavour, refuse_overwriting};
use annmap::export::{ExportOptions, export, split};
use annmap::matrix::Selection;
use annmap::select::{MissingRows, NameList, RowChoice, RowGroup, file_names, group_rows};
use annmap::{Error, FileReport, LeftOut, Observer, Recorder, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

const CONDITIONS: &str = "Conditions: names of columns, or `index`; names that are no words in backticks; texts in quotes; \
== != < <= > >= with a value or a column, also as a chain (1 < x < 3); is missing, is not missing; in [...], startswith, \
endswith, contains, matches (a regular expression), each also with `not` before it; and, or, not, also as & | !; parentheses. \
Ordered categories compare by their order. In MuData, columns of modalities are `NAME:COLUMN`, in backticks. Of several ways to choose rows, all must agree.\n\n\
Names: a file with one name per line (blanks around it, empty lines, a byte order mark and lines that begin with # are \
skipped; a name in double quotes is taken as it stands), or a list with commas. Rows come in the order of the list; a name that \
stands several times in the file is an error. A single name that looks like a file (lists/genes, genes.txt) is one, unless a \
comma follows it.";

#[derive(Debug, clap::Args)]
#[command(after_help = format!("{CONDITIONS}\n\n{RULE}"))]
pub(crate) struct Args {
    /// An h5ad of any generation, MuData, zarr, 10x HDF5, loom, Matrix Market, a 10x Genomics directory, a table
    /// (CSV, TSV) or a store; - reads standard input
    input: PathBuf,
    /// The h5ad or zarr (of MuData, the h5mu or zarr) to write, or a store if the name does not end in .h5ad, .h5mu,
    /// .h5, .hdf5, .zarr or .zarr.zip; with --split-by, a directory for one file per value
    output: PathBuf,
    /// Keep rows that meet this condition, such as 'cell_type == "T cell" and score > 0.8'
    #[arg(long, value_name = "CONDITION")]
    obs: Option<String>,
    /// Keep columns that meet this condition
    #[arg(long, value_name = "CONDITION")]
    var: Option<String>,
    /// Keep rows with these names, in this order: a file with one name per line, or a comma-separated list
    #[arg(long, value_name = "FILE|A,B,...")]
    obs_names: Option<String>,
    /// Keep columns with these names, in this order: a file with one name per line, or a comma-separated list
    #[arg(long, value_name = "FILE|A,B,...")]
    var_names: Option<String>,
    /// Keep rows by number: FIRST:END (END excluded), FIRST:END:STEP, or a list; an empty bound is the start
    /// or the end, and negative numbers count from the end
    #[arg(long, value_name = "SLICE|N,N,...", allow_hyphen_values = true)]
    rows: Option<String>,
    /// Keep columns by number, as --rows
    #[arg(long, value_name = "SLICE|N,N,...", allow_hyphen_values = true)]
    cols: Option<String>,
    /// Keep N random rows of those selected, in their order
    #[arg(long, value_name = "N")]
    sample: Option<u64>,
    /// Seed of the random sample
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Write one file for each value of this obs column, in the directory OUTPUT
    #[arg(long, value_name = "COLUMN")]
    split_by: Option<String>,
    /// Matrix that becomes X: layers/NAME, raw/X with the genes of raw/var, or mod/NAME of MuData, of which
    /// only this modality is then written, as an h5ad
    #[arg(long, default_value = "X", value_name = "PATH", value_parser = matrix_name)]
    matrix: String,
    /// With --split-by, rows without a value: drop (they are in no file), error, group (they are a file of
    /// their own, called missing), or group=NAME
    #[arg(long, value_name = "HOW", default_value_t, requires = "split_by")]
    missing: MissingRows,
    /// Write nothing and exit with 1 if no row or no column is selected
    #[arg(long)]
    fail_empty: bool,
    #[command(flatten)]
    values: ValueArgs,
    #[command(flatten)]
    storage: StorageArgs,
    #[command(flatten)]
    leave: LeaveOutArgs,
    #[command(flatten)]
    common: Common,
}

/// What a run has written.
enum Outcome {
    /// Nothing: no row or no column is selected, and that counts as a failure.
    Nothing,
    One(WrittenOutput),
    Parts(Vec<WrittenPart>),
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let began = Instant::now();
    let made = match args.storage.container.to {
        Some(ToArg::Zarr) => Made::Zarr,
        Some(ToArg::H5ad) => Made::File,
        None => Made::by_ending(&args.output),
    };
    let output = match args.split_by {
        Some(_) => output::directory(&args.output)?,
        None => made.path(&args.output, Some(&args.input))?,
    };
    args.expect_names(&output)?;
    let (outcome, left_out) = args.common.run(|observer| write(args, made, &output, observer))?;
    match outcome {
        Outcome::Nothing => return Ok(ExitCode::from(1)),
        Outcome::One(written) => written.report(began, &args.common).map(drop)?,
        Outcome::Parts(parts) => parts.iter().try_for_each(|part| part.report(args, began))?,
    }
    Ok(args.leave.exit_code(&left_out))
}

fn write(args: &Args, made: Made, output: &Path, observer: &dyn Observer) -> Result<(Outcome, Vec<LeftOut>)> {
    let options = ExportOptions {
        matrix: args.matrix.clone(),
        dtype: args.values.dtype,
        policy: args.values.policy(),
        ..args.storage.options(output, &args.common)?
    };
    let input = args.leave.applied(input::open(&args.input, Some(output), &args.common, observer)?);
    let mudata = output::is_mudata(&input, &args.matrix);
    let output = &match made {
        Made::File if args.split_by.is_none() => {
            output::of_kind(output.to_owned(), &args.output, &input, &args.matrix)?
        }
        _ => output.to_owned(),
    };
    // 10x version 2 has one matrix per genome.
    let name = match input.anndata() {
        Some(d) if d.flavour() == Flavour::TenX2 => args.storage.genome.as_deref(),
        _ => None,
    };
    // columns that are left out when the tables are read, before any output is written
    let tables = Recorder::new(observer);
    let [obs, var] = input.choice_tables(name.unwrap_or(&args.matrix), options.budget, &tables)?;
    let mut left_out = tables.finish().left_out;
    let rows = args.choice_of_obs()?.rows(&obs).map_err(|e| e.in_object("obs"))?;
    let columns = args.choice_of_var()?.rows(&var).map_err(|e| e.in_object("var"))?;
    let none = |chosen: &Option<Vec<u64>>, all: u64| chosen.as_ref().map_or(all == 0, Vec::is_empty);
    let empty = [(none(&rows, obs.rows()), "row"), (none(&columns, var.rows()), "column")];
    for (_, what) in empty.iter().filter(|(empty, _)| *empty && !args.common.quiet) {
        note(&format!("warning: no {what} is selected"));
    }
    if args.fail_empty && empty.iter().any(|(empty, _)| *empty) {
        return Ok((Outcome::Nothing, left_out));
    }
    let Some(by) = &args.split_by else {
        let selection = Selection { obs: rows, var: columns };
        let (written, more) = take(&input, made, output, selection, &options, args.leave.salvage, observer)?;
        left_out.extend(more);
        return Ok((Outcome::One(written), left_out));
    };
    let chosen = rows.as_ref().map_or(obs.rows(), |rows| rows.len() as u64);
    let groups = group_rows(&obs, by, rows, &args.missing).map_err(|e| e.in_object("obs"))?;
    let dropped = chosen - groups.iter().map(|group| group.rows.len() as u64).sum::<u64>();
    if dropped > 0 && !args.common.quiet {
        note(&format!("warning: {dropped} of {chosen} rows have no value of '{by}' and are left out"));
    }
    std::fs::create_dir_all(output).map_err(|e| Error::io("create directory", e).in_file(output))?;
    let names = file_names(groups.iter().map(|group| group.name.as_str()));
    let part = |(group, name): (&RowGroup, String)| {
        let ending = match (options.format.is_zarr(), mudata) {
            (true, _) => "zarr",
            (false, true) => "h5mu",
            (false, false) => "h5ad",
        };
        let path = output.join(format!("{name}.{ending}"));
        (path, Selection { obs: Some(group.rows.clone()), var: columns.clone() })
    };
    let parts: Vec<(PathBuf, Selection)> = groups.iter().zip(names).map(part).collect();
    let written = split(&input, &parts, &options, observer)?;
    let parts = groups.iter().zip(&written).map(|(group, file)| WrittenPart::new(group, file)).collect();
    left_out.extend(written.into_iter().flat_map(|file| file.left_out));
    Ok((Outcome::Parts(parts), left_out))
}

/// Writes a selection as an h5ad or a store.
fn take(
    input: &Dataset,
    made: Made,
    output: &Path,
    selection: Selection,
    options: &ExportOptions,
    salvage: bool,
    observer: &dyn Observer,
) -> Result<(WrittenOutput, Vec<LeftOut>)> {
    if made != Made::Store {
        let file = export(input, output, &selection, options, observer)?;
        return Ok((WrittenOutput::of_file(&file), file.left_out));
    }
    let options = convert::ConvertOptions {
        matrix: options.matrix.clone(),
        genome: options.genome.clone(),
        selection,
        dtype: options.dtype,
        policy: options.policy,
        force: options.force,
        budget: options.budget,
        temporary: options.temporary.clone(),
        salvage,
        ..convert::ConvertOptions::default()
    };
    let report = convert::convert(input, output, &options, observer)?;
    let made = report.stores.first().ok_or_else(|| Error::usage("expected a store, got none"))?;
    let left_out = report.left_out;
    Ok((WrittenOutput::of_store(made, left_out.clone()), left_out))
}

/// Summary of one part of a split, as JSON.
#[derive(Debug, Serialize)]
struct WrittenPart {
    #[serde(flatten)]
    written: WrittenOutput,
    /// The value that its rows share; `None` for those without one.
    value: Option<String>,
    rows: u64,
}

impl WrittenPart {
    fn new(group: &RowGroup, file: &FileReport) -> Self {
        WrittenPart {
            written: WrittenOutput::of_file(file),
            value: group.value.clone(),
            rows: group.rows.len() as u64,
        }
    }

    fn report(&self, args: &Args, began: Instant) -> Result<()> {
        let seconds = began.elapsed().as_secs_f64();
        let mut out = Out::new();
        if args.common.json {
            out.json(&Timed::new(self, seconds))?;
        } else if !args.common.quiet {
            let value = self.value.as_ref().map_or("missing".to_owned(), |value| format!("'{value}'"));
            let by = args.split_by.as_deref().unwrap_or_default();
            out.line(&printable(&format!("{} ({by}: {value})", self.written.text(seconds))))?;
        }
        out.finish()
    }
}

impl Args {
    /// Refuses lists of names that are no files or would be overwritten.
    fn expect_names(&self, output: &Path) -> Result<()> {
        for names in [&self.obs_names, &self.var_names].into_iter().flatten() {
            input::expect_names(Path::new(names))?;
            if self.split_by.is_none() {
                refuse_overwriting(output, Path::new(names))?;
            }
        }
        Ok(())
    }

    fn choice_of_obs(&self) -> Result<RowChoice> {
        let mut choice = RowChoice::default();
        choice.condition.clone_from(&self.obs);
        choice.names = self.obs_names.as_deref().map(NameList::from_text).transpose()?;
        choice.numbers.clone_from(&self.rows);
        choice.sample = self.sample.map(|n| (n, self.seed));
        Ok(choice)
    }

    fn choice_of_var(&self) -> Result<RowChoice> {
        let mut choice = RowChoice::default();
        choice.condition.clone_from(&self.var);
        choice.names = self.var_names.as_deref().map(NameList::from_text).transpose()?;
        choice.numbers.clone_from(&self.cols);
        Ok(choice)
    }
}
