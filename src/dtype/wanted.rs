//! Which type the values of an output are to have.

use super::Dtype;

/// The type of the values of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ValueDtype {
    /// As stored, but float16 as float32, unless a store becomes a store: scipy has no matrices of float16.
    #[default]
    Keep,
    /// The narrowest type that holds every value, but not float16; takes one more pass over the values.
    Auto,
    /// The given type.
    As(Dtype),
}
