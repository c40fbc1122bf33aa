//! Which elements and columns are left out of a copy: those that are named, and those that cannot be read.

use super::dataframe::names as frame_names;
use crate::error::{Error, Kind, Result};
use crate::tree::Node;

/// What is left out of a copy. Nothing by default; what is of an unsupported kind always is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeaveOut {
    /// Paths of elements and columns, such as `uns/neighbors` or `obs/batch`.
    pub paths: Vec<String>,
    /// Whether elements and columns that cannot be read are left out, each with a warning; otherwise the first is
    /// an error.
    pub unreadable: bool,
}

impl LeaveOut {
    /// Whether `path` is one of the paths.
    pub(crate) fn names(&self, path: &str) -> bool {
        self.paths.iter().any(|one| names(one).eq(names(path)))
    }

    /// Whether one of the paths is below `path`.
    #[cfg(feature = "write")]
    pub(crate) fn is_below(&self, path: &str) -> bool {
        self.paths.iter().any(|one| {
            let mut inner = names(one);
            names(path).all(|name| inner.next() == Some(name)) && inner.next().is_some()
        })
    }

    /// Whether what could not be read because of `e` is left out. Errors of writing and a budget that is too small
    /// are no reason.
    pub(crate) fn covers(&self, e: &Error) -> bool {
        let unreadable = matches!(e.kind(), Kind::Malformed | Kind::Checksum | Kind::NotFound);
        let limit = e.kind() == Kind::Limit && e.needed().is_none();
        e.kind() == Kind::Unsupported || (self.unreadable && (unreadable || limit))
    }

    /// The first of the paths that leads to nothing below any of `roots`. A link that leads nowhere is something.
    #[cfg(feature = "write")]
    pub(crate) fn check(&self, roots: &[&Node]) -> Result<()> {
        let absent = |path: &&String| !roots.iter().any(|root| is_there(root, path));
        match self.paths.iter().find(absent) {
            Some(path) => Err(Error::not_found(format!("there is no '{path}' to leave out"))),
            None => Ok(()),
        }
    }
}

/// The names of a path.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty())
}

/// Whether there is a link at `path` below `root`, or a part of something that is not a group.
#[cfg(feature = "write")]
fn is_there(root: &Node, path: &str) -> bool {
    let mut at = root.clone();
    for name in names(path) {
        if !at.is_group() {
            return true;
        }
        let links = at.links().unwrap_or_default();
        let Some(link) = links.into_iter().find(|link| link.is_called(name)) else {
            // a table may list a column that does not exist
            return frame_names(&at).is_ok_and(|names| names.columns.iter().any(|column| column == name));
        };
        match at.open_link(link) {
            Ok(child) => at = child,
            Err(_) => return true,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_name_by_name() {
        let leave = LeaveOut { paths: vec!["/uns/a/b".into(), "obs".into()], unreadable: false };
        assert!(
            leave.names("uns/a/b") && leave.names("/obs/") && !leave.names("uns/a") && !leave.names("ob")
        );
    }

    #[test]
    fn errors_of_writing_are_no_reason() {
        let leave = LeaveOut { paths: Vec::new(), unreadable: true };
        let budget = Error::limit("the budget is too small").needing(1);
        let full = Error::io("write", std::io::Error::other("full"));
        assert!(leave.covers(&Error::malformed("cut")) && leave.covers(&Error::limit("deep")));
        assert!(!leave.covers(&budget) && !leave.covers(&full) && !leave.covers(&Error::cancelled()));
        let none = LeaveOut::default();
        assert!(none.covers(&Error::unsupported("a reference")) && !none.covers(&Error::malformed("cut")));
    }
}
