//! Walks over every object below another, each once, in the order of the names.

use super::file::File;
use super::link::{Link, Target};
use super::object::Object;
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::sync::Arc;

/// One step of a walk: an object, or a link that does not lead to a new one.
#[derive(Debug)]
pub struct Visit {
    path: Arc<str>,
    group: Option<Object>,
    found: Found,
}

/// What the path of a [`Visit`] leads to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Found {
    /// An object reached for the first time. The objects below it follow.
    Object(Object),
    /// An object already visited under this path.
    Same(Arc<str>),
    /// A soft link, or a link to another file. A walk follows neither.
    Link(Link),
    /// A hard link whose object cannot be read, or the group just visited if its links cannot be read.
    Broken(Error),
    /// The group just visited has this many levels above it, which is the limit: its links are skipped.
    TooDeep(u32),
}

impl Visit {
    /// Path by which it was reached.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The group that contains the link; `None` at the start of the walk.
    pub fn group(&self) -> Option<&Object> {
        self.group.as_ref()
    }

    /// What the path leads to.
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// What the path leads to, by value.
    pub fn into_found(self) -> Found {
        self.found
    }
}

/// A walk over everything below an object: parents before children, siblings by name. It visits each object
/// once, so it ends even if groups contain each other.
#[derive(Debug)]
pub struct Walk {
    /// Object where the walk starts, until it is visited.
    start: Option<Object>,
    /// The groups on the current path, each with the index of its next link.
    levels: Vec<(Object, usize)>,
    /// A group that was visited and whose links are next.
    entered: Option<Object>,
    /// Path of each visited object, by address.
    seen: HashMap<u64, Arc<str>>,
}

impl Object {
    /// Walks everything below this object, itself first. Groups nested deeper than
    /// [`Limits::group_depth`](crate::Limits::group_depth) are not entered.
    pub fn walk(&self) -> Walk {
        Walk { start: Some(self.clone()), levels: Vec::new(), entered: None, seen: HashMap::new() }
    }
}

impl File {
    /// Walks every object of the file, as [`Object::walk`] does from the root.
    ///
    /// # Errors
    /// Fails if the root group cannot be read.
    pub fn walk(&self) -> Result<Walk> {
        Ok(self.root()?.walk())
    }
}

impl Walk {
    /// Records an object reached for the first time.
    fn object(&mut self, object: Object, group: Option<Object>) -> Visit {
        let path = Arc::clone(object.shared_path());
        self.seen.insert(object.address(), Arc::clone(&path));
        if object.is_group() {
            self.entered = Some(object.clone());
        }
        Visit { path, group, found: Found::Object(object) }
    }

    /// Enters the group visited last; returns the reason if it cannot.
    fn enter(&mut self, group: Object) -> Option<Visit> {
        let most = group.file().limits().group_depth;
        let found = match group.links() {
            _ if self.levels.len() as u64 >= u64::from(most) => Found::TooDeep(most),
            Err(e) => Found::Broken(e),
            Ok(_) => {
                self.levels.push((group, 0));
                return None;
            }
        };
        Some(Visit { path: Arc::clone(group.shared_path()), group: None, found })
    }

    fn link(&mut self, group: &Object, link: &Link) -> Visit {
        let path: Arc<str> = [group.path().trim_end_matches('/'), "/", &link.name()].concat().into();
        let found = match &link.target {
            Target::Hard(Some(address)) => match self.seen.get(address) {
                Some(first) => Found::Same(Arc::clone(first)),
                None => match Object::open_at(group.file(), *address, Arc::clone(&path)) {
                    Ok(object) => return self.object(object, Some(group.clone())),
                    Err(e) => Found::Broken(e),
                },
            },
            Target::Hard(None) => match group.open_link(link) {
                Ok(object) => return self.object(object, Some(group.clone())),
                Err(e) => Found::Broken(e),
            },
            _ => Found::Link(link.clone()),
        };
        Visit { path, group: Some(group.clone()), found }
    }
}

impl Iterator for Walk {
    type Item = Visit;

    fn next(&mut self) -> Option<Visit> {
        if let Some(start) = self.start.take() {
            return Some(self.object(start, None));
        }
        if let Some(group) = self.entered.take()
            && let Some(visit) = self.enter(group)
        {
            return Some(visit);
        }
        loop {
            let (group, next) = self.levels.last_mut()?;
            let group = group.clone();
            // The links were read when the group was entered.
            let Some(link) = group.links().ok().and_then(|links| links.get(*next)) else {
                self.levels.pop();
                continue;
            };
            *next = next.saturating_add(1);
            return Some(self.link(&group, link));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hdf5::{Group, Libver, Writer};
    use crate::limits::Limits;

    /// `/a/b/c`, and `/again`, which is `/a/b`.
    fn nested(dir: &tempfile::TempDir, limits: Limits) -> File {
        let path = dir.path().join("nested.h5");
        if !path.exists() {
            let mut w = Writer::create(&path, false, Libver::Latest).unwrap();
            let (mut root, mut a, mut b) = (Group::new(), Group::new(), Group::new());
            b.link("c", w.group(&Group::new()).unwrap());
            let b = w.group(&b).unwrap();
            a.link("b", b);
            root.link("a", w.group(&a).unwrap());
            root.link("again", b);
            w.finish(&root).unwrap();
        }
        File::open_with(&path, limits).unwrap()
    }

    fn shown(visit: Visit) -> String {
        let path = visit.path().to_owned();
        match visit.into_found() {
            Found::Object(o) => format!("{path} {}", o.kind().name()),
            Found::Same(first) => format!("{path} = {first}"),
            Found::TooDeep(most) => format!("{path} > {most}"),
            other => format!("{path} {other:?}"),
        }
    }

    #[test]
    fn each_object_comes_once_and_repeats_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = nested(&dir, Limits::default());
        let all: Vec<String> = file.walk().unwrap().map(shown).collect();
        assert_eq!(all, ["/ group", "/a group", "/a/b group", "/a/b/c group", "/again = /a/b"]);
        let below: Vec<String> = file.object("/a/b").unwrap().walk().map(shown).collect();
        assert_eq!(below, ["/a/b group", "/a/b/c group"]);
    }

    #[test]
    fn groups_below_the_limit_are_not_entered() {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits { group_depth: 2, ..Limits::default() };
        let all: Vec<String> = nested(&dir, limits).walk().unwrap().map(shown).collect();
        assert_eq!(all, ["/ group", "/a group", "/a/b group", "/a/b > 2", "/again = /a/b"]);
    }
}
