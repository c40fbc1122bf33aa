//! What is at a path, told by its content: HDF5 of any kind, a store, Matrix Market, a table of text.

mod describe;
mod file;
#[cfg(feature = "store")]
mod input;
mod tables;

pub use describe::{ColumnInfo, Description, ElementInfo, FrameInfo, MatrixInfo};
pub use file::{AnnData, Flavour};
#[cfg(feature = "store")]
pub use input::Input;
#[cfg(feature = "store")]
pub(crate) use input::select_frames;
