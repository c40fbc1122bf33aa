//! Where an object is written: the names on its path.

use std::fmt;

/// The path of an object in a container, as a list of names from the root down. A name may contain any
/// character, `/` too.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Location(Vec<String>);

impl Location {
    /// The root group.
    pub fn root() -> Self {
        Self::default()
    }

    /// The location of a path whose names are separated by `/`; empty names are ignored.
    pub fn from_path(path: &str) -> Self {
        Location::root().below(path)
    }

    /// The location of the child called `name`.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let mut names = self.0.clone();
        names.push(name.to_owned());
        Location(names)
    }

    /// The location of `path` below this one; names are separated by `/`, and empty names are ignored.
    #[must_use]
    pub fn below(&self, path: &str) -> Self {
        let names = path.split('/').filter(|name| !name.is_empty()).map(str::to_owned);
        Location(self.0.iter().cloned().chain(names).collect())
    }

    /// The location of its group, and its name in it; `None` for the root.
    pub fn split(&self) -> Option<(Location, &str)> {
        let (name, parent) = self.0.split_last()?;
        Some((Location(parent.to_vec()), name))
    }

    /// The names on the path, from the root down.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The number of names on the path.
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// Whether `other` is this location or is below it.
    pub fn contains(&self, other: &Location) -> bool {
        other.0.starts_with(&self.0)
    }
}

/// Writes the path: `/obsm/X_umap`.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|name| write!(f, "/{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_path_from_the_root() {
        let umap = Location::root().child("obsm").child("X_umap");
        assert_eq!(umap.to_string(), "/obsm/X_umap");
        assert_eq!(Location::from_path("/obsm/X_umap"), umap);
        assert_eq!(Location::root().child("obs").below("a//b/"), Location::from_path("obs/a/b"));
        assert_eq!(umap.split(), Some((Location::root().child("obsm"), "X_umap")));
        assert!(Location::root().child("obsm").contains(&umap) && !umap.contains(&Location::root()));
        assert_eq!((Location::root().to_string(), Location::root().split()), ("/".to_owned(), None));
    }
}
