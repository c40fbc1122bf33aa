//! Every object below a node, each once.

use super::Node;
use crate::error::{Error, Result};
use std::collections::HashMap;

/// An object that a walk comes to.
#[derive(Debug)]
pub struct WalkEntry {
    path: String,
    found: Result<Node>,
    seen_as: Option<String>,
}

impl WalkEntry {
    /// Its path, as it was reached.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The object, or why it cannot be opened.
    ///
    /// # Errors
    /// Where the link leads nowhere or out of the container, or what it leads to is damaged.
    pub fn node(&self) -> std::result::Result<&Node, &Error> {
        self.found.as_ref()
    }

    /// The first path of the same object, where the walk has come to it before. What is below it is not walked again, so
    /// groups that contain themselves end.
    pub fn seen_as(&self) -> Option<&str> {
        self.seen_as.as_deref()
    }
}

/// Objects in the order of their paths, parents before children. An object that cannot be opened is an entry with its error.
#[derive(Debug)]
pub struct TreeWalk {
    /// The node the walk begins at, until it was visited.
    first: Option<Node>,
    /// Groups on the way down, and how many children of each were visited.
    levels: Vec<(Node, String, usize)>,
    seen: HashMap<u64, String>,
}

impl Node {
    /// Walks everything below this node, itself first. A group below more levels than
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
        if let Some(first) = self.seen.get(&node.identity()) {
            return WalkEntry { path, seen_as: Some(first.clone()), found: Ok(node) };
        }
        self.seen.insert(node.identity(), path.clone());
        if node.is_group() {
            if self.levels.len() >= node.deepest() as usize {
                let text = format!("groups below more than {} levels", node.deepest());
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
