//! Where the cells (or genes) of MuData are in one of its modalities: an array of `obsmap` or `varmap`.

use crate::anndata::Axis;
use crate::error::{Error, Kind, Place, Result};
use crate::table::{Column, Table, blocks, selected};
use crate::tree::Node;
use std::collections::HashMap;

/// Names that are compared at once: rows of a modality may be in any order, and are then read once each time.
const NAMES_AT_ONCE: usize = 1 << 19;

/// The name of the mapping with the [`Positions`] along `axis`.
pub(crate) fn map_name(axis: Axis) -> &'static str {
    match axis {
        Axis::Obs => "obsmap",
        Axis::Var => "varmap",
    }
}

/// For each row of the common table, its position in the table of a modality, counted from 1; 0 if it is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Positions(Vec<u64>);

/// The two tables that positions lead from and to.
#[derive(Clone, Copy)]
pub(crate) struct MappedTables<'t> {
    /// That of all modalities.
    pub(crate) common: &'t Table<'static>,
    /// That of one modality.
    pub(crate) own: &'t Table<'static>,
}

impl Positions {
    /// The positions of `modality` along `axis` in the MuData at `root`: those that are stored, or else those that
    /// follow from the names of both tables.
    ///
    /// # Errors
    /// `Malformed` if there is not one stored position for each common row, if one is behind the modality's last row,
    /// or if two are the same; without stored ones, if a name repeats or is in the modality only. Errors of reading.
    pub(crate) fn of(root: &Node, axis: Axis, modality: &str, tables: MappedTables<'_>) -> Result<Self> {
        let place = format!("{}/{modality}", map_name(axis));
        match root.descend(&place) {
            Ok(object) => {
                let found = Self::stored(&object, axis, tables).in_object(object.path())?;
                found.check(tables.own.rows()).in_object(object.path())?;
                Ok(found)
            }
            Err(e) if e.kind() == Kind::NotFound => by_names(tables).in_object(&format!("/{place}")),
            Err(e) => Err(e),
        }
    }

    fn stored(object: &Node, axis: Axis, tables: MappedTables<'_>) -> Result<Self> {
        if !object.is_array() {
            return Err(Error::malformed("expected an array of positions, got a group"));
        }
        let (array, rows) = (object.array()?, tables.common.rows());
        // mudata has also written them as one column
        let (len, others) = array.shape().split_first().map_or((0, &[][..]), |(len, others)| (*len, others));
        if len != rows || others.iter().any(|n| *n != 1) {
            let (table, shape) = (axis.name(), array.shape());
            let text = format!("expected {rows} positions, as {table} has rows, got shape {shape:?}");
            return Err(Error::malformed(text));
        }
        if rows == 0 {
            return Ok(Positions(Vec::new()));
        }
        let position = |n: i64| {
            u64::try_from(n).map_err(|_| Error::malformed(format!("expected positions from 0, got {n}")))
        };
        let integers = array.read()?.integers().map_err(|e| match e.kind() {
            Kind::Unsupported => e.of_kind(Kind::Malformed),
            _ => e,
        })?;
        integers.into_iter().map(position).collect::<Result<_>>().map(Positions)
    }

    /// Positions as they are: 0 for none.
    pub(crate) fn new(positions: Vec<u64>) -> Self {
        Positions(positions)
    }

    /// All positions, 0 for none.
    pub(crate) fn all(&self) -> &[u64] {
        &self.0
    }

    /// Checks that no position is behind the last of `rows` rows, and none stands twice.
    fn check(&self, rows: u64) -> Result<()> {
        let mut seen = vec![false; usize::try_from(rows).unwrap_or(usize::MAX).min(self.0.len())];
        let mut beyond = 0u64;
        for position in self.0.iter().filter(|p| **p > 0) {
            if *position > rows {
                let text =
                    format!("expected positions up to {rows}, the rows of the modality, got {position}");
                return Err(Error::malformed(text));
            }
            match seen.get_mut(*position as usize - 1) {
                Some(true) => return Err(Error::malformed(format!("position {position} stands twice"))),
                Some(one) => *one = true,
                // of a modality with more rows than there are positions
                None => beyond += 1,
            }
        }
        if beyond > 0 {
            let text =
                format!("expected a position for each of {rows} rows of the modality, got {}", self.0.len());
            return Err(Error::malformed(text));
        }
        Ok(())
    }

    /// Checks that every row of the modality has a place in the common table, under the same name.
    ///
    /// # Errors
    /// `Malformed` if not; errors of reading the names.
    pub(crate) fn check_names(&self, tables: MappedTables<'_>) -> Result<()> {
        let (rows, got) = (tables.own.rows(), self.0.iter().filter(|p| **p > 0).count());
        if got as u64 != rows {
            let text = format!("expected a position for each of {rows} rows of the modality, got {got}");
            return Err(Error::malformed(text));
        }
        let pairs = (0u64..).zip(&self.0).filter_map(|(row, p)| Some((row, p.checked_sub(1)?)));
        let mut pairs = pairs.peekable();
        while pairs.peek().is_some() {
            let (common, own): (Vec<u64>, Vec<u64>) = pairs.by_ref().take(NAMES_AT_ONCE).unzip();
            same_names(tables, &common, &own)?;
        }
        Ok(())
    }

    /// The rows of the modality, from 0, in the order of the common rows.
    pub(crate) fn own_rows(&self) -> Vec<u64> {
        self.0.iter().filter_map(|position| position.checked_sub(1)).collect()
    }

    /// The positions after the common rows `rows`, which exist, were taken, and with them the modality's own: those are then in the
    /// order of the common ones.
    pub(crate) fn taken(&self, rows: Option<&[u64]>) -> (Self, Vec<u64>) {
        let chosen = match rows {
            Some(rows) => Positions(rows.iter().map(|row| self.0[*row as usize]).collect()),
            None => self.clone(),
        };
        let mut last = 0;
        let place = |position: &u64| match position {
            0 => 0,
            _ => {
                last += 1;
                last
            }
        };
        let own = chosen.own_rows();
        (Positions(chosen.0.iter().map(place).collect()), own)
    }
}

/// Checks that the rows `common` have the names of the rows `own`.
fn same_names(tables: MappedTables<'_>, common: &[u64], own: &[u64]) -> Result<()> {
    let (from, to) = (selected(tables.common.index(), common)?, selected(tables.own.index(), own)?);
    for range in blocks(own.len() as u64) {
        let first = range.start as usize;
        let (Column::Strings(a), Column::Strings(b)) = (from.read(range.clone())?, to.read(range)?) else {
            return Err(Error::malformed("expected names as text"));
        };
        if let Some(n) = (0..a.len()).find(|n| a.bytes(*n) != b.bytes(*n)) {
            let name = |bytes: Option<&[u8]>| bytes.unwrap_or_default().escape_ascii().to_string();
            let (row, place) = (common[first + n], own[first + n]);
            let text = format!(
                "row {row} of the common table, '{}', leads to row {place} of the modality, which is '{}'",
                name(a.bytes(n)),
                name(b.bytes(n))
            );
            return Err(Error::malformed(text));
        }
    }
    Ok(())
}

/// Positions by equal names.
fn by_names(tables: MappedTables<'_>) -> Result<Positions> {
    let names = |table: &Table<'static>| match table.index().read(0..table.rows())? {
        Column::Strings(names) => Ok(names),
        _ => Err(Error::malformed("expected names as text")),
    };
    let (common, own) = (names(tables.common)?, names(tables.own)?);
    let mut places: HashMap<&[u8], u64> = HashMap::with_capacity(own.len());
    let repeated = |name: &[u8]| {
        let text = format!("there are no positions, and the name '{}' is there twice", name.escape_ascii());
        Err(Error::malformed(text))
    };
    for (name, place) in own.iter().zip(1..) {
        if places.insert(name, place).is_some() {
            return repeated(name);
        }
    }
    let mut positions = Vec::with_capacity(common.len());
    let mut used = vec![false; own.len()];
    for name in common.iter() {
        let place = places.get(name).copied().unwrap_or(0);
        if place > 0 && std::mem::replace(&mut used[place as usize - 1], true) {
            return repeated(name);
        }
        positions.push(place);
    }
    match used.iter().position(|used| !used) {
        Some(row) => {
            let name = own.bytes(row).unwrap_or_default().escape_ascii().to_string();
            let text = format!("'{name}' of the modality is not in the common table");
            Err(Error::malformed(text))
        }
        None => Ok(Positions(positions)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_numbered_anew_in_its_own_order() {
        let all = Positions::new(vec![3, 0, 1, 2]);
        assert_eq!(all.taken(Some(&[3, 1, 0])), (Positions::new(vec![1, 0, 2]), vec![1, 2]));
        assert_eq!(all.taken(None), (Positions::new(vec![1, 0, 2, 3]), vec![2, 0, 1]));
        assert_eq!(all.taken(Some(&[1])), (Positions::new(vec![0]), vec![]));
    }

    #[test]
    fn a_modality_longer_than_its_positions_is_refused_before_it_is_counted() {
        let e = Positions::new(vec![1, 1 << 40]).check(1 << 50).unwrap_err();
        assert!(e.message().starts_with("expected a position for each of"), "{e}");
        assert!(Positions::new(vec![2, 0, 1]).check(2).is_ok());
    }
}
