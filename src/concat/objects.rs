//! Elements of one mapping that are the same objects as others in all inputs: joined once, and linked again.

use super::run::ConcatRun;
use crate::error::Result;
use crate::tree::{NodeId, WrittenObject};
use std::collections::HashMap;

/// The object of an element in each input that has one.
type JoinedIds = Vec<Option<NodeId>>;

/// The elements of one mapping that were written.
#[derive(Default)]
pub(super) struct JoinedObjects(HashMap<JoinedIds, WrittenObject>);

impl JoinedObjects {
    /// Links the element `key` of the mapping `name` to one that was written of the same objects. Returns whether
    /// there is one.
    pub(super) fn link(&self, run: &mut ConcatRun<'_>, name: &str, key: &str) -> Result<bool> {
        match self.0.get(&objects(run, name, key)) {
            Some(written) => {
                let at = run.at(name).child(key);
                run.writer.link_to(&at, written).map(|()| true)
            }
            None => Ok(false),
        }
    }

    /// Records that the element `key` of the mapping `name` was written.
    pub(super) fn note(&mut self, run: &ConcatRun<'_>, name: &str, key: &str) {
        if let Some(written) = run.writer.written(&run.at(name).child(key)) {
            self.0.insert(objects(run, name, key), written);
        }
    }
}

fn objects(run: &ConcatRun<'_>, name: &str, key: &str) -> JoinedIds {
    let id = |mapping: crate::tree::Node| Some(mapping.child(key).ok()??.id());
    run.parts.iter().map(|part| part.object(name).and_then(id)).collect()
}
