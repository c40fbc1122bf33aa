//! annmap
pub mod bytes;
pub mod convert;
pub mod dtype;
mod error;
pub mod h5ad;
pub mod hdf5;
mod limits;
pub mod matrix;
mod observe;
pub mod store;
mod strings;
pub mod table;
pub mod transpose;
pub use error::{Error, Kind, Result};
pub use dtype::Dtype;
pub use limits::Limits;
pub use observe::Observer;
pub use strings::Strings;
#[cfg(feature = "cli")]
pub mod cli;
