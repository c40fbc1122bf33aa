//! Where an object is written: the names that lead to it.

use std::fmt;

/// The place of an object in a container: names from the root down. A name may hold any character.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Location(Vec<String>);

impl Location {
    /// The root group.
    pub fn root() -> Self {
        Self::default()
    }

    /// The place that a path leads to, names separated by `/`.
    pub fn from_path(path: &str) -> Self {
        Location(path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// The child of this name.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let mut names = self.0.clone();
        names.push(name.to_owned());
        Location(names)
    }

    /// The group it lies in, and its name there; `None` for the root.
    pub fn split(&self) -> Option<(Location, &str)> {
        let (name, parent) = self.0.split_last()?;
        Some((Location(parent.to_vec()), name))
    }

    /// Whether `other` is this place or lies below it.
    pub fn contains(&self, other: &Location) -> bool {
        other.0.starts_with(&self.0)
    }
}

/// Displays as a path: `/obsm/X_umap`.
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
    fn names_lead_from_the_root_down() {
        let umap = Location::root().child("obsm").child("X_umap");
        assert_eq!(umap.to_string(), "/obsm/X_umap");
        assert_eq!(Location::from_path("/obsm/X_umap"), umap);
        assert_eq!(umap.split(), Some((Location::root().child("obsm"), "X_umap")));
        assert!(Location::root().child("obsm").contains(&umap) && !umap.contains(&Location::root()));
        assert_eq!((Location::root().to_string(), Location::root().split()), ("/".to_owned(), None));
    }
}
