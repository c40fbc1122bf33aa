//! `annmap subset`: rows and columns of a file as an h5ad or a store.

use super::common::Common;
use super::rewrite::{StorageArgs, report};
use crate::convert;
use crate::h5ad::Flavour;
use crate::input::Input;
use crate::matrix::{Budget, Selection};
use crate::rewrite::{Options, rewrite, split};
use crate::synth::random::Random;
use crate::table::{Frame, Query};
use crate::{Error, Observer, Result};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

const CONDITIONS: &str = "Conditions: names of columns, or `index`; names that are no words in backticks; texts in quotes; \
== != < <= > >=, in [...], not in [...], and, or, not, parentheses; missing for missing values. \
Ordered categories compare by their order. Of several ways to choose rows, all must agree; --obs-names alone gives the order of its list.";

#[derive(Debug, clap::Args)]
#[command(after_help = CONDITIONS)]
pub(crate) struct Args {
    /// An h5ad of any generation, 10x HDF5, loom, Matrix Market, a directory of 10x Genomics, a table (CSV, TSV) or a store
    input: PathBuf,
    /// The h5ad to write, or a store where the name does not end in .h5ad or .h5; with --split-by a directory for one h5ad
    /// per value
    output: PathBuf,
    /// Rows for which this holds, such as 'cell_type == "T cell" and score > 0.8'
    #[arg(long, value_name = "CONDITION")]
    obs: Option<String>,
    /// Columns for which this holds
    #[arg(long, value_name = "CONDITION")]
    var: Option<String>,
    /// Rows with these names, in this order: a file with one a line, or a list with commas
    #[arg(long, value_name = "FILE|A,B,...")]
    obs_names: Option<String>,
    /// Columns with these names, in this order: a file with one a line, or a list with commas
    #[arg(long, value_name = "FILE|A,B,...")]
    var_names: Option<String>,
    /// Rows by number: FIRST:END without END, FIRST:END:STEP, or a list; what is left out is the end, negative numbers count
    /// from it
    #[arg(long, value_name = "SLICE|N,N,...", allow_hyphen_values = true)]
    rows: Option<String>,
    /// So many of the rows left, at random, in their order
    #[arg(long, value_name = "N")]
    sample: Option<u64>,
    /// What the random choice begins with
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// One file for each value of this column of obs, in the directory OUTPUT
    #[arg(long, value_name = "COLUMN")]
    split_by: Option<String>,
    #[command(flatten)]
    storage: StorageArgs,
    #[command(flatten)]
    common: Common,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let options = args.storage.options(&args.common);
    let began = Instant::now();
    let written = args.common.run(|observer| {
        let input = Input::open(&args.input, args.common.limits())?;
        let name = match &input {
            // version 2 has a matrix for each genome
            Input::File(_, d) if d.flavour() == Flavour::TenX2 => args.storage.genome.as_deref(),
            _ => None,
        };
        let [obs, var] = frames_of(&input, name.unwrap_or("X"), options.budget, observer)?;
        let rows = choose_rows(args, &obs)?;
        let columns = choose(args.var.as_deref(), args.var_names.as_deref(), &var)?;
        let Some(by) = &args.split_by else {
            let selection = Selection { obs: rows, var: columns };
            let counts = counts_of(&selection, [&obs, &var]);
            take(&input, &args.output, selection, &options, observer)?;
            return Ok(vec![(args.output.clone(), counts)]);
        };
        let mut out = Vec::new();
        std::fs::create_dir_all(&args.output)
            .map_err(|e| Error::io("create directory", e).in_file(&args.output))?;
        let mut parts = Vec::new();
        for (value, rows) in groups(by, rows, &obs)? {
            let path = args.output.join(format!("{}.h5ad", file_name(&value)));
            let selection = Selection { obs: Some(rows), var: columns.clone() };
            out.push((path.clone(), counts_of(&selection, [&obs, &var])));
            parts.push((path, selection));
        }
        split(&input, &parts, &options, observer)?;
        Ok(out)
    })?;
    for (path, counts) in written {
        report(&path, began, &args.common, Some(counts))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The tables of a matrix, numbered rows where there are none.
fn frames_of(input: &Input, matrix: &str, budget: Budget, observer: &dyn Observer) -> Result<[Frame; 2]> {
    let shape = input.shape(matrix, budget, observer)?;
    let frames = input.frames(matrix, shape, observer)?;
    Ok(frames.unwrap_or_else(|| shape.map(Frame::unnamed)))
}

/// Writes a selection as what the name of the output says.
fn take(
    input: &Input,
    output: &Path,
    selection: Selection,
    options: &Options,
    observer: &dyn Observer,
) -> Result<()> {
    if output.extension().is_some_and(|e| e == "h5ad" || e == "h5") {
        return rewrite(input, output, &selection, options, observer);
    }
    let options = convert::Options {
        selection,
        force: options.force,
        budget: options.budget,
        temporary: options.temporary.clone(),
        ..convert::Options::default()
    };
    convert::convert(input, output, &options, observer).map(|_| ())
}

fn counts_of(selection: &Selection, frames: [&Frame; 2]) -> [u64; 2] {
    let count = |s: &Option<Vec<u64>>, f: &Frame| s.as_ref().map_or(f.rows() as u64, |s| s.len() as u64);
    [count(&selection.obs, frames[0]), count(&selection.var, frames[1])]
}

/// Rows by condition and by names; `None` where neither is asked for.
fn choose(condition: Option<&str>, names: Option<&str>, frame: &Frame) -> Result<Option<Vec<u64>>> {
    let by_condition = condition.map(|c| Query::parse(c)?.rows(frame)).transpose()?;
    let Some(names) = names else { return Ok(by_condition) };
    let wanted: Vec<String> = match std::fs::read_to_string(names) {
        Ok(text) => {
            text.lines().map(|l| l.trim_end_matches('\r').to_owned()).filter(|l| !l.is_empty()).collect()
        }
        Err(_) => names.split(',').map(str::to_owned).collect(),
    };
    let mut places: HashMap<&[u8], u64> = HashMap::new();
    for (row, name) in (0u64..).zip(frame.index().iter()) {
        places.entry(name).or_insert(row);
    }
    let mut out = Vec::new();
    let mut unknown = Vec::new();
    for name in &wanted {
        match places.get(name.as_bytes()) {
            Some(row) => out.push(*row),
            None => unknown.push(name.as_str()),
        }
    }
    if !unknown.is_empty() {
        let shown = unknown.iter().take(5).map(|n| format!("'{n}'")).collect::<Vec<_>>().join(", ");
        return Err(Error::usage(format!(
            "{} of {} names do not exist: {shown}",
            unknown.len(),
            wanted.len()
        )));
    }
    if let Some(rows) = by_condition {
        out.retain(|r| rows.binary_search(r).is_ok());
    }
    Ok(Some(out))
}

fn choose_rows(args: &Args, obs: &Frame) -> Result<Option<Vec<u64>>> {
    let mut rows = choose(args.obs.as_deref(), args.obs_names.as_deref(), obs)?;
    if let Some(text) = &args.rows {
        let mut wanted = parse_rows(text, obs.rows() as u64)?;
        if let Some(rows) = rows {
            let rows: HashSet<u64> = rows.into_iter().collect();
            wanted.retain(|r| rows.contains(r));
        }
        rows = Some(wanted);
    }
    if let Some(n) = args.sample {
        let all = rows.unwrap_or_else(|| (0..obs.rows() as u64).collect());
        if n > all.len() as u64 {
            return Err(Error::usage(format!("{n} of {} rows cannot be sampled", all.len())));
        }
        rows = Some(sample(&all, n, args.seed));
    }
    Ok(rows)
}

/// Rows by number, as Python and numpy index: a slice (FIRST:END or FIRST:END:STEP) or a list, in which a row may come
/// again. Negative numbers count from the end.
fn parse_rows(text: &str, rows: u64) -> Result<Vec<u64>> {
    let wrong = || {
        Error::usage(format!(
            "'{text}': expected FIRST:END, FIRST:END:STEP or a list, such as 0:100 or 3,1,-1"
        ))
    };
    let number = |t: &str| t.trim().parse::<i64>().map_err(|_| wrong());
    let len = i64::try_from(rows).unwrap_or(i64::MAX);
    if !text.contains(':') {
        let row = |t: &str| {
            let n = number(t)?;
            let row = if n < 0 { n + len } else { n };
            if (0..len).contains(&row) {
                Ok(row as u64)
            } else {
                Err(Error::usage(format!("there is no row {n} (there are {rows})")))
            }
        };
        return text.split(',').filter(|t| !t.trim().is_empty()).map(row).collect();
    }
    let parts: Vec<&str> = text.split(':').collect();
    let (first, end, step) = match parts[..] {
        [first, end] => (first, end, 1),
        [first, end, ""] => (first, end, 1),
        [first, end, step] => (first, end, number(step)?),
        _ => return Err(wrong()),
    };
    let (low, high) = if step < 0 { (-1, len - 1) } else { (0, len) };
    let place = |t: &str, otherwise: i64| -> Result<i64> {
        if t.trim().is_empty() {
            return Ok(otherwise);
        }
        let n = number(t)?;
        Ok(if n < 0 { n.saturating_add(len) } else { n }.clamp(low, high))
    };
    let rows_from = |at: i64, end: i64| {
        std::iter::successors(Some(at), move |n| n.checked_add(step))
            .take_while(move |n| if step < 0 { *n > end } else { *n < end })
    };
    match step {
        0 => Err(Error::usage("a step of 0")),
        _ if step < 0 => Ok(rows_from(place(first, high)?, place(end, low)?).map(|n| n as u64).collect()),
        _ => Ok(rows_from(place(first, low)?, place(end, high)?).map(|n| n as u64).collect()),
    }
}

/// `n` of `all` at random, in their order: Knuth's selection sampling.
fn sample(all: &[u64], n: u64, seed: u64) -> Vec<u64> {
    let mut random_numbers = Random::new(seed, 0);
    let mut left = all.len() as u64;
    let mut wanted = n;
    let mut out = Vec::with_capacity(n as usize);
    for row in all {
        let random = random_numbers.below(left);
        if random < wanted {
            out.push(*row);
            wanted -= 1;
        }
        left -= 1;
    }
    out
}

/// The rows of each value of a column, values in the order of their first row; rows without one are left out.
fn groups(column: &str, rows: Option<Vec<u64>>, obs: &Frame) -> Result<Vec<(String, Vec<u64>)>> {
    let values = obs
        .column(column)
        .ok_or_else(|| Error::usage(format!("there is no column '{column}' to split by")))?;
    let mut groups: Vec<(String, Vec<u64>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for row in rows.unwrap_or_else(|| (0..obs.rows() as u64).collect()) {
        let Some(value) = values.text(row as usize)? else { continue };
        let at = *places.entry(value.clone()).or_insert_with(|| {
            groups.push((value, Vec::new()));
            groups.len() - 1
        });
        groups[at].1.push(row);
    }
    let mut names: Vec<String> = groups.iter().map(|(v, _)| file_name(v)).collect();
    names.sort();
    if let Some(twice) = names.windows(2).find(|w| w[0] == w[1]) {
        return Err(Error::usage(format!("two values of '{column}' would both be called {}.h5ad", twice[0])));
    }
    Ok(groups)
}

/// A value as the name of a file.
fn file_name(value: &str) -> String {
    let name: String = value.chars().map(|c| if c == '/' || c.is_control() { '_' } else { c }).collect();
    if name.is_empty() || name.starts_with('.') { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_python_has_them() {
        for (text, want) in [
            ("0:3", &[0, 1, 2][..]),
            (":", &[0, 1, 2, 3, 4]),
            ("-2:", &[3, 4]),
            (":-3", &[0, 1]),
            ("3:99", &[3, 4]),
            ("5:9", &[]),
            ("::-1", &[4, 3, 2, 1, 0]),
            ("3:0:-2", &[3, 1]),
            ("::2", &[0, 2, 4]),
            ("1,0,-1,0", &[1, 0, 4, 0]),
            ("2", &[2]),
            ("", &[]),
        ] {
            assert_eq!(parse_rows(text, 5).unwrap(), want, "{text}");
        }
        for wrong in ["a:b", "1:2:3:4", "::0", "7", "0.5", "-6"] {
            assert!(parse_rows(wrong, 5).is_err(), "{wrong}");
        }
        assert!(parse_rows("::-1", 0).unwrap().is_empty());
    }

    #[test]
    fn samples_are_of_the_wanted_size_and_repeat() {
        let all: Vec<u64> = (0..1000).collect();
        let one = sample(&all, 100, 7);
        assert_eq!((one.len(), &one), (100, &sample(&all, 100, 7)));
        assert!(one.is_sorted() && one != sample(&all, 100, 8));
        assert_eq!(sample(&all, 1000, 1), all);
    }
}
