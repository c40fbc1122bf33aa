//! The merged `uns`, level by level.

use super::item::{Joinable, keys};
use super::merge::Merge;
use super::run::ConcatRun;
use crate::anndata::{Axes, DEEPEST, ElementKind, same};
use crate::error::{Error, Result};
use crate::matrix::equal;
use crate::observe::Warning;
use crate::tree::{Location, Node, NodeId, WrittenObject};
use std::collections::HashMap;

/// The same element of each input that has it.
type MergedIds = Vec<NodeId>;

/// Merges the `uns` of all inputs. Elements that are the same objects as others before are linked, not written again.
struct UnsMerge<'r, 'a> {
    run: &'r mut ConcatRun<'a>,
    merge: Merge,
    /// What became of each; `None` if nothing is kept.
    done: HashMap<MergedIds, Option<WrittenObject>>,
    /// The mappings that contain the current one, and it.
    open: Vec<MergedIds>,
}

impl ConcatRun<'_> {
    /// Writes the merged `uns`.
    pub(super) fn uns(&mut self) -> Result<()> {
        let at = self.at("uns");
        let found: Vec<Node> = self.parts.iter().filter_map(|p| p.object("uns")).collect();
        let found: Vec<Node> = found.into_iter().filter(|uns| !self.writer.leaves(&at, uns.path())).collect();
        match self.options.uns_merge {
            // `Same` needs a value in all parts, and one part has no `uns`
            Some(Merge::Same) if found.len() < self.parts.len() => {}
            Some(merge) => {
                let mut merging = UnsMerge { run: self, merge, done: HashMap::new(), open: Vec::new() };
                merging.mappings(&at, &found)?;
            }
            None => {}
        }
        self.writer.dict(&at)
    }

    /// Whether two values of `uns` are equal; compressed matrices may be so in different layouts.
    fn same_values(&self, a: &Node, b: &Node) -> Result<bool> {
        match (ElementKind::of(a)?, ElementKind::of(b)?) {
            (ElementKind::Sparse(x), ElementKind::Sparse(y)) if x != y => {
                let [a, b] = [Joinable::open(a, self.observer)?, Joinable::open(b, self.observer)?];
                let x = self.by_rows(Some(&a), [0, 0], 0)?;
                let y = self.by_rows(Some(&b), [0, 0], x.source().resident_bytes())?;
                equal(x.source(), y.source(), self.budget)
            }
            _ => same(a, b, self.budget, self.observer),
        }
    }
}

impl UnsMerge<'_, '_> {
    /// Merges the children of `mappings` into one mapping at `at`, nested mappings level by level. Returns whether
    /// any child was written.
    fn mappings(&mut self, at: &Location, mappings: &[Node]) -> Result<bool> {
        let most = mappings.iter().map(|m| m.deepest() as usize).min().unwrap_or(0);
        if self.open.len() >= most.min(DEEPEST) {
            let text = format!("groups nested deeper than {most} levels");
            return Err(Error::limit(text).in_object(&at.to_string()));
        }
        let mut children: Vec<Vec<(String, Node)>> = Vec::new();
        for mapping in mappings {
            let mut list = Vec::new();
            for link in mapping.links()? {
                let name = link.name().into_owned();
                if let Some(child) = self.run.writer.open_link(&at.child(&name), mapping, link)? {
                    list.push((name, child));
                }
            }
            children.push(list);
        }
        self.open.push(mappings.iter().map(Node::id).collect());
        let by_name: Vec<HashMap<&str, &Node>> = children
            .iter()
            .map(|list| list.iter().map(|(name, node)| (name.as_str(), node)).collect())
            .collect();
        let mut any = false;
        for key in self.merge.keys(&keys(&children)) {
            let found: Vec<Node> =
                by_name.iter().filter_map(|list| list.get(key).copied().cloned()).collect();
            any |= self.element(&at.child(key), &found)?;
        }
        self.open.pop();
        Ok(any)
    }

    /// Merges one element. Returns whether it was written.
    fn element(&mut self, at: &Location, found: &[Node]) -> Result<bool> {
        let ids: MergedIds = found.iter().map(Node::id).collect();
        let shared = !self.run.writer.leaves_below(at);
        if let (true, Some(written)) = (shared, self.done.get(&ids)) {
            return match written {
                Some(written) => self.run.writer.link_to(at, written).map(|()| true),
                None => Ok(false),
            };
        }
        let nested = found.iter().map(|node| Ok(node.is_group() && ElementKind::of(node)?.is_mapping()));
        let nested = nested.collect::<Result<Vec<bool>>>()?.iter().all(|n| *n);
        let again = found.iter().zip(&ids).find(|(_, id)| self.open.iter().flatten().any(|o| o == *id));
        let written = match (nested, again) {
            (true, Some((node, _))) => {
                let e = Error::unsupported("expected a group, got one that contains this link");
                self.run.observer.warn(&Warning::element(at.to_string(), e.in_object(node.path())));
                false
            }
            (true, None) => {
                let inner = self.mappings(at, found)?;
                if inner {
                    self.run.writer.dict(at)?;
                }
                inner
            }
            (false, _) => match self.merge.choose(found, |a, b| self.run.same_values(a, b))? {
                Some(i) => self.run.writer.copy(at, &found[i], Axes::default())?,
                None => false,
            },
        };
        if shared {
            self.done.insert(ids, self.run.writer.written(at).filter(|_| written));
        }
        Ok(written)
    }
}
