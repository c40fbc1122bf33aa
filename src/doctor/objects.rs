//! Checks every object of a file: links, attributes, values, chunks.

use super::cycles::GroupGraph;
use super::{Examination, Severity};
use crate::dtype::Class;
use crate::error::{Error, Kind, Result};
use crate::hdf5::{Dataset, File, Found, Link, Object, Scratch, Target, Visit};
use crate::matrix::{Budget, workers};
use crate::observe::{Observer, Phase, Verb};
use crate::sync::{each_in_parallel, into_inner, lock};
use std::collections::HashSet;
use std::sync::Mutex;

/// Filters of a standard libhdf5 build; datasets with any other get a notice.
const COMMON_FILTERS: [u16; 5] = [1, 2, 3, 5, 6];
const SZIP: u16 = 4;
const LZF: u16 = 32000;

pub(super) fn examine(
    file: &File,
    report: &mut Examination,
    budget: Budget,
    observer: &dyn Observer,
) -> Result<()> {
    observer.phase(&Phase::new(Verb::ExaminingObjects, file.len()));
    let root = match file.root() {
        Ok(root) => root,
        Err(e) => {
            report.add_error("/", &e);
            return Ok(());
        }
    };
    let (filters, groups) = (HashSet::new(), GroupGraph::default());
    let mut examined = Examiner { report, budget, observer, filters, groups };
    root.walk().try_for_each(|visit| examined.visit(&visit))?;
    let Examiner { groups, report, .. } = examined;
    groups.examine(&root, report);
    Ok(())
}

struct Examiner<'a> {
    report: &'a mut Examination,
    budget: Budget,
    observer: &'a dyn Observer,
    /// Filters already reported.
    filters: HashSet<u16>,
    groups: GroupGraph,
}

impl Examiner<'_> {
    fn visit(&mut self, visit: &Visit) -> Result<()> {
        self.observer.check_cancelled()?;
        let path = visit.path();
        match visit.found() {
            Found::Object(object) => return self.object(object),
            Found::Link(link) => self.link(path, visit.group(), link),
            Found::TooDeep(most) => {
                let text = format!("groups deeper than {most} levels are not followed");
                self.report.add(Severity::Notice, path, text);
            }
            Found::Broken(e) => self.report.add_error(path, e),
            Found::Same(_) => {}
        }
        Ok(())
    }

    fn object(&mut self, object: &Object) -> Result<()> {
        self.observer.check_cancelled()?;
        self.report.objects += 1;
        self.groups.add(object);
        let path = object.path();
        match object.attributes() {
            Err(e) => self.report.add_error(path, &e),
            Ok(attributes) => {
                for a in attributes {
                    self.observer.check_cancelled()?;
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
        if object.is_group()
            && let Ok(links) = object.links()
        {
            let twice = links.iter().zip(links.iter().skip(1)).any(|(a, b)| a.name == b.name);
            if twice {
                self.report.add(Severity::Damage, path, "two links of this group have the same name");
            }
        }
        Ok(())
    }

    fn link(&mut self, path: &str, group: Option<&Object>, link: &Link) {
        let text = match &link.target {
            Target::External { file, path } => {
                format!("points to {path} in another file, {file}, which must travel with this one")
            }
            Target::User(kind) => {
                format!("a user-defined link of type {kind}, which nobody else follows")
            }
            Target::Soft(to) if group.is_some_and(|g| g.open_link(link).is_err()) => {
                format!("a soft link to {to}, where nothing is")
            }
            _ => return,
        };
        self.report.add(Severity::Notice, path, text);
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
        let checked = match self.check_chunks(d, chunks) {
            Err(e) if e.kind() == Kind::Limit => {
                self.report.add_error(&path, &e);
                return Ok(());
            }
            checked => checked?,
        };
        let short = checked.iter().filter(|checked| checked.is_ok()).count();
        if short > 0 {
            let text = format!(
                "{short} chunks at the edge of the array end after its last element; some readers refuse them"
            );
            self.report.add(Severity::Notice, &path, text);
        }
        let failed: Vec<Error> = checked.into_iter().filter_map(Result::err).collect();
        self.report.chunks += chunks as u64;
        self.observer.advance(d.stored_bytes().unwrap_or(0));
        self.damaged_chunks(&path, &failed);
        // Types whose values are stored outside the array: strings, lists, references.
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

    /// Decodes each chunk. Returns what is not as it should be, in the order of the chunks.
    fn check_chunks(&self, d: &Dataset, chunks: usize) -> Result<Vec<Result<bool>>> {
        let each = d.checking_bytes()?;
        let left = self.budget.after(0, each)?;
        let odd = Mutex::new(Vec::new());
        each_in_parallel(
            chunks as u64,
            workers(left, each),
            self.observer,
            Scratch::default,
            |n, scratch| {
                let checked = d.check_chunk(n as usize, scratch);
                if !matches!(checked, Ok(true)) {
                    lock(&odd).push((n, checked));
                }
                Ok(())
            },
        )?;
        let mut odd = into_inner(odd);
        odd.sort_unstable_by_key(|(n, _)| *n);
        Ok(odd.into_iter().map(|(_, checked)| checked).collect())
    }

    /// Reports the first chunks that cannot be decoded, and their number.
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
