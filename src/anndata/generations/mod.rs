//! How earlier generations of anndata stored what is stored differently now.

pub(crate) mod compound;
