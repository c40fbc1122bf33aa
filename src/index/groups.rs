//! The walk over the groups of the file: what is expressed, and what has to be left out together.

use super::array::{ArrayPlan, Planner};
use super::attributes::JsonAttributes;
use super::map::MapWriter;
use crate::anndata::{ElementKind, Encoding, frame_names};
use crate::dtype::Class;
use crate::error::{Error, Kind, Place, Result};
use crate::observe::Warning;
use crate::tree::{Node, NodeId};
use std::collections::{HashMap, HashSet};

/// Bytes that the same objects may take again in the map, under other links, besides twice what they take once.
const MOST_AGAIN: u64 = 4 << 20;
/// Depth of groups inside one element, such as categories that are nullable strings.
const DEEPEST_ELEMENT: u32 = 4;

/// What was written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) arrays: u64,
    pub(super) inlined: u64,
}

/// A walk that writes the map of everything that it meets.
#[derive(Debug)]
pub(super) struct Walker<'a> {
    map: &'a mut MapWriter,
    planner: Planner<'a>,
    /// Groups from the root down to the current one.
    levels: Vec<Level>,
    seen: HashSet<NodeId>,
    /// Plans of arrays that were read to make them, as parts of an element that must be there as a whole.
    planned: HashMap<NodeId, ArrayPlan>,
    /// Bytes of the map that are of objects met for the first time, and of others.
    written: [u64; 2],
    totals: Totals,
}

/// A group whose children are being written.
#[derive(Debug)]
struct Level {
    node: Node,
    /// Its key in the map; empty for the root.
    key: String,
    is_frame: bool,
    /// Number of links that were followed.
    next: usize,
    /// Name of the last link.
    last: String,
    /// Names of children that were left out.
    gone: Vec<String>,
    /// Whether it was met before, under another link.
    again: bool,
}

impl<'a> Walker<'a> {
    pub(super) fn new(map: &'a mut MapWriter, planner: Planner<'a>) -> Self {
        Walker {
            map,
            planner,
            levels: Vec::new(),
            seen: HashSet::new(),
            planned: HashMap::new(),
            written: [0; 2],
            totals: Totals::default(),
        }
    }

    /// Writes `root` and everything below it.
    ///
    /// # Errors
    /// `Malformed` for damaged objects; `Limit` for groups nested too deeply and links that multiply; errors of
    /// writing. What cannot be expressed is a warning.
    pub(super) fn write(mut self, root: &Node) -> Result<Totals> {
        self.object(root, String::new(), false)?;
        while let Some(level) = self.levels.last_mut() {
            self.planner.observer.check_cancelled()?;
            let (number, before) = (level.next, self.map.len());
            level.next += 1;
            let again = level.again;
            let Some(link) = level.node.nth_link(number)? else {
                self.leave()?;
                self.count(again, before)?;
                continue;
            };
            let name = link.name().into_owned();
            let path = format!("{}/{name}", level.node.path().trim_end_matches('/'));
            let twice = number > 0 && level.last == name;
            level.last.clone_from(&name);
            if !is_name(&name) || !link.is_called(&name) || twice {
                self.left_out(name, &path, Error::unsupported("a name that zarr does not allow"));
                continue;
            }
            match level.node.open_link(link) {
                Ok(child) => self.child(&child, name, &path)?,
                // a link by its path may lead nowhere
                Err(e) if e.kind() == Kind::Unsupported || link.is_by_path() => self.left_out(name, &path, e),
                Err(e) => return Err(e),
            }
        }
        Ok(self.totals)
    }

    /// Writes a child of the current group, unless it cannot be expressed.
    fn child(&mut self, child: &Node, name: String, path: &str) -> Result<()> {
        let Some(level) = self.levels.last() else { return Ok(()) };
        let key = if level.key.is_empty() { name.clone() } else { format!("{}/{name}", level.key) };
        let again = !self.seen.insert(child.id()) || level.again;
        let before = self.map.len();
        let id = child.id();
        let written = if !child.is_beside(&level.node) {
            Err(Error::unsupported("an object of another file"))
        } else if child.is_group() && self.levels.iter().any(|l| l.node.id() == id) {
            Err(Error::unsupported("a link back to a group that contains it"))
        } else if child.is_group() && self.levels.len() >= child.deepest() as usize {
            let text = format!("groups nested deeper than {} levels", child.deepest());
            return Err(Error::limit(text).in_object(path));
        } else {
            self.object(child, key, again)
        };
        match written {
            Err(e) if e.kind() == Kind::Unsupported => self.left_out(name, path, e),
            other => other?,
        }
        self.count(again, before)
    }

    /// Counts the bytes that the map has more than `before`.
    ///
    /// # Errors
    /// `Limit` if objects are repeated too often.
    fn count(&mut self, again: bool, before: u64) -> Result<()> {
        let [first, repeated] = &mut self.written;
        let counted = if again { repeated } else { first };
        *counted = counted.saturating_add(self.map.len().saturating_sub(before));
        let most = MOST_AGAIN.saturating_add(self.written[0].saturating_mul(2));
        if self.written[1] > most {
            let text = format!("links lead to the same objects too often (limit {most} bytes of the map)");
            return Err(Error::limit(text));
        }
        Ok(())
    }

    /// Writes an array, or begins a group.
    fn object(&mut self, node: &Node, key: String, again: bool) -> Result<()> {
        if node.is_array() {
            return self.array(node, &key);
        }
        if !node.is_group() {
            return Err(Error::unsupported("neither a group nor an array").in_object(node.path()));
        }
        let kind = ElementKind::of(node)?;
        self.planned.clear();
        self.expect_parts(node, &kind, 0)?;
        let begin = if key.is_empty() { ".zgroup".to_owned() } else { format!("{key}/.zgroup") };
        self.map.metadata(&begin, "{\"zarr_format\":2}")?;
        self.levels.push(Level {
            node: node.clone(),
            key,
            is_frame: kind == ElementKind::Frame,
            next: 0,
            last: String::new(),
            gone: Vec::new(),
            again,
        });
        Ok(())
    }

    /// Fails if a part cannot be expressed without which the element `node` cannot be read: all of it is left out then.
    fn expect_parts(&mut self, node: &Node, kind: &ElementKind, depth: u32) -> Result<()> {
        let parts: Vec<String> = match kind {
            ElementKind::Sparse(_) | ElementKind::Column(_) | ElementKind::Awkward => {
                node.links()?.iter().map(|link| link.name().into_owned()).collect()
            }
            ElementKind::Frame => frame_names(node)?.index.into_iter().collect(),
            ElementKind::Structure if Encoding::of(node)? == Encoding::Raw => vec!["X".to_owned()],
            _ => return Ok(()),
        };
        for name in parts {
            self.planner.observer.check_cancelled()?;
            let Some(part) = node.child(&name)? else { continue };
            if !part.is_beside(node) {
                return Err(Error::unsupported("a part that is in another file").in_object(part.path()));
            }
            if part.is_array() {
                let plan = plan(&part, self.planner)?;
                if plan.is_inlined() {
                    self.planned.insert(part.id(), plan);
                }
            } else if part.is_group() && depth < DEEPEST_ELEMENT {
                self.expect_parts(&part, &ElementKind::of(&part)?, depth + 1)?;
            }
        }
        Ok(())
    }

    fn array(&mut self, node: &Node, key: &str) -> Result<()> {
        if node.is_null() {
            return self.null(node, key);
        }
        let plan = match self.planned.remove(&node.id()) {
            Some(plan) => plan,
            None => plan(node, self.planner)?,
        };
        let inlined = plan.write(key, self.map, self.planner.observer)?;
        self.totals.arrays += 1;
        self.totals.inlined = self.totals.inlined.saturating_add(inlined);
        let mut attributes = self.attributes(node)?;
        attributes.add_dimensions(&plan.shape());
        self.write_attributes(key, &attributes)
    }

    /// Writes an AnnData null as anndata writes it: a bool that was never set.
    fn null(&mut self, node: &Node, key: &str) -> Result<()> {
        if Encoding::of(node)? != Encoding::Null {
            return Err(Error::unsupported("an array without shape").in_object(node.path()));
        }
        const NULL: &str = "{\"chunks\":[],\"compressor\":null,\"dimension_separator\":\".\",\"dtype\":\"|b1\",\"fill_value\":false,\"filters\":null,\"order\":\"C\",\"shape\":[],\"zarr_format\":2}";
        self.map.metadata(&format!("{key}/.zarray"), NULL)?;
        self.totals.arrays += 1;
        let attributes = self.attributes(node)?;
        self.write_attributes(key, &attributes)
    }

    /// Ends the current group.
    fn leave(&mut self) -> Result<()> {
        let Some(level) = self.levels.pop() else { return Ok(()) };
        let mut attributes = self.attributes(&level.node)?;
        if level.is_frame {
            attributes.without_columns(&level.gone)?;
        }
        self.write_attributes(&level.key, &attributes)
    }

    fn attributes(&self, node: &Node) -> Result<JsonAttributes> {
        let parent = self.levels.last().map(|level| &level.node);
        let (attributes, missing) = JsonAttributes::of(node, parent)?;
        for e in missing {
            self.planner.observer.warn(&Warning::element(node.path(), e));
        }
        Ok(attributes)
    }

    fn write_attributes(&mut self, key: &str, attributes: &JsonAttributes) -> Result<()> {
        let Some(json) = attributes.json()? else { return Ok(()) };
        let key = if key.is_empty() { ".zattrs".to_owned() } else { format!("{key}/.zattrs") };
        self.map.metadata(&key, &json)
    }

    /// Warns that a child of the current group is left out.
    fn left_out(&mut self, name: String, path: &str, reason: Error) {
        self.planner.observer.warn(&Warning::element(path, reason.in_object(path)));
        self.levels.last_mut().into_iter().for_each(|level| level.gone.push(name.clone()));
    }
}

/// The plan of an array. Strings that AnnData declares are text, whatever their type.
fn plan(node: &Node, planner: Planner<'_>) -> Result<ArrayPlan> {
    let (encoding, array) = (Encoding::of(node)?, node.array()?);
    let is_fixed = encoding == Encoding::None && matches!(array.datatype().class, Class::FixedString(_));
    // anndata reads bytes in old files as text, from zarr no single ones, and takes lists of one for it from HDF5 only
    let is_one = match array.shape() {
        [] => is_fixed && !node.is_null(),
        [1] => is_fixed && node.path().starts_with("/uns/"),
        _ => false,
    };
    let as_text = is_one || matches!(encoding, Encoding::StringArray | Encoding::Scalar);
    let plan = ArrayPlan::new(&array, as_text, planner).in_object(node.path())?;
    Ok(if is_one { plan.into_scalar() } else { plan })
}

/// Whether zarr allows a node of this name, and no key of another would be the same.
fn is_name(name: &str) -> bool {
    let metadata = [".zgroup", ".zarray", ".zattrs", ".zmetadata", "zarr.json"];
    !name.is_empty()
        && name != "."
        && name != ".."
        && !name.contains(['/', '\\'])
        && !metadata.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_that_zarr_does_not_allow() {
        for name in ["", ".", "..", "a/b", "a\\b", ".zattrs", "zarr.json"] {
            assert!(!is_name(name), "{name}");
        }
        assert!(["a", ".a", "...", "Größe", "a b", "0"].into_iter().all(is_name));
    }
}
