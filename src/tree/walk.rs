//! A walk over all objects below a node, each visited once.

use super::{Node, NodeId};
use crate::error::{Error, Result};
use std::collections::HashMap;

/// An object visited by a [`TreeWalk`].
#[derive(Debug)]
pub struct WalkEntry {
    path: String,
    found: Result<Node>,
    seen_as: Option<String>,
}

impl WalkEntry {
    /// The path by which the object was reached, from the root of the container.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The object, or the error that opening it gave.
    ///
    /// # Errors
    /// `Unsupported` for links to other files; `Malformed` for links to objects that do not exist and for
    /// damaged objects.
    pub fn node(&self) -> std::result::Result<&Node, &Error> {
        self.found.as_ref()
    }

    /// The path under which the walk visited the same object before, if it did. The objects below it are not
    /// visited again, so that a walk over groups that contain themselves ends.
    pub fn seen_as(&self) -> Option<&str> {
        self.seen_as.as_deref()
    }
}

/// Iterator over objects in the order of their paths, parents before children. An object that cannot be
/// opened is an entry with its error.
#[derive(Debug)]
pub struct TreeWalk {
    /// The node at which the walk begins; `None` after it was visited.
    first: Option<Node>,
    /// Groups from the first node down to the current one: their paths, and how many children of each were
    /// visited.
    levels: Vec<(Node, String, usize)>,
    seen: HashMap<NodeId, String>,
}

impl Node {
    /// Walks this node and all objects below it. A group nested deeper than
    /// [`Limits::group_depth`](crate::Limits) is an entry with an error.
    pub fn walk(&self) -> TreeWalk {
        TreeWalk { first: Some(self.clone()), levels: Vec::new(), seen: HashMap::new() }
    }
}

impl TreeWalk {
    fn visit(&mut self, path: String, found: Result<Node>) -> WalkEntry {
        let node = match found {
            Ok(node) => node,
            Err(e) => return WalkEntry { path, found: Err(e), seen_as: None },
        };
        if let Some(first) = self.seen.get(&node.id()) {
            return WalkEntry { path, seen_as: Some(first.clone()), found: Ok(node) };
        }
        self.seen.insert(node.id(), path.clone());
        if node.is_group() {
            if self.levels.len() >= node.deepest() as usize {
                let text = format!("groups nested deeper than {} levels", node.deepest());
                let error = Error::limit(text).in_object(&path);
                return WalkEntry { path, found: Err(error), seen_as: None };
            }
            if let Err(e) = node.links() {
                return WalkEntry { path, found: Err(e), seen_as: None };
            }
            self.levels.push((node.clone(), path.clone(), 0));
        }
        WalkEntry { path, found: Ok(node), seen_as: None }
    }
}

impl Iterator for TreeWalk {
    type Item = WalkEntry;

    fn next(&mut self) -> Option<WalkEntry> {
        if let Some(first) = self.first.take() {
            return Some(self.visit(first.path().to_owned(), Ok(first)));
        }
        loop {
            let (group, path, visited) = self.levels.last_mut()?;
            // the links were read when the group was visited
            let Ok(Some(link)) = group.nth_link(*visited) else {
                self.levels.pop();
                continue;
            };
            *visited += 1;
            let child = format!("{}/{}", path.trim_end_matches('/'), link.name());
            let found = group.open_link(link);
            return Some(self.visit(child, found));
        }
    }
}
