//! Which objects of the inputs are in the output already. An object with several links is copied once and linked
//! again, so the output is not larger than the input; a link back to a group that is being copied ends there.

use crate::anndata::axes::Axes;
use crate::error::{Error, Result};
use crate::tree::{Node, NodeId, WrittenObject};
use std::collections::HashMap;

/// Maximum levels of groups that are copied, whatever the limit says: each takes a part of the stack.
pub(crate) const DEEPEST: usize = 256;

/// The objects copied so far, and the groups being copied.
#[derive(Debug, Default)]
pub(super) struct Copied {
    done: HashMap<CopyKey, CopyOutcome>,
    /// Groups from the outermost down to the current one, with their paths.
    open: Vec<(NodeId, String)>,
    /// Every selection seen so far. Keys have their numbers.
    selections: Vec<Vec<u64>>,
}

/// An object, and the selections of its rows and columns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CopyKey {
    object: NodeId,
    rows: Option<usize>,
    columns: Option<usize>,
}

/// What became of an object: where it was written, or why it was left out.
pub(super) type CopyOutcome = Result<WrittenObject, Error>;

impl Copied {
    /// The key of an object with `axes` of it selected.
    pub(super) fn key(&mut self, object: &Node, axes: Axes<'_>) -> CopyKey {
        let [rows, columns] = [axes.rows, axes.columns].map(|chosen| Some(self.number(chosen?)));
        CopyKey { object: object.id(), rows, columns }
    }

    fn number(&mut self, selection: &[u64]) -> usize {
        self.selections.iter().position(|known| known == selection).unwrap_or_else(|| {
            self.selections.push(selection.to_vec());
            self.selections.len() - 1
        })
    }

    /// What became of an object, if it was copied before.
    pub(super) fn get(&self, key: &CopyKey) -> Option<&CopyOutcome> {
        self.done.get(key)
    }

    /// Records what became of an object.
    pub(super) fn set(&mut self, key: CopyKey, copy: CopyOutcome) {
        self.done.insert(key, copy);
    }

    /// Number of groups being copied, for [`leave_to`](Self::leave_to).
    pub(super) fn level(&self) -> usize {
        self.open.len()
    }

    /// Whether an object is one of the groups being copied.
    pub(super) fn is_open(&self, object: &Node) -> bool {
        let id = object.id();
        self.open.iter().any(|(open, _)| *open == id)
    }

    /// Begins a group inside the current one.
    ///
    /// # Errors
    /// `Unsupported` if the group is being copied already: it contains itself; `Limit` if it is nested deeper than
    /// the limits of its container allow.
    pub(super) fn enter(&mut self, group: &Node) -> Result<()> {
        let id = group.id();
        if let Some((_, path)) = self.open.iter().find(|(open, _)| *open == id) {
            let text = format!("expected a group inside '{path}', got that group again");
            return Err(Error::unsupported(text));
        }
        let most = DEEPEST.min(group.deepest() as usize);
        if self.open.len() >= most {
            let text = format!("groups nested deeper than {most} levels");
            return Err(Error::limit(text));
        }
        self.open.push((id, group.path().to_owned()));
        Ok(())
    }

    /// Ends all groups but the outermost `level`.
    pub(super) fn leave_to(&mut self, level: usize) {
        self.open.truncate(level);
    }
}

#[cfg(test)]
mod tests {
    use crate::Limits;
    use crate::anndata::axes::Axes;
    use crate::anndata::tests::{BUDGET, Warnings, at, bytes, ints, open_bytes, written, written_bytes};
    use crate::anndata::{AnnDataWriter, StorageOptions};
    use crate::error::{Kind, Result};
    use crate::tree::Node;

    /// The copy of `uns`, and the warnings.
    fn copied(root: &Node) -> Result<(Node, Vec<String>)> {
        let dir = tempfile::tempdir().unwrap();
        let (path, warnings) = (dir.path().join("a.h5ad"), Warnings::default());
        let mut w = AnnDataWriter::create(&path, false, StorageOptions::default(), BUDGET, &warnings)?;
        w.copy(&at("uns"), &root.descend("uns")?, Axes::default())?;
        w.finish()?;
        Ok((crate::anndata::tests::open(&path), warnings.texts()))
    }

    /// Two links to one object are two links to one copy; with another selection it is another copy.
    #[test]
    fn objects_are_copied_once() {
        let root = written(|w| {
            w.raw_array("obsm/a", &ints(&[1, 2, 3]))?;
            w.alias(&at("obsm/b"), &at("obsm/a"))?;
            w.dict(&at("obsm"))
        });
        let rows = [Some(&[2, 0][..]), Some(&[2, 0]), Some(&[1]), None];
        let copy = written(|w| {
            for (n, (name, rows)) in ["a", "b", "b", "a"].into_iter().zip(rows).enumerate() {
                let node = root.descend(&format!("obsm/{name}")).unwrap();
                w.copy(&at(&format!("obsm/{n}")), &node, Axes { rows, columns: None })?;
            }
            w.dict(&at("obsm"))
        });
        let of = |n: usize| copy.descend(&format!("obsm/{n}")).unwrap();
        assert_eq!(of(1).array().unwrap().read().unwrap().integers().unwrap(), [3, 1]);
        assert!(of(0).id() == of(1).id() && of(1).id() != of(2).id() && of(2).id() != of(3).id());
    }

    /// 30 levels of ten links each to the level below: 10^30 paths to one array.
    #[test]
    fn links_of_links_stay_links() {
        let root = written(|w| {
            w.raw_array("uns/level 0/leaf", &ints(&[1]))?;
            w.dict(&at("uns/level 0"))?;
            for level in 1..30 {
                let below = w.written(&at(&format!("uns/level {}", level - 1))).unwrap();
                let here = at(&format!("uns/level {level}"));
                (0..10).try_for_each(|n| w.link_to(&here.child(&n.to_string()), &below))?;
                w.dict(&here)?;
            }
            w.dict(&at("uns"))
        });
        let (copy, warnings) = copied(&root).unwrap();
        let objects =
            |root: &Node| root.descend("uns").unwrap().walk().filter(|e| e.seen_as().is_none()).count();
        assert_eq!((objects(&copy), warnings.len()), (objects(&root), 0));
        let leaf = format!("uns/level 29{}/leaf", "/7".repeat(29));
        assert_eq!(copy.descend(&leaf).unwrap().array().unwrap().read().unwrap().integers().unwrap(), [1]);
    }

    /// `uns/a/b/up` is `uns/a`; `uns/a//uns/a` a soft link to it, and `uns/nowhere` one to itself.
    #[test]
    fn circles_and_links_to_nothing_are_left_out() {
        let mut links = Vec::new();
        let mut file = written_bytes(|w| {
            links.push(w.placeholder("uns/a/b/up")?);
            w.raw_array("uns/a/b/x", &ints(&[1]))?;
            w.dict(&at("uns/a/b"))?;
            w.writer.group(&at("uns/a").child("/uns/a"), &[])?;
            links.push(w.written(&at("uns/a").child("/uns/a")).unwrap());
            w.dict(&at("uns/a"))?;
            links.push(w.written(&at("uns/a")).unwrap());
            links.push(w.placeholder("uns/nowhere")?);
            w.dict(&at("uns"))
        });
        let [hard, soft, a, nowhere] = &links[..] else { panic!("{links:?}") };
        soft.soften(&mut file);
        nowhere.soften(&mut file);
        hard.redirect(&mut file, a);
        let (copy, warnings) = copied(&open_bytes(file, Limits::default())).unwrap();
        assert_eq!(
            copy.descend("uns/a/b/x").unwrap().array().unwrap().read().unwrap().integers().unwrap(),
            [1]
        );
        let names = |path: &str| -> Vec<String> {
            copy.descend(path).unwrap().links().unwrap().iter().map(|l| l.name().into_owned()).collect()
        };
        assert_eq!(
            (names("uns"), names("uns/a"), names("uns/a/b")),
            (vec!["a".into()], vec!["b".into()], vec!["x".into()])
        );
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        let all = warnings.join("; ");
        assert!(
            all.contains("/uns/a/b/up")
                && all.contains("/uns/a//uns/a")
                && all.contains("inside '/uns/a'")
                && all.contains("/uns/nowhere"),
            "{all}"
        );
    }

    /// The limit of the file holds, and if it is raised, that of the stack.
    #[test]
    fn levels_are_limited() {
        let file = written_bytes(|w| {
            let mut here = at("uns");
            let mut all = Vec::new();
            for _ in 0..1000 {
                all.push(here.clone());
                here = here.child("d");
            }
            w.raw_array(&format!("{here}"), &bytes(&[1], &[7]))?;
            all.iter().rev().try_for_each(|level| w.dict(level))
        });
        for (depth, most) in [(64, "64"), (1 << 20, "256")] {
            let limits = Limits { group_depth: depth, ..Limits::default() };
            let error = copied(&open_bytes(file.clone(), limits)).unwrap_err();
            assert_eq!(error.kind(), Kind::Limit, "{error}");
            assert!(error.message().contains(&format!("deeper than {most} levels")), "{error}");
        }
    }
}
