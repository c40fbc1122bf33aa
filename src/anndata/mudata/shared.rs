//! The attribute `axis` of MuData.

use crate::error::{Error, Place, Result};
use crate::tree::Node;

/// The axes that the modalities of MuData share: the attribute `axis`. Along a shared axis a cell (or gene) may be in
/// several modalities; along another, those of one modality follow those of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SharedAxis {
    /// 0: the same cells, measured in several ways.
    #[default]
    Obs,
    /// 1: the same genes, in several data sets.
    Var,
    /// -1: both.
    Both,
}

impl SharedAxis {
    /// That of the MuData at `root`; cells if it does not say.
    ///
    /// # Errors
    /// `Malformed` if it is none of 0, 1 and -1.
    pub(crate) fn of(root: &Node) -> Result<Self> {
        let Some(value) = root.attribute("axis")? else { return Ok(SharedAxis::default()) };
        let number = value.integer().in_object(root.path())?;
        let known = [SharedAxis::Obs, SharedAxis::Var, SharedAxis::Both];
        known.into_iter().find(|axis| axis.number() == number).ok_or_else(|| {
            Error::malformed(format!("expected 0, 1 or -1 as 'axis', got {number}")).in_object(root.path())
        })
    }

    /// The value of the attribute.
    pub(crate) fn number(self) -> i64 {
        match self {
            SharedAxis::Obs => 0,
            SharedAxis::Var => 1,
            SharedAxis::Both => -1,
        }
    }
}
