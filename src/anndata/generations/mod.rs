//! What earlier generations of anndata store in another way than the current one (`spec/h5ad.md`).
//!
//! | generation | what differs | read in |
//! |---|---|---|
//! | 0.5 and earlier | `obsm` and `varm` are compound datasets with a member for each key | [`compound`] |
//! | 0.6 and earlier | `obs` and `var` are compound datasets whose first member is the index; the categories of a member are `uns/NAME_categories` | [`compound`] |
//! | 0.6 and earlier | compressed matrices have the attributes `h5sparse_format` and `h5sparse_shape` | `encoding`, `sparse` |
//! | 0.6 and earlier | `raw.X`, `raw.var` and `raw.varm` instead of the group `raw` | [`dataset`](crate::dataset) |
//! | 0.6 and earlier | a single string is an array of one string of fixed length | `copy` |
//! | before 0.7 | neighbour graphs are in `uns/neighbors` instead of `obsp` | [`graphs`] |
//! | 0.7 | a data frame (0.1.0) keeps categories in `__categories`; a column refers to them by the attribute `categories` | `column` |
//! | 0.7 | the elements have encodings, the root has none | [`dataset`](crate::dataset) |
//!
//! Since 0.8 the root has the encoding `anndata`, and categorical columns are groups.

pub(crate) mod compound;
#[cfg(feature = "store")]
pub(crate) mod graphs;
