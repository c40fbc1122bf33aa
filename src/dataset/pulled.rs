//! The tables by which rows of MuData are chosen: the common ones, with the columns of each modality as
//! `MODALITY:COLUMN`, as mudata shows them.

use super::{AnnData, Dataset, Flavour};
use crate::anndata::Axis;
use crate::anndata::mudata::{MappedTables, Positions, map_name};
use crate::error::{Place, Result};
use crate::matrix::Budget;
use crate::observe::Observer;
use crate::table::{Column, ColumnRows, Table, TableColumn, selected};
use crate::tree::Node;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Positions of a modality, found when the first of its columns is read.
struct LazyPositions {
    root: Node,
    axis: Axis,
    modality: String,
    common: Table<'static>,
    own: Table<'static>,
    found: OnceLock<Result<Positions>>,
}

impl LazyPositions {
    fn get(&self) -> Result<&Positions> {
        let find = || {
            let tables = MappedTables { common: &self.common, own: &self.own };
            let found = Positions::of(&self.root, self.axis, &self.modality, tables)?;
            found.check_names(tables).in_object(&format!("/{}/{}", map_name(self.axis), self.modality))?;
            Ok(found)
        };
        self.found.get_or_init(find).as_ref().map_err(Clone::clone)
    }
}

/// A column of a modality at the common rows; missing where the modality does not have one.
struct PulledRows {
    from: TableColumn<'static>,
    head: Column,
    positions: Arc<LazyPositions>,
}

impl ColumnRows for PulledRows {
    fn head(&self) -> &Column {
        &self.head
    }

    fn rows(&self) -> u64 {
        self.positions.common.rows()
    }

    fn read(&self, range: Range<u64>) -> Result<Column> {
        let positions = &self.positions.get()?.all()[range.start as usize..range.end as usize];
        let own: Vec<u64> = positions.iter().filter_map(|p| p.checked_sub(1)).collect();
        let values = with_missing(selected(&self.from, &own)?.read(0..own.len() as u64)?);
        let mut next = 0..;
        values.align(&positions.iter().map(|p| if *p > 0 { next.next() } else { None }).collect::<Vec<_>>())
    }
}

/// The column as a type that has missing values.
fn with_missing(column: Column) -> Column {
    let missing = vec![false; column.len()];
    match column {
        Column::Numbers { dtype, bytes } if !dtype.is_float() => Column::Nullable { dtype, bytes, missing },
        Column::Strings(values) => Column::NullableStrings { values, missing },
        other => other,
    }
}

impl Dataset {
    /// The tables by which rows and columns of the matrix `name` are chosen: its own, and for `X` of MuData the
    /// common ones. Those also have the columns of modalities, as `MODALITY:COLUMN`, unless a column is called so.
    ///
    /// # Errors
    /// As [`opened_tables`](Self::opened_tables). Reading a modality's column fails with `Malformed` if its rows are
    /// not where the file says.
    pub fn choice_tables(
        &self,
        name: &str,
        budget: Budget,
        observer: &dyn Observer,
    ) -> Result<[Table<'static>; 2]> {
        let tables = self.opened_tables(name, budget, observer)?;
        match self.anndata().filter(|data| data.flavour() == Flavour::MuData && name == "X") {
            Some(data) => self.pulled(data, tables, observer).in_file(self.path()),
            None => Ok(tables),
        }
    }

    fn pulled(
        &self,
        data: &AnnData,
        common: [Table<'static>; 2],
        observer: &dyn Observer,
    ) -> Result<[Table<'static>; 2]> {
        let mut out = common.clone();
        let dropped = |name: &String| data.leave_out().names(&format!("mod/{name}"));
        for modality in data.modality_names()?.into_iter().filter(|name| !dropped(name)) {
            let dataset = self.anndata_modality(&modality)?;
            let Some(own) = dataset.anndata() else { continue };
            let shape = own.shape_of("X")?;
            for axis in [Axis::Obs, Axis::Var] {
                let n = axis.dimension();
                let own = own.table("X", n, shape[n], observer)?;
                let positions = Arc::new(LazyPositions {
                    root: data.root().clone(),
                    axis,
                    modality: modality.clone(),
                    common: common[n].clone(),
                    own: own.clone(),
                    found: OnceLock::new(),
                });
                for (name, from) in own.columns() {
                    let name = format!("{modality}:{name}");
                    if common[n].column(&name).is_none() {
                        let (from, positions) = (Arc::clone(from), Arc::clone(&positions));
                        let head = with_missing(from.head().clone());
                        out[n] = out[n]
                            .clone()
                            .with_column(&name, Arc::new(PulledRows { from, head, positions }))?;
                    }
                }
            }
        }
        Ok(out)
    }
}
