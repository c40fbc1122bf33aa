//! annmap
pub mod bytes;
pub mod dtype;
mod error;
pub mod hdf5;
mod limits;
mod observe;
mod strings;
pub use error::{Error, Kind, Result};
pub use dtype::Dtype;
pub use limits::Limits;
pub use observe::Observer;
pub use strings::Strings;
#[cfg(feature = "cli")]
pub mod cli;
