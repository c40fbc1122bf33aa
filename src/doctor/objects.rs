//! Every object of the file: links, attributes, values, chunks.

use super::{Examination, Severity};
use crate::dtype::Class;
use crate::error::{Error, Kind, Result};
use crate::hdf5::{Dataset, File, Object, Scratch, Target};
use crate::observe::{Observer, Phase, Verb};
use rayon::prelude::*;
use std::collections::HashSet;

/// Groups below groups followed at most.
const MAX_DEPTH: usize = 64;
/// Filters that every libhdf5 build reads, and the one h5py brings along.
const COMMON_FILTERS: [u16; 5] = [1, 2, 3, 5, 6];
const SZIP: u16 = 4;
const LZF: u16 = 32000;

pub(super) fn examine(file: &File, report: &mut Examination, observer: &dyn Observer) -> Result<()> {
    observer.phase(&Phase::new(Verb::ExaminingObjects, file.len()));
    let root = match file.root() {
        Ok(root) => root,
        Err(e) => {
            report.add_error("/", &e);
            return Ok(());
        }
    };
    let mut walk = Examiner { report, observer, seen: HashSet::new(), filters: HashSet::new(), depth: 0 };
    walk.object(&root)
}

struct Examiner<'a> {
    report: &'a mut Examination,
    observer: &'a dyn Observer,
    /// Addresses of the objects met.
    seen: HashSet<u64>,
    /// Filters already remarked on.
    filters: HashSet<u16>,
    depth: usize,
}

impl Examiner<'_> {
    fn object(&mut self, object: &Object) -> Result<()> {
        if self.observer.cancelled() {
            return Err(Error::cancelled());
        }
        if !self.seen.insert(object.address()) {
            return Ok(());
        }
        self.report.objects += 1;
        let path = object.path();
        match object.attributes() {
            Err(e) => self.report.add_error(path, &e),
            Ok(attributes) => {
                for a in attributes {
                    if let Err(e) = a.value.and_then(|v| v.canonical_crc().map(drop)) {
                        self.report.add_error(&format!("{path}@{}", a.name), &e);
                    }
                }
            }
        }
        for e in object.check_unused() {
            self.report.add_structure_error(path, &e);
        }
        if object.is_dataset() {
            match object.dataset() {
                Err(e) => self.report.add_error(path, &e),
                Ok(d) => self.dataset(&d)?,
            }
        }
        if object.is_group() {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                self.report.add(
                    Severity::Notice,
                    path,
                    format!("groups deeper than {MAX_DEPTH} levels are not followed"),
                );
            } else {
                self.children(object)?;
            }
            self.depth -= 1;
        }
        Ok(())
    }

    fn children(&mut self, group: &Object) -> Result<()> {
        let path = group.path();
        let links = match group.links() {
            Ok(links) => links.to_vec(),
            Err(e) => {
                self.report.add_error(path, &e);
                return Ok(());
            }
        };
        let names: HashSet<Vec<u8>> = links.iter().map(|l| l.name.clone()).collect();
        if names.len() < links.len() {
            self.report.add(Severity::Damage, path, "two links of this group have the same name");
        }
        for link in links {
            let child = format!("{}/{}", path.trim_end_matches('/'), link.name());
            match &link.target {
                Target::External { file, path } => {
                    let text =
                        format!("points to {path} in another file, {file}, which must travel with this one");
                    self.report.add(Severity::Notice, &child, text);
                }
                Target::User(kind) => {
                    self.report.add(
                        Severity::Notice,
                        &child,
                        format!("a user-defined link of type {kind}, which nobody else follows"),
                    );
                }
                Target::Soft(to) => {
                    if group.open_link(&link).is_err() {
                        self.report.add(
                            Severity::Notice,
                            &child,
                            format!("a soft link to {to}, where nothing is"),
                        );
                    }
                }
                Target::Hard(_) => match group.open_link(&link) {
                    Ok(object) => self.object(&object)?,
                    Err(e) => self.report.add_error(&child, &e),
                },
            }
        }
        Ok(())
    }

    fn dataset(&mut self, d: &Dataset) -> Result<()> {
        let path = d.object().path().to_owned();
        for filter in d.filters() {
            if !COMMON_FILTERS.contains(&filter.id) && self.filters.insert(filter.id) {
                let name = Dataset::filter_name(filter);
                let text = match filter.id {
                    SZIP => {
                        format!("{name} compression: read where libhdf5 was built with it, which not all are")
                    }
                    LZF => format!("{name} compression: h5py reads it, R and Julia need a plugin"),
                    _ => {
                        format!("{name} compression: h5py needs the package hdf5plugin, R and Julia a plugin")
                    }
                };
                self.report.add(Severity::Notice, &path, text);
            }
        }
        if let Err(e) = d.check_extent().and_then(|()| d.check_references()) {
            self.report.add_error(&path, &e);
        }
        let chunks = match d.stored_chunks() {
            Ok(n) => n,
            Err(e) => {
                self.report.add_error(&path, &e);
                return Ok(());
            }
        };
        let failed: Vec<Error> = (0..chunks)
            .into_par_iter()
            .map_init(Scratch::default, |scratch, n| {
                if self.observer.cancelled() {
                    return None;
                }
                d.check_chunk(n, scratch).err()
            })
            .flatten()
            .collect();
        if self.observer.cancelled() {
            return Err(Error::cancelled());
        }
        self.report.chunks += chunks as u64;
        self.observer.advance(d.stored_bytes().unwrap_or(0));
        self.damaged_chunks(&path, &failed);
        // Values that lie elsewhere: strings, lists, references.
        let elsewhere = !matches!(
            d.datatype().class,
            Class::Integer(_)
                | Class::Float(_)
                | Class::FixedString(_)
                | Class::Bitfield(_)
                | Class::Enum { .. }
        );
        if failed.is_empty()
            && elsewhere
            && let Err(e) = d.canonical_crc()
        {
            self.report.add_error(&path, &e);
        }
        Ok(())
    }

    /// The first few chunks that cannot be decoded, and how many there are.
    fn damaged_chunks(&mut self, path: &str, failed: &[Error]) {
        const SHOWN: usize = 5;
        for e in failed.iter().take(SHOWN) {
            self.report.add_error(path, e);
        }
        let damaged = failed.iter().filter(|e| e.kind() != Kind::Unsupported).count();
        if failed.len() > SHOWN {
            let text = format!("{} chunks in all cannot be read, {damaged} of them damaged", failed.len());
            self.report.add(if damaged > 0 { Severity::Damage } else { Severity::Notice }, path, text);
        }
    }
}
