//! The part of a 10x Genomics file that one genome is.

use super::{Dataset, Flavour};
use crate::error::{Error, Place, Result};
use crate::matrix::Selection;
use crate::observe::Observer;

impl Dataset {
    /// The name of the matrix that holds a genome of a 10x Genomics file and, if it holds others too (Cell Ranger
    /// 3), the selection narrowed to that genome's genes.
    ///
    /// # Errors
    /// `NotFound`, with the genomes that there are, if it has none of that name, or none of its genes are
    /// selected; `Usage` for another kind of file.
    pub(crate) fn of_genome(
        &self,
        genome: &str,
        selection: &Selection,
        observer: &dyn Observer,
    ) -> Result<(String, Option<Selection>)> {
        self.genome_inner(genome, selection, observer).in_file(self.path())
    }

    fn genome_inner(
        &self,
        genome: &str,
        selection: &Selection,
        observer: &dyn Observer,
    ) -> Result<(String, Option<Selection>)> {
        match self.anndata() {
            Some(data) if data.flavour() == Flavour::TenX2 => {
                data.matrix(genome)?;
                Ok((genome.to_owned(), None))
            }
            Some(data) if data.flavour() == Flavour::TenX3 => {
                let var = data.table("X", 1, data.matrix("X")?.shape()[1], observer)?;
                let Some(column) = var.column("genome") else {
                    return Err(Error::usage("the file does not say to which genome its genes belong"));
                };
                let genomes = column.read(0..column.rows())?.to_strings()?;
                let all = selection.var.clone().unwrap_or_else(|| (0..var.rows()).collect());
                let rows = all
                    .into_iter()
                    .filter(|r| genomes.bytes(*r as usize) == Some(genome.as_bytes()))
                    .collect::<Vec<_>>();
                if rows.is_empty() {
                    let mut there: Vec<&[u8]> = genomes.iter().filter(|g| !g.is_empty()).collect();
                    there.sort_unstable();
                    there.dedup();
                    let there =
                        there.iter().map(|g| String::from_utf8_lossy(g)).collect::<Vec<_>>().join(", ");
                    return Err(Error::not_found(format!(
                        "there is no genome '{genome}' (there are: {there})"
                    )));
                }
                Ok(("X".into(), Some(Selection { obs: selection.obs.clone(), var: Some(rows) })))
            }
            _ => Err(Error::usage("a genome can only be chosen in files of 10x Genomics")),
        }
    }
}
