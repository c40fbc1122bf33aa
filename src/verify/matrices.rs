//! Compares two matrices: form, then entries.

use super::entries::ComparedEntries;
use super::{CompareRun, NamingTables};
use crate::error::{Error, Place, Result};
use crate::matrix::{Edit, Edited, Source};
use crate::observe::{Phase, Verb};
use crate::transpose;

impl CompareRun<'_> {
    /// Compares shapes and types; returns `false` if they differ, so that entries cannot be compared.
    pub(super) fn same_form(&mut self, element: &str, [left, right]: [&dyn Source; 2]) -> bool {
        let (a, b) = (left.layout(), right.layout());
        if a.shape() != b.shape() {
            self.found.whole(element, "shape", format!("{:?}", a.shape()), format!("{:?}", b.shape()));
            return false;
        }
        if a.dtype != b.dtype && !self.options.numeric {
            self.found.whole(element, "value type (values can be compared as numbers)", a.dtype, b.dtype);
            return false;
        }
        true
    }

    /// Compares the entries of two matrices of the same shape; `names` are for the differences.
    pub(super) fn entries(
        &mut self,
        element: &str,
        [mut left, mut right]: [&dyn Source; 2],
        names: NamingTables,
    ) -> Result<()> {
        let (budget, observer) = (self.options.budget, self.observer);
        let [a, b] = self.sides.map(|side| side.path());
        self.found.entries += left.layout().entries;
        let edit = Edit { sum_duplicates: self.options.sum_duplicates, ..Edit::default() };
        let (edited_a, edited_b);
        if !edit.is_none() {
            observer.phase(&Phase::new(Verb::Summing, 0));
            edited_a = Edited::new(left, edit, budget, observer).in_file(a)?;
            edited_b = Edited::new(right, edit, budget, observer).in_file(b)?;
            (left, right) = (&edited_a, &edited_b);
        }
        let entries = self.compared_entries(element, [left, right], names).map_err(of_half)?;
        entries.finish(element, &mut self.found);
        Ok(())
    }

    /// Compares the entries; each side gets half of the budget.
    fn compared_entries<'s>(
        &self,
        element: &str,
        [left, right]: [&'s dyn Source; 2],
        names: NamingTables,
    ) -> Result<ComparedEntries<'s>> {
        let (half, observer) = (self.half(), self.observer);
        let a = self.sides[0].path();
        let phase = |verb: Verb, s: &dyn Source| {
            observer.phase(&Phase::new(verb, s.layout().bytes()).of(element));
        };
        let entries = ComparedEntries::new(right, names, left.layout().dtype, half)?;
        if left.layout().orientation == right.layout().orientation {
            phase(Verb::Comparing, left);
            entries.compare_lines(left, half, observer).in_file(a)?;
        } else {
            let directory = self.options.temporary.as_deref().unwrap_or(transpose::beside(a));
            phase(Verb::Reading, left);
            let partitions = transpose::partition(left, half, directory, observer, &|_| Ok(())).in_file(a)?;
            entries.lines_only_in_b(partitions.pointers())?;
            phase(Verb::Comparing, left);
            partitions.deliver(entries.sink(), observer)?;
        }
        Ok(entries)
    }
}

/// An error of one side, which has half of the budget: what it needs is doubled.
pub(super) fn of_half(e: Error) -> Error {
    let Some(half) = e.needed() else { return e };
    let e = e.reworded(|message| format!("{message} (each side of a comparison has half of it)"));
    e.needing(half.saturating_mul(2))
}
