//! Finds the narrowest type for the values of a matrix.

use crate::dtype::{Dtype, Narrowest, ValueDtype};
use crate::matrix::budget::Budget;
use crate::matrix::pump::each_block;
use crate::matrix::source::Source;
use crate::observe::{Observer, Phase, Verb};
use crate::sync::{into_inner, lock};
use std::sync::Mutex;

/// Returns the narrowest type that holds every value of `from`; reads all of it.
///
/// # Errors
/// Errors of reading.
pub fn narrowest_dtype(from: &dyn Source, budget: Budget, observer: &dyn Observer) -> crate::Result<Dtype> {
    let seen = Mutex::new(Narrowest::default());
    each_block(from, budget, observer, &|_| 0, &|block| {
        let mut n = Narrowest::default();
        n.add(block.values.dtype, block.values.bytes);
        let mut all = lock(&seen);
        *all = all.merge(n);
        Ok(())
    })?;
    Ok(into_inner(seen).dtype(from.layout().dtype))
}

/// The type that `wanted` is for the values of `from`, a matrix called `name`. May read all of it.
///
/// # Errors
/// Errors of reading.
pub(crate) fn wanted_dtype(
    from: &dyn Source,
    name: &str,
    wanted: ValueDtype,
    budget: Budget,
    observer: &dyn Observer,
) -> crate::Result<Dtype> {
    match wanted {
        ValueDtype::Keep => Ok(from.layout().dtype),
        ValueDtype::As(dtype) => Ok(dtype),
        ValueDtype::Auto => {
            observer.phase(&Phase::new(Verb::LookingAtValues, from.layout().bytes()).of(name));
            narrowest_dtype(from, budget, observer)
        }
    }
}
