//! Joins states of adjacent pieces in an order that depends only on the number of pieces.

use std::collections::BTreeMap;

/// A binary tree over pieces. The leaves are the states of the pieces; two adjacent nodes are joined as soon
/// as both are present.
#[derive(Debug)]
pub(super) struct JoinTree<T> {
    leaves: usize,
    /// Nodes whose neighbours are still missing, by level and number.
    waiting: BTreeMap<(u32, usize), T>,
}

/// A node with the joined state of the pieces below it: `1 << level` of them, fewer at the end.
#[derive(Debug)]
pub(super) struct JoinNode<T> {
    level: u32,
    number: usize,
    pub(super) state: T,
}

/// Two adjacent nodes to be joined: level and number of their parent, and both states.
#[derive(Debug)]
pub(super) struct JoinPair<T> {
    level: u32,
    number: usize,
    pub(super) left: T,
    pub(super) right: T,
}

impl<T> JoinPair<T> {
    /// Joins both states and returns the parent.
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

    /// Number of levels, including the leaves. At most this many nodes wait if pieces are completed in order.
    pub(super) fn levels(&self) -> u32 {
        usize::BITS - self.leaves.max(1).leading_zeros() + u32::from(!self.leaves.max(1).is_power_of_two())
    }

    /// Creates the leaf of a piece.
    pub(super) fn leaf(piece: usize, state: T) -> JoinNode<T> {
        JoinNode { level: 0, number: piece, state }
    }

    /// Adds a node, or returns it with its neighbour if the neighbour is present.
    pub(super) fn add(&mut self, node: JoinNode<T>) -> Option<JoinPair<T>> {
        let JoinNode { mut level, mut number, state } = node;
        while level + 1 < self.levels() {
            let neighbour = number ^ 1;
            if neighbour << level >= self.leaves {
                // The last node of a level may have no neighbour: it moves up one level unchanged.
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

    /// Returns the joined state of all pieces, or `None` if there are none.
    pub(super) fn into_root(self) -> Option<T> {
        self.waiting.into_values().next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds the pieces in this order and writes each join as a pair of brackets; also returns the largest
    /// number of waiting nodes.
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
