//! Joins states of adjacent pieces in an order that depends on their number alone.

use std::collections::BTreeMap;

/// A binary tree over pieces: its leaves are their states, and two adjacent nodes become one as soon as both are there.
#[derive(Debug)]
pub(super) struct JoinTree<T> {
    leaves: usize,
    /// Nodes whose neighbours are not there yet, by level and number.
    waiting: BTreeMap<(u32, usize), T>,
}

/// A node that stands for all pieces below it: `1 << level` of them, fewer at the end.
#[derive(Debug)]
pub(super) struct JoinNode<T> {
    level: u32,
    number: usize,
    pub(super) state: T,
}

/// Two adjacent nodes that are there: what their parent is, and the two states, the earlier first.
#[derive(Debug)]
pub(super) struct JoinPair<T> {
    level: u32,
    number: usize,
    pub(super) left: T,
    pub(super) right: T,
}

impl<T> JoinPair<T> {
    /// The parent, with what became of the two.
    pub(super) fn join(self, join: impl FnOnce(&mut T, T)) -> JoinNode<T> {
        let JoinPair { level, number, mut left, right } = self;
        join(&mut left, right);
        JoinNode { level, number, state: left }
    }
}

impl<T> JoinTree<T> {
    pub(super) fn new(leaves: usize) -> Self {
        JoinTree { leaves, waiting: BTreeMap::new() }
    }

    /// Levels, the leaves included: as many nodes at most wait where all pieces up to some have come.
    pub(super) fn levels(&self) -> u32 {
        usize::BITS - self.leaves.max(1).leading_zeros() + u32::from(!self.leaves.max(1).is_power_of_two())
    }

    /// The state of a piece.
    pub(super) fn leaf(piece: usize, state: T) -> JoinNode<T> {
        JoinNode { level: 0, number: piece, state }
    }

    /// Takes a node; gives it back with its neighbour where that is there.
    pub(super) fn add(&mut self, node: JoinNode<T>) -> Option<JoinPair<T>> {
        let JoinNode { mut level, mut number, state } = node;
        while level + 1 < self.levels() {
            let neighbour = number ^ 1;
            if neighbour << level >= self.leaves {
                // There is nothing behind it: it stands for its parent as it is.
                (level, number) = (level + 1, number / 2);
                continue;
            }
            let Some(other) = self.waiting.remove(&(level, neighbour)) else { break };
            let (left, right) = if neighbour < number { (other, state) } else { (state, other) };
            return Some(JoinPair { level: level + 1, number: number / 2, left, right });
        }
        self.waiting.insert((level, number), state);
        None
    }

    /// The state of all pieces; `None` where there are none.
    pub(super) fn into_root(self) -> Option<T> {
        self.waiting.into_values().next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds the pieces in this order, with brackets where two are joined.
    fn joined(order: impl Iterator<Item = usize>, leaves: usize) -> (Option<String>, usize) {
        let mut tree = JoinTree::new(leaves);
        let mut most = 0;
        for piece in order {
            let mut node = JoinTree::leaf(piece, piece.to_string());
            while let Some(pair) = tree.add(node) {
                node = pair.join(|a, b| *a = format!("({a} {b})"));
            }
            most = most.max(tree.waiting.len());
        }
        assert!(tree.waiting.len() <= 1);
        (tree.into_root(), most)
    }

    #[test]
    fn the_shape_does_not_depend_on_who_comes_first() {
        assert_eq!(joined(0..0, 0).0, None);
        assert_eq!(joined(0..1, 1).0.unwrap(), "0");
        assert_eq!(joined(0..5, 5).0.unwrap(), "(((0 1) (2 3)) 4)");
        for leaves in 2..40 {
            let (forwards, most) = joined(0..leaves, leaves);
            assert!(most <= JoinTree::<()>::new(leaves).levels() as usize);
            assert_eq!(joined((0..leaves).rev(), leaves).0, forwards);
            let scattered = (0..leaves).map(|i| i * 41 % leaves);
            assert_eq!(joined(scattered, leaves).0, forwards);
        }
    }
}
