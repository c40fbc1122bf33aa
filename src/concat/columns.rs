//! Columns that are left out or converted before the inputs are joined.

use super::{Axis, ConcatOptions};
use crate::error::{Error, Result};
use crate::table::Table;

/// A column of one of the tables `obs` and `var`.
struct ColumnPath<'a> {
    axis: Axis,
    name: &'a str,
}

impl<'a> ColumnPath<'a> {
    /// `obs/NAME` or `var/NAME`; without a table, a column of the table along `axis`.
    fn parse(path: &'a str, axis: Axis) -> Self {
        for axis in [Axis::Obs, Axis::Var] {
            if let Some(name) = path.strip_prefix(axis.name()).and_then(|rest| rest.strip_prefix('/')) {
                return ColumnPath { axis, name };
            }
        }
        ColumnPath { axis, name: path }
    }
}

/// The tables `obs` and `var` of one input with the changes that the options ask for.
///
/// # Errors
/// `Usage` if a value is not one of the type asked for, with the column and its row.
pub(super) fn changed(tables: [Table<'static>; 2], options: &ConcatOptions) -> Result<[Table<'static>; 2]> {
    let [mut obs, mut var] = tables;
    let mut table = |path: &ColumnPath<'_>, change: &dyn Fn(&Table<'static>) -> Result<Table<'static>>| {
        let table = if path.axis == Axis::Obs { &mut obs } else { &mut var };
        *table = change(table)?;
        Ok(())
    };
    for path in &options.drop_columns {
        let path = ColumnPath::parse(path, options.axis);
        table(&path, &|table| Ok(table.clone().without_column(path.name)))?;
    }
    for (path, to) in &options.cast_columns {
        let path = ColumnPath::parse(path, options.axis);
        table(&path, &|table| table.with_cast(path.name, *to))
            .map_err(|e: Error| e.in_object(&format!("/{}/{}", path.axis.name(), path.name)))?;
    }
    Ok([obs, var])
}

/// Refuses options that name a column which none of the inputs has.
///
/// # Errors
/// `NotFound`, with the columns that there are.
pub(super) fn refuse_unknown(options: &ConcatOptions, tables: &[&[Table<'static>; 2]]) -> Result<()> {
    let casts = options.cast_columns.iter().map(|(path, _)| path);
    for path in options.drop_columns.iter().chain(casts) {
        let ColumnPath { axis, name } = ColumnPath::parse(path, options.axis);
        let found = || tables.iter().map(|t| &t[axis.dimension()]);
        if found().all(|t| t.column(name).is_none()) {
            let mut there: Vec<&str> =
                found().flat_map(|t| t.columns().iter().map(|(n, _)| n.as_str())).collect();
            there.sort_unstable();
            there.dedup();
            let (table, there) = (axis.name(), there.join(", "));
            return Err(Error::not_found(format!(
                "no input has a column '{name}' in {table} (there are: {there})"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::table::ColumnType;
    use crate::table::{Column, Frame};
    use std::sync::Arc;

    fn table(names: &[&str]) -> Table<'static> {
        let column = || Column::Numbers { dtype: Dtype::Uint8, bytes: vec![7] };
        let columns = names.iter().map(|n| ((*n).to_owned(), column())).collect();
        Table::shared(&Arc::new(Frame::new(None, ["r"].iter().collect(), columns).unwrap()))
    }

    #[test]
    fn columns_are_addressed_by_table_or_along_the_axis() {
        let of = |axis, drop: &[&str], cast: &[&str]| {
            let options = ConcatOptions {
                axis,
                drop_columns: drop.iter().map(|n| (*n).to_owned()).collect(),
                cast_columns: cast.iter().map(|n| ((*n).to_owned(), ColumnType::Strings)).collect(),
                ..ConcatOptions::default()
            };
            let tables = [table(&["a", "b", "obs/a"]), table(&["a", "b"])];
            refuse_unknown(&options, &[&tables])?;
            let types = |t: &Table<'_>| {
                t.columns()
                    .iter()
                    .map(|(n, c)| format!("{n}:{}", c.head().type_name()))
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            changed(tables, &options).map(|tables| tables.each_ref().map(types))
        };
        let obs = of(Axis::Obs, &["a", "var/b"], &["b"]).unwrap();
        assert_eq!(obs, ["b:string obs/a:uint8", "a:uint8"]);
        let var = of(Axis::Var, &["a"], &["obs/obs/a"]).unwrap();
        assert_eq!(var, ["a:uint8 b:uint8 obs/a:string", "b:uint8"]);
        let e = of(Axis::Obs, &["var/obs/a"], &[]).unwrap_err();
        assert_eq!(e.message(), "no input has a column 'obs/a' in var (there are: a, b)");
    }
}
