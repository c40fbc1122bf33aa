//! The axis along which parts are appended.

use crate::table::TableColumn;

/// The axis of the output along which the parts are appended.
pub(super) struct AlongAxis {
    /// The number of positions of each part.
    pub(super) lengths: Vec<u64>,
    /// The name of each position of the output.
    pub(super) names: TableColumn<'static>,
}
