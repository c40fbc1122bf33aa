//! Finds groups that contain themselves: a program that goes from group to group never comes to an end there.

use super::{Examination, Severity};
use crate::hdf5::{Link, Object, Target};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The groups of a file, by address.
#[derive(Default)]
pub(super) struct GroupGraph(HashMap<u64, Object>);

/// A group on the way from the root to the current one.
struct OpenGroup {
    group: Object,
    path: Arc<str>,
    /// Index of the next link.
    next: usize,
}

impl GroupGraph {
    /// Adds an object, if it is a group.
    pub(super) fn add(&mut self, object: &Object) {
        if object.is_group() {
            self.0.insert(object.address(), object.clone());
        }
    }

    /// The group that a link leads to, hard or soft.
    fn target(&self, group: &Object, link: &Link) -> Option<&Object> {
        let address = match link.target {
            Target::Hard(address) => address?,
            Target::Soft(_) => group.open_link(link).ok()?.address(),
            _ => return None,
        };
        self.0.get(&address)
    }

    /// Reports every link from below a group back to it.
    pub(super) fn examine(&self, root: &Object, report: &mut Examination) {
        let level = |group: &Object, path| OpenGroup { group: group.clone(), path, next: 0 };
        // groups on the way to the current one with their paths, and groups with everything below them
        let mut open = HashMap::from([(root.address(), Arc::from("/"))]);
        let mut done: HashSet<u64> = HashSet::new();
        let mut levels = vec![level(root, Arc::from("/"))];
        while let Some(current) = levels.last_mut() {
            let link = current.group.links().ok().and_then(|links| links.get(current.next)).cloned();
            let Some(link) = link else {
                open.remove(&current.group.address());
                done.insert(current.group.address());
                levels.pop();
                continue;
            };
            current.next += 1;
            let Some(group) = self.target(&current.group, &link) else { continue };
            let path: Arc<str> = format!("{}/{}", current.path.trim_end_matches('/'), link.name()).into();
            if let Some(above) = open.get(&group.address()) {
                let text = format!("leads back to {above}, which contains it: reading one by one never ends");
                report.add(Severity::Contradiction, &path, text);
            } else if !done.contains(&group.address()) {
                open.insert(group.address(), Arc::clone(&path));
                levels.push(level(group, path));
            }
        }
    }
}

#[cfg(all(test, feature = "write"))]
mod tests {
    use super::*;
    use crate::hdf5::{File, Group, Libver, Writer};

    fn found(bytes: Vec<u8>) -> Vec<(String, String)> {
        let file = File::from_reader(Box::new(bytes), crate::Limits::default()).unwrap();
        let root = file.root().unwrap();
        let (mut groups, mut report) = (GroupGraph::default(), Examination::default());
        for visit in root.walk() {
            if let crate::hdf5::Found::Object(object) = visit.found() {
                groups.add(object);
            }
        }
        groups.examine(&root, &mut report);
        report.findings.into_iter().map(|f| (f.object, f.text)).collect()
    }

    /// `/a/b/up` is `/a`, and `/a/b//a` a soft link to `/a`; `/again` is `/a/b`, which is not a circle.
    #[test]
    fn links_back_are_named() {
        let mut w = Writer::to_sink(std::io::Cursor::new(Vec::new()), Libver::Earliest).unwrap();
        let (mut root, mut a, mut b) = (Group::new(), Group::new(), Group::new());
        let [hard, soft] = [0; 2].map(|_| w.group(&Group::new()).unwrap());
        b.link("up", hard);
        b.link("/a", soft);
        let b = w.group(&b).unwrap();
        a.link("b", b);
        let a = w.group(&a).unwrap();
        root.link("a", a);
        root.link("again", b);
        let mut bytes: Vec<u8> = w.finish_sink::<std::io::Cursor<Vec<u8>>>(&root).unwrap().into_inner();
        assert_eq!(found(bytes.clone()), []);
        hard.redirect(&mut bytes, a);
        soft.soften(&mut bytes);
        let found = found(bytes);
        let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["/a/b//a", "/a/b/up"]);
        assert!(found.iter().all(|(_, text)| text.starts_with("leads back to /a,")), "{found:?}");
    }
}
