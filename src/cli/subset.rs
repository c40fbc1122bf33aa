//! `annmap subset`: writes selected rows and columns of a file as an h5ad or a store.

use super::common::Common;
use super::export::{LeaveOutArgs, StorageArgs, WrittenOutput, matrix_name};
use annmap::convert;
use annmap::dataset::Dataset;
use annmap::dataset::Flavour;
use annmap::export::{ExportOptions, export, split};
use annmap::matrix::Selection;
use annmap::select::{RowChoice, check_file_names, file_name, group_rows, names_from};
use annmap::{Error, LeftOut, Observer, Result};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

const CONDITIONS: &str = "Conditions: names of columns, or `index`; names that are no words in backticks; texts in quotes; \
== != < <= > >=, in [...], not in [...], and, or, not, parentheses; missing for missing values. \
Ordered categories compare by their order. Of several ways to choose rows, all must agree; --obs-names alone gives the order of its list.";

#[derive(Debug, clap::Args)]
#[command(after_help = CONDITIONS)]
pub(crate) struct Args {
    /// An h5ad of any generation, 10x HDF5, loom, Matrix Market, a 10x Genomics directory, a table (CSV, TSV)
    /// or a store
    input: PathBuf,
    /// The h5ad to write, or a store if the name does not end in .h5ad or .h5; with --split-by, a directory
    /// for one h5ad per value
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
    /// Keep N random rows of those selected, in their order
    #[arg(long, value_name = "N")]
    sample: Option<u64>,
    /// Seed of the random sample
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Write one file for each value of this obs column, in the directory OUTPUT
    #[arg(long, value_name = "COLUMN")]
    split_by: Option<String>,
    /// Matrix that becomes X: layers/NAME, raw/X with the genes of raw/var, or mod/NAME of MuData, whose
    /// modality is written
    #[arg(long, default_value = "X", value_name = "PATH", value_parser = matrix_name)]
    matrix: String,
    #[command(flatten)]
    storage: StorageArgs,
    #[command(flatten)]
    leave: LeaveOutArgs,
    #[command(flatten)]
    common: Common,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let options = ExportOptions { matrix: args.matrix.clone(), ..args.storage.options(&args.common) };
    let began = Instant::now();
    let written = args.common.run(|observer| {
        let input = args.leave.open(&args.input, args.common.limits())?;
        // 10x version 2 has one matrix per genome.
        let name = match input.anndata() {
            Some(d) if d.flavour() == Flavour::TenX2 => args.storage.genome.as_deref(),
            _ => None,
        };
        let [obs, var] = input.tables(name.unwrap_or(&args.matrix), options.budget, observer)?;
        let rows = args.rows_of_obs().rows(&obs)?;
        let columns = args.rows_of_var().rows(&var)?;
        let Some(by) = &args.split_by else {
            let selection = Selection { obs: rows, var: columns };
            let salvage = args.leave.salvage;
            return Ok(vec![take(&input, &args.output, selection, &options, salvage, observer)?]);
        };
        std::fs::create_dir_all(&args.output)
            .map_err(|e| Error::io("create directory", e).in_file(&args.output))?;
        let groups = group_rows(&obs, by, rows)?;
        check_file_names(&groups, by)?;
        let part = |(value, rows): (String, Vec<u64>)| {
            let path = args.output.join(format!("{}.h5ad", file_name(&value)));
            (path, Selection { obs: Some(rows), var: columns.clone() })
        };
        let parts: Vec<(PathBuf, Selection)> = groups.into_iter().map(part).collect();
        let files = split(&input, &parts, &options, observer)?;
        Ok(files.into_iter().map(|file| (WrittenOutput::of_file(&file), file.left_out)).collect())
    })?;
    written.iter().try_for_each(|(w, _)| w.report(began, &args.common).map(drop))?;
    let left_out: Vec<LeftOut> = written.into_iter().flat_map(|(_, left_out)| left_out).collect();
    Ok(args.leave.exit_code(&left_out))
}

/// Writes a selection as an h5ad or a store, depending on the name of the output.
fn take(
    input: &Dataset,
    output: &Path,
    selection: Selection,
    options: &ExportOptions,
    salvage: bool,
    observer: &dyn Observer,
) -> Result<(WrittenOutput, Vec<LeftOut>)> {
    if output.extension().is_some_and(|e| e == "h5ad" || e == "h5") {
        let file = export(input, output, &selection, options, observer)?;
        return Ok((WrittenOutput::of_file(&file), file.left_out));
    }
    let options = convert::ConvertOptions {
        matrix: options.matrix.clone(),
        genome: options.genome.clone(),
        selection,
        force: options.force,
        budget: options.budget,
        temporary: options.temporary.clone(),
        salvage,
        ..convert::ConvertOptions::default()
    };
    let report = convert::convert(input, output, &options, observer)?;
    let made = report.stores.first().ok_or_else(|| Error::usage("expected a store, got none"))?;
    Ok((WrittenOutput::of_store(made), report.left_out))
}

impl Args {
    fn rows_of_obs(&self) -> RowChoice {
        let mut choice = RowChoice::default();
        choice.condition.clone_from(&self.obs);
        choice.names = self.obs_names.as_deref().map(names_from);
        choice.numbers.clone_from(&self.rows);
        choice.sample = self.sample.map(|n| (n, self.seed));
        choice
    }

    fn rows_of_var(&self) -> RowChoice {
        let mut choice = RowChoice::default();
        choice.condition.clone_from(&self.var);
        choice.names = self.var_names.as_deref().map(names_from);
        choice
    }
}
