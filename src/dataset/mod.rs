//! What is at a path, told by its content: HDF5 of any kind, a store, Matrix Market, a table of text.

mod describe;
mod file;
mod input;
mod tables;

pub use describe::{ColumnInfo, Description, ElementInfo, FrameInfo, MatrixInfo};
pub use file::{AnnData, Flavour};
pub use input::Input;
pub(crate) use input::select_frames;
