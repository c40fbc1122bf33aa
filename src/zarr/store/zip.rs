//! A zip file as a store: a key is the name of an entry, stored or deflated. PKWARE APPNOTE 6.3, 4.3.

use super::{DOCUMENTS, Listing, is_name};
use crate::bytes::{Cursor, ReadAt, checked};
use crate::codec::deflate::framed::{self, DeflateFrame};
use crate::error::{Error, Result};
use crate::limits::{self, Limits};
use std::collections::BTreeMap;
use std::ops::Range;

/// Length of the fixed part of a local header.
const LOCAL: u64 = 30;
/// Length of the end record, and the longest comment after it.
const END: u64 = 22;
const COMMENT: u64 = 65_535;
/// Deflate makes at most this many bytes of one.
const RATIO: u64 = 1100;
/// Marks a number that is in the zip64 extension.
const IN_EXTENSION: u64 = 0xffff_ffff;

/// An open zip file: its directory in memory.
pub(crate) struct Zip {
    source: Box<dyn ReadAt>,
    entries: BTreeMap<String, Result<ZipEntry>>,
    /// Keys of the documents of nodes, sorted.
    documents: Vec<String>,
    /// Entries that cannot be read, whatever they hold.
    broken: Vec<(String, Error)>,
}

#[derive(Debug, Clone, Copy)]
struct ZipEntry {
    deflated: bool,
    crc: u32,
    stored: u64,
    size: u64,
    header: u64,
}

impl std::fmt::Debug for Zip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Zip of {} entries", self.entries.len())
    }
}

/// Whether `source` begins as a zip file does: with an entry, or with the end of an empty one.
pub(in crate::zarr) fn is_zip(source: &dyn ReadAt) -> bool {
    let mut head = [0; 4];
    source.read_exact_at(&mut head, 0).is_ok() && matches!(&head, b"PK\x03\x04" | b"PK\x05\x06")
}

impl Zip {
    /// Reads the directory of the zip file in `source`. Entries that leave the archive, overlap or are stored in
    /// ways that are not read do not count; [`broken`](Self::broken) has them.
    ///
    /// # Errors
    /// `Malformed` for a directory that is cut or not there; `Limit` if it is too large.
    pub(crate) fn open(source: Box<dyn ReadAt>, limits: &Limits) -> Result<Zip> {
        let Directory { at, len, base } = Directory::find(&*source)?;
        if len > limits.metadata_bytes {
            let text = format!("zip directory of {len} bytes (limit {})", limits.metadata_bytes);
            return Err(Error::limit(text).at(at));
        }
        let bytes = read(&*source, at..checked::add(at, len)?)?;
        let mut src = Cursor::new(&bytes, at);
        let mut found = Vec::new();
        while src.rest().starts_with(b"PK\x01\x02") {
            found.push(read_entry(&mut src, base)?);
        }
        refuse_overlaps(&mut found, at);
        let mut zip = Zip { source, entries: BTreeMap::new(), documents: Vec::new(), broken: Vec::new() };
        for (name, entry) in found {
            if let Err(e) = check_name(name.strip_suffix('/').unwrap_or(&name)) {
                zip.broken.push((name, e.at(at)));
            } else if !name.ends_with('/') {
                // folders have entries of their own in some archives; of entries with one name the last counts
                zip.entries.insert(name, entry);
            }
        }
        let is_document =
            |key: &&String| key.rsplit('/').next().is_some_and(|name| DOCUMENTS.contains(&name));
        zip.documents = zip.entries.keys().filter(is_document).cloned().collect();
        let failed =
            zip.entries.iter().filter_map(|(name, entry)| Some((name.clone(), entry.clone().err()?)));
        zip.broken.extend(failed);
        Ok(zip)
    }

    pub(super) fn broken(&self) -> &[(String, Error)] {
        &self.broken
    }

    pub(super) fn has_nodes_below(&self, key: &str) -> bool {
        let prefix = if key.is_empty() { String::new() } else { format!("{key}/") };
        let first = self.documents.partition_point(|document| *document < prefix);
        self.documents.get(first).is_some_and(|document| document.starts_with(&prefix))
    }

    /// Size of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.source.len()
    }

    /// The entry of `key`; `None` if there is none.
    fn entry(&self, key: &str) -> Result<Option<ZipEntry>> {
        self.entries.get(key).cloned().transpose()
    }

    pub(super) fn len(&self, key: &str) -> Result<Option<u64>> {
        Ok(self.entry(key)?.map(|e| e.size))
    }

    pub(super) fn read(&self, key: &str, most: u64, out: &mut Vec<u8>) -> Result<bool> {
        let Some(entry) = self.entry(key)? else { return Ok(false) };
        if entry.size > most {
            return Err(Error::limit(format!("{key} has {} bytes (limit {most})", entry.size)));
        }
        let start = self.start(key, &entry)?;
        if entry.deflated {
            let stored = read(&*self.source, start..checked::add(start, entry.stored)?)?;
            limits::resize(out, checked::size(entry.size)?)?;
            framed::decode(DeflateFrame::Bare, &stored, out).map_err(|e| e.context(key).at(start))?;
        } else {
            read_into(&*self.source, start..checked::add(start, entry.size)?, out)?;
        }
        if !cfg!(fuzzing) && crc32fast::hash(out) != entry.crc {
            return Err(Error::checksum(format!("CRC-32 mismatch of {key}")).at(start));
        }
        Ok(true)
    }

    pub(super) fn read_range(
        &self,
        key: &str,
        range: Range<u64>,
        most: u64,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let entry = self.entry(key)?.ok_or_else(|| Error::malformed(format!("{key} is not there")))?;
        if range.end > entry.size {
            let text = format!("{key} ends early (expected {} bytes, got {})", range.end, entry.size);
            return Err(Error::malformed(text));
        }
        if entry.deflated {
            let mut whole = Vec::new();
            self.read(key, most, &mut whole)?;
            out.clear();
            let part = whole.get(checked::size(range.start)?..checked::size(range.end)?);
            out.extend_from_slice(part.unwrap_or_default());
            return Ok(());
        }
        let start = self.start(key, &entry)?;
        read_into(&*self.source, checked::add(start, range.start)?..checked::add(start, range.end)?, out)
    }

    pub(super) fn list(&self, prefix: &str, most: u64) -> Result<Listing> {
        let mut listing = Listing::default();
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let mut from = prefix.clone();
        // skips what lies in a folder that was seen: '0' follows '/'
        while let Some((key, entry)) = self.entries.range(from.clone()..).next() {
            let Some(rest) = key.strip_prefix(&prefix) else { break };
            if let Some((folder, _)) = rest.split_once('/') {
                listing.folders.push(folder.to_owned());
                from = format!("{prefix}{folder}0");
            } else {
                listing.files.push((rest.to_owned(), entry.as_ref().map_or(0, |e| e.stored)));
                from = format!("{key}\0");
            }
            listing.check(most)?;
        }
        Ok(listing)
    }

    /// Position of the bytes of an entry, after its local header, which must agree with the directory.
    fn start(&self, key: &str, entry: &ZipEntry) -> Result<u64> {
        let fixed = read(&*self.source, entry.header..checked::add(entry.header, LOCAL)?)?;
        let mut src = Cursor::new(&fixed, entry.header);
        src.expect_signature(b"PK\x03\x04")?;
        src.skip(22)?;
        let (name, extra) = (u64::from(src.read_u16()?), u64::from(src.read_u16()?));
        let at = checked::add(entry.header, LOCAL)?;
        if read(&*self.source, at..checked::add(at, name)?)? != key.as_bytes() {
            return Err(
                Error::malformed(format!("local header of another entry than {key}")).at(entry.header)
            );
        }
        checked::add(checked::add(at, name)?, extra)
    }
}

/// Where the directory of a zip file is.
struct Directory {
    at: u64,
    len: u64,
    /// What has to be added to offsets: bytes in front of the archive.
    base: u64,
}

impl Directory {
    /// 4.3.16: the record at the end, found backwards, since a comment may follow it.
    fn find(source: &dyn ReadAt) -> Result<Directory> {
        let len = source.len();
        let tail_at = len.saturating_sub(END.saturating_add(COMMENT));
        let tail = read(source, tail_at..len)?;
        let Some(n) = tail.windows(4).rposition(|w| w == b"PK\x05\x06") else {
            return Err(Error::malformed("zip file without its end: it is cut").at(len));
        };
        let at = tail_at.saturating_add(n as u64);
        let mut src = Cursor::new(tail.get(n..).unwrap_or_default(), at);
        src.skip(12)?;
        let (mut size, mut offset) = (u64::from(src.read_u32()?), u64::from(src.read_u32()?));
        src.read_u16()?; // length of the comment
        let mut end = at;
        // 4.3.15: 20 bytes before it, the place of the record with wide numbers
        if let Some(locator) = n.checked_sub(20).and_then(|from| tail.get(from..n))
            && locator.starts_with(b"PK\x06\x07")
        {
            let mut src = Cursor::new(locator, at.saturating_sub(20));
            src.skip(8)?;
            end = src.read_u64()?;
            let record = read(source, end..checked::add(end, 56)?)?;
            let mut src = Cursor::new(&record, end);
            src.expect_signature(b"PK\x06\x06")?;
            src.skip(36)?;
            (size, offset) = (src.read_u64()?, src.read_u64()?);
        }
        let start = end.checked_sub(size);
        let base = start.and_then(|start| start.checked_sub(offset));
        let (Some(start), Some(base)) = (start, base) else {
            return Err(Error::malformed("zip directory outside the file").at(at));
        };
        Ok(Directory { at: start, len: size, base })
    }
}

/// Entries share no bytes, and none reaches into the directory at `directory`.
fn refuse_overlaps(entries: &mut [(String, Result<ZipEntry>)], directory: u64) {
    let mut places: Vec<(u64, u64, usize)> = Vec::with_capacity(entries.len());
    for (n, (name, entry)) in entries.iter().enumerate() {
        if let Ok(entry) = entry {
            let len = LOCAL.saturating_add(name.len() as u64).saturating_add(entry.stored);
            places.push((entry.header, entry.header.saturating_add(len), n));
        }
    }
    places.sort_unstable();
    // the entry before that reaches furthest
    let mut furthest: Option<(u64, usize)> = None;
    for (start, end, n) in places {
        let overlapping = furthest.filter(|(reach, _)| *reach > start).map(|(_, before)| before);
        for broken in
            overlapping.into_iter().flat_map(|before| [before, n]).chain((end > directory).then_some(n))
        {
            if let Some((name, entry)) = entries.get_mut(broken) {
                let text = format!("zip entry {name} shares bytes with another or with the directory");
                *entry = Err(Error::malformed(text).at(start));
            }
        }
        if furthest.is_none_or(|(reach, _)| reach < end) {
            furthest = Some((end, n));
        }
    }
}

/// 4.3.12: an entry of the directory; an error in place of one that is not read.
///
/// # Errors
/// `Malformed` if the directory ends in it.
fn read_entry(src: &mut Cursor<'_>, base: u64) -> Result<(String, Result<ZipEntry>)> {
    let at = src.offset();
    src.skip(8)?;
    let (flags, method) = (src.read_u16()?, src.read_u16()?);
    src.skip(4)?;
    let crc = src.read_u32()?;
    let mut stored = u64::from(src.read_u32()?);
    let mut size = u64::from(src.read_u32()?);
    let (name, extra, comment) = (src.read_u16()?, src.read_u16()?, src.read_u16()?);
    src.skip(8)?;
    let mut header = u64::from(src.read_u32()?);
    let bytes = src.take(usize::from(name))?;
    let mut extra = src.split(usize::from(extra))?;
    while extra.len() >= 4 {
        let (kind, len) = (extra.read_u16()?, extra.read_u16()?);
        let mut field = extra.split(usize::from(len).min(extra.len()))?;
        if kind == 1 {
            for number in [&mut size, &mut stored, &mut header] {
                if *number == IN_EXTENSION && field.len() >= 8 {
                    *number = field.read_u64()?;
                }
            }
        }
    }
    src.skip(usize::from(comment))?;
    let Ok(name) = std::str::from_utf8(bytes) else {
        let name = bytes.escape_ascii().to_string();
        return Ok((name, Err(Error::malformed("zip entry whose name is not UTF-8").at(at))));
    };
    let entry = ZipEntry { deflated: method == 8, crc, stored, size, header: checked::add(header, base)? };
    Ok((name.to_owned(), entry.checked(name, flags, method).map_err(|e| e.at(at))))
}

impl ZipEntry {
    /// Refuses what is not read, and sizes that cannot be.
    fn checked(self, name: &str, flags: u16, method: u16) -> Result<ZipEntry> {
        if flags & 1 != 0 {
            return Err(Error::unsupported(format!("zip entry {name} is encrypted")));
        }
        if !matches!(method, 0 | 8) {
            return Err(Error::unsupported(format!("zip compression {method} of {name}")));
        }
        let most =
            if self.deflated { self.stored.saturating_mul(RATIO).saturating_add(RATIO) } else { self.stored };
        if self.size > most || (!self.deflated && self.size != self.stored) {
            let text = format!("zip entry {name} claims {} bytes, stored in {}", self.size, self.stored);
            return Err(Error::malformed(text));
        }
        Ok(self)
    }
}

fn check_name(name: &str) -> Result<()> {
    if name.split('/').all(is_name) {
        return Ok(());
    }
    Err(Error::malformed(format!("zip entry '{}' does not stay in the archive", name.escape_default())))
}

fn read(source: &dyn ReadAt, range: Range<u64>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    read_into(source, range, &mut out)?;
    Ok(out)
}

fn read_into(source: &dyn ReadAt, range: Range<u64>, out: &mut Vec<u8>) -> Result<()> {
    if range.end > source.len() {
        let text = format!("zip file ends early (expected {} bytes, got {})", range.end, source.len());
        return Err(Error::malformed(text).at(range.start));
    }
    limits::resize(out, checked::size(checked::sub(range.end, range.start)?)?)?;
    source.read_exact_at(out, range.start).map_err(|e| Error::io("read", e).at(range.start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    /// An entry of an archive that is made here.
    struct Made {
        name: &'static str,
        method: u16,
        stored: Vec<u8>,
        size: u32,
        crc: u32,
    }

    fn plain(name: &'static str, data: &[u8]) -> Made {
        Made { name, method: 0, stored: data.to_vec(), size: data.len() as u32, crc: crc32fast::hash(data) }
    }

    /// The archive, with the positions of its entries.
    fn archive(entries: &[Made]) -> (Vec<u8>, Vec<u32>) {
        let (mut file, mut directory, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for e in entries {
            let sizes = [e.crc, e.stored.len() as u32, e.size].map(u32::to_le_bytes).concat();
            let name = e.name.as_bytes();
            let at = file.len() as u32;
            places.push(at);
            file.extend(*b"PK\x03\x04\x14\0\0\0");
            file.extend(e.method.to_le_bytes());
            file.extend([0; 4]);
            file.extend(&sizes);
            file.extend([name.len() as u8, 0, 0, 0]);
            file.extend(name);
            file.extend(&e.stored);
            directory.extend(*b"PK\x01\x02\x14\0\x14\0\0\0");
            directory.extend(e.method.to_le_bytes());
            directory.extend([0; 4]);
            directory.extend(&sizes);
            directory.extend([name.len() as u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            directory.extend(at.to_le_bytes());
            directory.extend(name);
        }
        let at = file.len() as u32;
        file.extend(&directory);
        file.extend(*b"PK\x05\x06\0\0\0\0");
        file.extend([entries.len() as u8, 0, entries.len() as u8, 0]);
        file.extend((directory.len() as u32).to_le_bytes());
        file.extend(at.to_le_bytes());
        file.extend([0, 0]);
        (file, places)
    }

    fn open(bytes: &[u8]) -> Result<Zip> {
        Zip::open(Box::new(bytes.to_vec()), &Limits::default())
    }

    fn value(zip: &Zip, key: &str) -> Result<Option<Vec<u8>>> {
        let mut out = Vec::new();
        Ok(zip.read(key, 1000, &mut out)?.then_some(out))
    }

    #[test]
    fn stored_and_deflated_entries() {
        // zlib.compress(b"aaaaaaaaaa")[2:-4]
        let deflated = Made {
            name: "a/c/0",
            method: 8,
            stored: vec![0x4b, 0x4c, 0x84, 0x01, 0x00],
            size: 10,
            crc: crc32fast::hash(b"aaaaaaaaaa"),
        };
        let entries =
            [plain("a/zarr.json", b"{}"), plain("a/", b""), deflated, plain("b", b"old"), plain("b", b"new")];
        let (bytes, _) = archive(&entries);
        let zip = open(&bytes).unwrap();
        assert_eq!(value(&zip, "a/c/0").unwrap().unwrap(), b"aaaaaaaaaa");
        assert_eq!(value(&zip, "b").unwrap().unwrap(), b"new", "of two the last counts");
        assert_eq!(value(&zip, "c").unwrap(), None);
        assert_eq!(zip.len("a/c/0").unwrap(), Some(10));
        let mut part = Vec::new();
        zip.read_range("b", 1..3, 10, &mut part).unwrap();
        assert_eq!(part, b"ew");
        assert!(zip.read_range("b", 1..4, 10, &mut part).is_err());
        assert_eq!(zip.read("a/c/0", 9, &mut part).unwrap_err().kind(), Kind::Limit);
        let listing = zip.list("", 10).unwrap();
        assert_eq!((listing.folders, listing.files), (vec!["a".to_owned()], vec![("b".to_owned(), 3)]));
        assert!(zip.has_nodes_below("") && zip.has_nodes_below("a") && !zip.has_nodes_below("a/c"));
        assert!(zip.broken().is_empty());
        // bytes in front, as self-extracting archives have them
        let zip = open(&[&[0; 7][..], &bytes].concat()).unwrap();
        assert_eq!(value(&zip, "b").unwrap().unwrap(), b"new");
        for len in 0..bytes.len() {
            assert_eq!(open(&bytes[..len]).unwrap_err().kind(), Kind::Malformed, "cut to {len}");
        }
    }

    #[test]
    fn one_broken_entry_leaves_the_others() {
        for name in ["../a", "/a", "a//b", "a/./b", ""] {
            let (bytes, _) = archive(&[plain(name, b"x"), plain("b", b"y")]);
            let zip = open(&bytes).unwrap();
            assert_eq!(
                (zip.broken().len(), value(&zip, "b").unwrap().unwrap()),
                (1, b"y".to_vec()),
                "{name}"
            );
        }
        let unknown = Made { method: 12, ..plain("a", b"x") };
        let longer = Made { size: 2, ..plain("a", b"x") };
        let bomb = Made { method: 8, size: 1 << 30, ..plain("a", b"x") };
        for (entry, kind) in
            [(unknown, Kind::Unsupported), (longer, Kind::Malformed), (bomb, Kind::Malformed)]
        {
            let (bytes, _) = archive(&[entry, plain("b", b"y")]);
            let zip = open(&bytes).unwrap();
            assert_eq!(value(&zip, "a").unwrap_err().kind(), kind);
            assert_eq!((zip.broken().len(), value(&zip, "b").unwrap().unwrap()), (1, b"y".to_vec()));
        }
        let wrong = Made { crc: 1, ..plain("a", b"x") };
        let zip = open(&archive(&[wrong]).0).unwrap();
        assert_eq!(value(&zip, "a").unwrap_err().kind(), Kind::Checksum);
    }

    #[test]
    fn entries_that_share_bytes_are_no_entries() {
        let (mut bytes, places) = archive(&[plain("a", b"xxx"), plain("b", b"yyy"), plain("c", b"z")]);
        let directory = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        // the second begins in the first
        bytes[directory + 47 + 42] = places[0] as u8 + 30;
        let zip = open(&bytes).unwrap();
        let broken: Vec<&str> = zip.broken().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(broken, ["a", "b"]);
        assert_eq!(value(&zip, "c").unwrap().unwrap(), b"z");
        // the third reaches into the directory
        let (mut bytes, _) = archive(&[plain("a", b"xxx"), plain("b", b"yyy"), plain("c", b"z")]);
        bytes[directory + 2 * 47 + 42] = directory as u8 - 2;
        assert_eq!(value(&open(&bytes).unwrap(), "c").unwrap_err().kind(), Kind::Malformed);
        // the header in the file belongs to another
        let (mut bytes, places) = archive(&[plain("a", b"xxx"), plain("b", b"yyy")]);
        bytes[places[1] as usize + 30] = b'c';
        assert_eq!(value(&open(&bytes).unwrap(), "b").unwrap_err().kind(), Kind::Malformed);
    }
}
