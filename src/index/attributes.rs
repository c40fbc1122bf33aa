//! Attributes as the JSON of `.zattrs`, as anndata writes them to zarr.

use super::map::quoted;
use super::numpy_type::scalar;
use crate::dtype::{Class, scalar_at};
use crate::error::{Error, Result};
use crate::strings::readable;
use crate::tree::{Node, Value};

/// The attribute of an array in which xarray finds the names of its dimensions.
const DIMENSIONS: &str = "_ARRAY_DIMENSIONS";

/// Attributes in the order of their names, each as JSON.
#[derive(Debug, Default)]
pub(super) struct JsonAttributes(Vec<(String, String)>);

impl JsonAttributes {
    /// The attributes of `node`, and what was wrong with those that cannot be expressed.
    ///
    /// # Errors
    /// `Io` or `Malformed` if they cannot be read.
    pub(super) fn of(node: &Node, parent: Option<&Node>) -> Result<(Self, Vec<Error>)> {
        let (mut all, mut missing) = (Vec::new(), Vec::new());
        for (name, value) in node.attributes()? {
            let json = value.and_then(|value| json(&value, node, parent));
            match json {
                Ok(json) => all.push((name, json)),
                Err(e) => {
                    let e = e.reworded(|text| format!("attribute '{name}': {text}")).in_object(node.path());
                    if e.kind() == crate::Kind::Unsupported { missing.push(e) } else { return Err(e) }
                }
            }
        }
        Ok((JsonAttributes(all), missing))
    }

    /// Removes `gone` from the list of columns of a data frame.
    pub(super) fn without_columns(&mut self, gone: &[String]) -> Result<()> {
        let gone: Vec<String> = gone.iter().map(|name| quoted(name)).collect::<Result<_>>()?;
        let Some((_, order)) = self.0.iter_mut().find(|(name, _)| name == "column-order") else {
            return Ok(());
        };
        let Ok(names) = serde_json::from_str::<Vec<String>>(order) else { return Ok(()) };
        let names: Vec<String> = names.iter().map(|name| quoted(name)).collect::<Result<_>>()?;
        let kept: Vec<String> = names.into_iter().filter(|name| !gone.contains(name)).collect();
        *order = format!("[{}]", kept.join(","));
        Ok(())
    }

    /// Adds names of dimensions for xarray: in one group, those of the same length have the same name.
    pub(super) fn add_dimensions(&mut self, shape: &[u64]) {
        if self.0.iter().any(|(name, _)| name == DIMENSIONS) {
            return;
        }
        let name = |(i, n): (usize, &u64)| match shape.iter().take(i).filter(|m| *m == n).count() {
            0 => format!("\"dim_{n}\""),
            again => format!("\"dim_{n}_{again}\""),
        };
        let names: Vec<String> = shape.iter().enumerate().map(name).collect();
        self.0.push((DIMENSIONS.to_owned(), format!("[{}]", names.join(","))));
    }

    /// The JSON object; `None` if there are none.
    pub(super) fn json(&self) -> Result<Option<String>> {
        let one = |(name, json): &(String, String)| Ok(format!("{}:{json}", quoted(name)?));
        let all = self.0.iter().map(one).collect::<Result<Vec<String>>>()?;
        Ok((!all.is_empty()).then(|| format!("{{{}}}", all.join(","))))
    }
}

fn json(value: &Value, node: &Node, parent: Option<&Node>) -> Result<String> {
    let Some(shape) = value.shape() else { return Ok("null".to_owned()) };
    let items: Vec<String> = if value.is_text() {
        let strings = value.strings()?;
        strings.iter().map(|text| quoted(&readable(text))).collect::<Result<_>>()?
    } else if let Class::Reference { kind: 0 } = value.datatype().class {
        return quoted(&path_of(value, node, parent)?);
    } else {
        let (dtype, bytes) = value.numbers()?;
        let each = (0..value.len()).map(|n| scalar_at(dtype, &bytes, n));
        each.map(|v| v.map_or_else(|| "null".to_owned(), |v| scalar(v, ""))).collect()
    };
    match shape {
        [] => items.into_iter().next().ok_or_else(|| Error::malformed("expected one value, got none")),
        shape => Ok(nested(shape, &mut items.into_iter())),
    }
}

/// A list of lists, by the dimensions.
fn nested(shape: &[u64], items: &mut impl Iterator<Item = String>) -> String {
    let Some((n, inner)) = shape.split_first() else { return items.next().unwrap_or_default() };
    // a dimension of 0 below ends all of them
    let n = if inner.contains(&0) { (*n).min(1) } else { *n };
    let lists: Vec<String> = (0..n).map(|_| nested(inner, items)).collect();
    format!("[{}]", lists.join(","))
}

/// The path, from the group that `node` is in, of the categories that it refers to: what anndata 0.7 writes to zarr in
/// place of a reference.
fn path_of(value: &Value, node: &Node, parent: Option<&Node>) -> Result<String> {
    let refused = || Error::unsupported("a reference to an object");
    let parent = parent.ok_or_else(refused)?;
    let target = node.open_reference(value, "/")?.id();
    let group = parent.child("__categories")?.filter(Node::is_group).ok_or_else(refused)?;
    // usually the one of the same name
    if group.child(node.name())?.is_some_and(|own| own.id() == target) {
        return Ok(format!("__categories/{}", node.name()));
    }
    for link in group.links()? {
        if group.open_link(link).is_ok_and(|child| child.id() == target) {
            return Ok(format!("__categories/{}", link.name()));
        }
    }
    Err(refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_nested_as_the_dimensions_are() {
        let of = |shape: &[u64], n: u64| nested(shape, &mut (0..n).map(|i| i.to_string()));
        assert_eq!(of(&[2, 3], 6), "[[0,1,2],[3,4,5]]");
        assert_eq!((of(&[0], 0), of(&[1], 1)), ("[]".into(), "[0]".into()));
        assert_eq!(of(&[1 << 40, 0], 0), "[[]]");
    }

    #[test]
    fn dimensions_of_the_same_length_have_the_same_name() {
        let mut attributes = JsonAttributes::default();
        assert_eq!(attributes.json().unwrap(), None);
        attributes.add_dimensions(&[3, 2, 3]);
        attributes.add_dimensions(&[1]);
        let json = attributes.json().unwrap().unwrap();
        assert_eq!(json, "{\"_ARRAY_DIMENSIONS\":[\"dim_3\",\"dim_2\",\"dim_3_1\"]}");
    }
}
