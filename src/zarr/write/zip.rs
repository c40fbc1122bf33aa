//! A zip file being written: stored entries with a fixed time, one after another. APPNOTE.TXT, section 4.

use super::keys::below;
use crate::bytes::append::AppendFile;
use crate::bytes::growing::Growing;
use crate::bytes::put::Put;
use crate::error::{Error, Result};
use std::io::{Seek, Write};
use std::path::PathBuf;

/// The first day of 1980, the first that zip files have.
const DATE: u16 = 0x21;
/// Version 4.5, for sizes of 64 bits; made on Unix.
const VERSION: u16 = 45;
const MADE_BY: u16 = 3 << 8 | VERSION;
/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;
/// A regular file that its owner writes and all read.
const MODE: u32 = 0o100_644 << 16;
/// Bytes of a record of the directory before the name, and of a local header.
const RECORD: usize = 46;
const LOCAL: u64 = 30;
/// Bytes that are copied at once.
const PIECE: u64 = 1 << 20;

#[derive(Debug)]
pub(super) struct ZipWriter {
    file: AppendFile,
    /// Records of the directory.
    records: Growing,
    entries: u64,
    /// Where temporary files go; memory without one.
    beside: Option<PathBuf>,
}

/// An entry that grows.
#[derive(Debug)]
pub(super) struct ZipValue {
    key: String,
    bytes: Growing,
    crc: crc32fast::Hasher,
}

/// What the directory says of an entry.
struct Record {
    name: String,
    crc: u32,
    len: u64,
    /// Offset of the local header.
    at: u64,
}

impl ZipWriter {
    /// Begins a file that will be named `path`. An existing one is an error unless `replace`.
    #[cfg(feature = "write")]
    pub(super) fn create(path: &std::path::Path, replace: bool) -> Result<Self> {
        let beside = crate::bytes::commit::beside(path).to_owned();
        Ok(Self::new(AppendFile::create(path, replace)?, Some(beside)))
    }

    /// Begins a file in `sink`.
    pub(super) fn to_sink<W: Write + Seek + Send + 'static>(sink: W) -> Result<Self> {
        Ok(Self::new(AppendFile::to_sink(sink)?, None))
    }

    fn new(file: AppendFile, beside: Option<PathBuf>) -> Self {
        ZipWriter { file, records: Growing::new(beside.as_deref()), entries: 0, beside }
    }

    pub(super) fn put(&mut self, key: &str, bytes: &[u8]) -> Result<()> {
        self.header(key, crc32fast::hash(bytes), bytes.len() as u64)?;
        self.file.append(bytes).map(drop)
    }

    pub(super) fn begin(&self, key: &str) -> ZipValue {
        let bytes = Growing::new(self.beside.as_deref());
        ZipValue { key: key.to_owned(), bytes, crc: crc32fast::Hasher::new() }
    }

    pub(super) fn end(&mut self, value: ZipValue) -> Result<()> {
        self.header(&value.key, value.crc.finalize(), value.bytes.len())?;
        value.bytes.each(|piece| self.file.append(piece).map(drop))
    }

    /// Writes the local header of an entry, and its record.
    fn header(&mut self, name: &str, crc: u32, len: u64) -> Result<()> {
        let record = Record { name: name.to_owned(), crc, len, at: self.file.end() };
        self.file.append(&record.local()?)?;
        self.records.append(&record.central()?)?;
        self.entries = self.entries.saturating_add(1);
        Ok(())
    }

    pub(super) fn copy(&mut self, from: &str, to: &str, most: u64) -> Result<Option<u64>> {
        let mut found = Vec::new();
        self.each_record(|record, _| {
            if let Some(rest) = below(&record.name, from) {
                found.push(Record { name: format!("{to}{rest}"), ..record });
            }
            Ok(())
        })?;
        if found.len() as u64 > most {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        for Record { name, crc, len, at } in &found {
            // the local header has the name that the entry had
            let old = name.len().saturating_sub(to.len()).saturating_add(from.len());
            let mut from = at.saturating_add(LOCAL).saturating_add(old as u64).saturating_add(extra(*len));
            self.header(name, *crc, *len)?;
            let mut left = *len;
            while left > 0 {
                let n = left.min(PIECE);
                bytes.resize(usize::try_from(n).unwrap_or(0), 0);
                self.file.read(from, &mut bytes)?;
                self.file.append(&bytes)?;
                from = from.saturating_add(n);
                left = left.saturating_sub(n);
            }
        }
        Ok(Some(found.len() as u64))
    }

    pub(super) fn discard(&mut self, path: &str) -> Result<()> {
        let mut kept = Growing::new(self.beside.as_deref());
        let mut entries = 0u64;
        self.each_record(|record, bytes| {
            if below(&record.name, path).is_some() {
                return Ok(());
            }
            entries = entries.saturating_add(1);
            kept.append(bytes)
        })?;
        (self.records, self.entries) = (kept, entries);
        Ok(())
    }

    /// Calls `f` with each record of the directory, and its bytes.
    fn each_record(&self, mut f: impl FnMut(Record, &[u8]) -> Result<()>) -> Result<()> {
        let mut at = 0u64;
        while at < self.records.len() {
            let mut head = [0; RECORD];
            self.records.read(at, &mut head)?;
            let short = |i: usize| -> usize {
                let bytes = head.get(i..).and_then(|b| b.first_chunk::<2>());
                bytes.map_or(0, |b| usize::from(u16::from_le_bytes(*b)))
            };
            let mut bytes = vec![0; RECORD.saturating_add(short(28)).saturating_add(short(30))];
            self.records.read(at, &mut bytes)?;
            at = at.saturating_add(bytes.len() as u64);
            if let Some(record) = Record::read(&bytes) {
                f(record, &bytes)?;
            }
        }
        Ok(())
    }

    /// Writes the directory and its end.
    fn end_directory(&mut self) -> Result<()> {
        let start = self.file.end();
        let ZipWriter { file, records, entries, .. } = self;
        records.each(|piece| file.append(piece).map(drop))?;
        let (len, n) = (records.len(), *entries);
        let mut out = Vec::new();
        if n >= u64::from(u16::MAX) || len >= u64::from(u32::MAX) || start >= u64::from(u32::MAX) {
            out.put_u32(0x0606_4b50);
            out.put_u64(44);
            out.put_u16(MADE_BY);
            out.put_u16(VERSION);
            out.put_u32(0);
            out.put_u32(0);
            [n, n, len, start].iter().for_each(|v| out.put_u64(*v));
            out.put_u32(0x0706_4b50);
            out.put_u32(0);
            out.put_u64(start.saturating_add(len));
            out.put_u32(1);
        }
        out.put_u32(0x0605_4b50);
        out.put_u32(0);
        let count = u16::try_from(n).unwrap_or(u16::MAX);
        out.put_u16(count);
        out.put_u16(count);
        out.put_u32(small(len));
        out.put_u32(small(start));
        out.put_u16(0);
        file.append(&out).map(drop)
    }

    pub(super) fn finish(mut self) -> Result<()> {
        self.end_directory()?;
        self.file.commit()
    }

    pub(super) fn finish_sink<W: 'static>(mut self) -> Result<W> {
        self.end_directory()?;
        self.file.into_sink()
    }
}

impl ZipValue {
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.crc.update(bytes);
        self.bytes.append(bytes)
    }
}

/// A value of a field of 32 bits; all ones if the true value is elsewhere.
fn small(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Bytes of the extra field of a local header: sizes of 64 bits.
fn extra(len: u64) -> u64 {
    if small(len) == u32::MAX { 20 } else { 0 }
}

impl Record {
    /// The local header.
    fn local(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        out.put_u32(0x0403_4b50);
        self.common(&mut out, usize::try_from(extra(self.len)).unwrap_or(0))?;
        out.put(self.name.as_bytes());
        if extra(self.len) > 0 {
            out.put_u16(1);
            out.put_u16(16);
            out.put_u64(self.len);
            out.put_u64(self.len);
        }
        Ok(out)
    }

    /// Fields that both headers have, from the needed version to the length of the extra field.
    fn common(&self, out: &mut Vec<u8>, extra: usize) -> Result<()> {
        let name = u16::try_from(self.name.len())
            .map_err(|_| Error::unsupported("a zip file has no names of 64 KiB").in_object(&self.name))?;
        out.put_u16(VERSION);
        out.put_u16(FLAGS);
        // stored, at midnight
        out.put_u16(0);
        out.put_u16(0);
        out.put_u16(DATE);
        out.put_u32(self.crc);
        out.put_u32(small(self.len));
        out.put_u32(small(self.len));
        out.put_u16(name);
        out.put_u16(u16::try_from(extra).unwrap_or(0));
        Ok(())
    }

    /// The record of the directory.
    fn central(&self) -> Result<Vec<u8>> {
        // of the fields that are all ones, in this order
        let mut wide = Vec::new();
        if small(self.len) == u32::MAX {
            wide.put_u64(self.len);
            wide.put_u64(self.len);
        }
        if small(self.at) == u32::MAX {
            wide.put_u64(self.at);
        }
        let extra = if wide.is_empty() { 0 } else { wide.len().saturating_add(4) };
        let mut out = Vec::new();
        out.put_u32(0x0201_4b50);
        out.put_u16(MADE_BY);
        self.common(&mut out, extra)?;
        // no comment, the first disk, no internal attributes
        out.put(&[0; 6]);
        out.put_u32(MODE);
        out.put_u32(small(self.at));
        out.put(self.name.as_bytes());
        if extra > 0 {
            out.put_u16(1);
            out.put_u16(u16::try_from(wide.len()).unwrap_or(0));
            out.put(&wide);
        }
        Ok(out)
    }

    /// An entry from its record of the directory.
    fn read(bytes: &[u8]) -> Option<Record> {
        let u32_at = |i: usize| Some(u32::from_le_bytes(*bytes.get(i..)?.first_chunk::<4>()?));
        let name_len = usize::from(u16::from_le_bytes(*bytes.get(28..)?.first_chunk::<2>()?));
        let end = RECORD.checked_add(name_len)?;
        let name = std::str::from_utf8(bytes.get(RECORD..end)?).ok()?.to_owned();
        let mut wide = bytes.get(end.checked_add(4)?..).unwrap_or_default().chunks_exact(8);
        let mut next = || wide.next().and_then(|b| b.first_chunk::<8>()).map(|b| u64::from_le_bytes(*b));
        let (crc, mut len, mut at) = (u32_at(16)?, u64::from(u32_at(24)?), u64::from(u32_at(42)?));
        if len == u64::from(u32::MAX) {
            len = next()?;
            next()?;
        }
        if at == u64::from(u32::MAX) {
            at = next()?;
        }
        Some(Record { name, crc, len, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes and offsets of 4 GiB and more take the extra field, in both headers.
    #[test]
    fn records_of_any_size_read_back() {
        for (len, at) in [(0, 0), (7, 1 << 40), (u64::from(u32::MAX), 5), (1 << 40, 1 << 41)] {
            let record = Record { name: "obs/ä/0".into(), crc: 9, len, at };
            let bytes = record.central().unwrap();
            let back = Record::read(&bytes).unwrap();
            assert_eq!((back.name.as_str(), back.crc, back.len, back.at), ("obs/ä/0", 9, len, at));
            let local = record.local().unwrap();
            assert_eq!(local.len() as u64, LOCAL + record.name.len() as u64 + extra(len));
        }
        let long = Record { name: "x".repeat(70_000), crc: 0, len: 0, at: 0 };
        assert_eq!(long.local().unwrap_err().kind(), crate::Kind::Unsupported);
    }
}
