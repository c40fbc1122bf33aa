//! The tables `obs` and `var` with columns as in real files: cell types, batches, numbers, missing values.

use super::COLUMNS;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::random::Random;
use crate::strings::Strings;
use crate::table::{Categorical, Column, Frame};

/// The table of cells, with barcodes as names and one column for each of `kinds`.
///
/// # Errors
/// `Usage` for an unknown kind.
pub(super) fn obs(seed: u64, cells: u64, kinds: &[String]) -> Result<Frame> {
    let mut random = Random::new(seed, u64::MAX - 3);
    let index: Strings = (0..cells).map(barcode).collect();
    let mut columns = Vec::new();
    for kind in kinds {
        columns.push(column(kind, cells, &mut random)?);
    }
    Frame::new(None, index, columns)
}

/// A barcode of sixteen bases and a suffix, as Cell Ranger writes it; different for every `n`.
fn barcode(n: u64) -> String {
    // multiplied by an odd number, so that barcodes in a row look different but none repeats
    let mut code = n.wrapping_mul(2_654_435_761) & 0xffff_ffff;
    let mut text = String::with_capacity(18);
    for _ in 0..16 {
        text.push(['A', 'C', 'G', 'T'][(code & 3) as usize]);
        code >>= 2;
    }
    format!("{text}-{}", (n >> 32) + 1)
}

/// The name and the values of a column of this kind.
fn column(kind: &str, cells: u64, random: &mut Random) -> Result<(String, Column)> {
    let n = cells as usize;
    let labels = |names: &[&str]| Column::Strings(names.iter().copied().collect());
    let mut codes = |k: u64| -> Vec<i64> { (0..n).map(|_| random.below(k) as i64).collect() };
    let numbers = |dtype, bytes| Column::Numbers { dtype, bytes };
    Ok(match kind {
        "categorical" => {
            let types = ["T cell", "B cell", "NK cell", "Monocyte", "Dendritic cell"];
            ("cell_type".into(), Column::Categorical(Categorical::new(&codes(5), labels(&types), false)?))
        }
        "batch" => {
            let names: Vec<String> = (1..=300).map(|i| format!("batch {i}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            ("batch".into(), Column::Categorical(Categorical::new(&codes(300), labels(&names), false)?))
        }
        "ordered" => {
            let stages = labels(&["early", "middle", "late"]);
            ("stage".into(), Column::Categorical(Categorical::new(&codes(3), stages, true)?))
        }
        "int" => {
            let bytes = (0..n).flat_map(|_| (random.below(20_000) as i32).to_le_bytes()).collect();
            ("n_genes".into(), numbers(Dtype::Int32, bytes))
        }
        "float" => {
            let bytes = (0..n).flat_map(|_| f64::from(random.uniform()).to_le_bytes()).collect();
            ("score".into(), numbers(Dtype::Float64, bytes))
        }
        "bool" => (
            "doublet".into(),
            numbers(Dtype::Bool, (0..n).map(|_| u8::from(random.below(20) == 0)).collect()),
        ),
        "string" => ("note".into(), Column::Strings((0..n).map(|i| format!("cell {i}")).collect())),
        "nullable-int" | "nullable-bool" => {
            let missing: Vec<bool> = (0..n).map(|_| random.below(4) == 0).collect();
            let (name, dtype, most) =
                if kind == "nullable-int" { ("age", Dtype::Int64, 90) } else { ("checked", Dtype::Bool, 2) };
            let bytes = missing
                .iter()
                .flat_map(|m| {
                    let value = if *m { 0 } else { random.below(most) };
                    value.to_le_bytes()[..dtype.size()].to_vec()
                })
                .collect();
            (name.into(), Column::Nullable { dtype, bytes, missing })
        }
        other => {
            let text = format!("expected a kind of column ({}), got '{other}'", COLUMNS.join(", "));
            return Err(Error::usage(text));
        }
    })
}

/// The table of genes: Ensembl-like ids as names, with symbols and lengths.
pub(super) fn var(seed: u64, genes: u64) -> Result<Frame> {
    let mut random = Random::new(seed, u64::MAX - 4);
    let index: Strings = (0..genes).map(|i| format!("ENSG{i:011}")).collect();
    let symbols: Strings = (0..genes).map(|i| format!("GENE{i}")).collect();
    let lengths = (0..genes).flat_map(|_| (200 + random.below(9000) as i32).to_le_bytes()).collect();
    let columns = vec![
        ("gene_symbol".to_owned(), Column::Strings(symbols)),
        ("length".to_owned(), Column::Numbers { dtype: Dtype::Int32, bytes: lengths }),
    ];
    Frame::new(None, index, columns)
}
