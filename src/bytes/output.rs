//! A file of known length that many threads fill at once, in any order.
//!
//! The file is pre-allocated, so that a full disk is an error at the start. With a few threads, positioned
//! writes of whole blocks are used, because the kernel zeroes every page that a map faults in. With many
//! threads a map is used, because the kernel allows one positioned write to a file at a time. If the file
//! system cannot pre-allocate (NFS, some FUSE), positioned writes are used as well. The bytes are the same
//! either way. The CRC-32 of the file is combined from those of its parts. The kernel is asked to write back
//! while the file fills, so that little remains for the final flush.

use crate::error::{Error, Result};
use crate::sync::{self, lock};
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

/// How bytes are written to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WriteMode {
    /// A map for many threads if the file system can pre-allocate, positioned writes otherwise.
    #[default]
    Auto,
    /// A map whenever the file system can pre-allocate.
    Mapped,
    /// Positioned writes always.
    Positioned,
}

/// From this number of threads, contention for the lock on positioned writes costs more than the page faults
/// of a map: a write is about a tenth of the work on a block.
const MANY_THREADS: usize = 8;

impl WriteMode {
    fn maps(self) -> bool {
        match self {
            WriteMode::Auto => rayon::current_num_threads() >= MANY_THREADS,
            WriteMode::Mapped => true,
            WriteMode::Positioned => false,
        }
    }
}

/// Length in bytes and CRC-32 (as in zlib) of a finished file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) len: u64,
    pub(crate) crc: u32,
}

#[derive(Debug)]
pub(crate) struct OutputFile {
    path: PathBuf,
    file: File,
    len: u64,
    map: Option<memmap2::MmapRaw>,
    /// Ranges being written by some thread; a few at most.
    active: Mutex<Vec<Range<u64>>>,
    parts: Mutex<Vec<OutputPart>>,
    flushed: EarlyFlush,
}

#[derive(Debug, Clone, Copy)]
struct OutputPart {
    start: u64,
    len: u64,
    crc: u32,
}

impl OutputFile {
    /// Creates `path` (which must not exist) with room for `len` bytes.
    pub(crate) fn create(path: &Path, len: u64, mode: WriteMode) -> Result<Self> {
        let place = |e: Error| e.in_file(path);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(|e| place(Error::io("create", e)))?;
        file.set_len(len).map_err(|e| place(Error::io(format!("reserve {len} bytes"), e)))?;
        let mut map = None;
        let allocated = len > 0 && allocate(&file, len).map_err(place)?;
        if allocated && mode.maps() {
            // If mapping fails (address space), positioned writes give the same bytes.
            map = memmap2::MmapOptions::new().len(len as usize).map_raw(&file).ok();
        }
        Ok(OutputFile {
            path: path.to_owned(),
            file,
            len,
            map,
            active: Mutex::default(),
            parts: Mutex::default(),
            flushed: EarlyFlush::default(),
        })
    }

    /// Whether bytes go straight into the page cache.
    pub(crate) fn is_mapped(&self) -> bool {
        self.map.is_some() || self.len == 0
    }

    /// Calls `fill` to write all of the `len` bytes at `start`. `scratch` is the buffer if there is no map.
    ///
    /// Every byte of the file must be written by exactly one call; [`finish`](Self::finish) checks that.
    pub(crate) fn write_with<R>(
        &self,
        start: u64,
        len: usize,
        scratch: &mut Vec<u8>,
        fill: impl FnOnce(&mut [u8]) -> Result<R>,
    ) -> Result<R> {
        let end = start.checked_add(len as u64).filter(|&e| e <= self.len);
        let end = end.ok_or_else(|| self.broken("a write past the end"))?;
        if len == 0 {
            return fill(&mut []);
        }
        let _claim = Claim::take(self, start..end)?;
        let (out, crc);
        if let Some(map) = &self.map {
            // SAFETY: start..end lies inside the map (checked against its length above), and the claim makes
            // this the only slice over that range: no other claim overlaps it while this one lives, and
            // nothing else hands out slices of the map.
            let bytes = unsafe { std::slice::from_raw_parts_mut(map.as_mut_ptr().add(start as usize), len) };
            out = fill(bytes)?;
            crc = crc32fast::hash(bytes);
        } else {
            scratch.resize(len, 0);
            let bytes = &mut scratch[..len];
            out = fill(bytes)?;
            crc = crc32fast::hash(bytes);
            write_all_at(&self.file, bytes, start)
                .map_err(|e| Error::io(format!("write {len} bytes"), e).in_file(&self.path))?;
        }
        lock(&self.parts).push(OutputPart { start, len: len as u64, crc });
        self.flushed.wrote(&self.file, len as u64);
        Ok(out)
    }

    /// Checks that every byte was written once, flushes to the disk, and returns length and checksum.
    pub(crate) fn finish(self) -> Result<Summary> {
        let mut parts = std::mem::take(&mut *lock(&self.parts));
        parts.sort_unstable_by_key(|p| p.start);
        let mut whole = crc32fast::Hasher::new();
        let mut at = 0;
        for p in &parts {
            if p.start != at {
                return Err(self.broken(&format!("bytes {at}..{} are missing or doubled", p.start)));
            }
            at += p.len;
            whole.combine(&crc32fast::Hasher::new_with_initial_len(p.crc, p.len));
        }
        if at != self.len {
            return Err(self.broken(&format!("bytes {at}..{} are missing", self.len)));
        }
        if let Some(map) = &self.map {
            map.flush().map_err(|e| Error::io("flush", e).in_file(&self.path))?;
        }
        self.file.sync_all().map_err(|e| Error::io("flush", e).in_file(&self.path))?;
        Ok(Summary { len: self.len, crc: whole.finalize() })
    }

    fn broken(&self, what: &str) -> Error {
        Error::new(crate::error::Kind::Io, format!("the output was not written whole: {what}"))
            .in_file(&self.path)
    }
}

/// The right to write one range; released on drop.
struct Claim<'a> {
    of: &'a OutputFile,
    range: Range<u64>,
}

impl<'a> Claim<'a> {
    fn take(of: &'a OutputFile, range: Range<u64>) -> Result<Self> {
        let mut active = lock(&of.active);
        if active.iter().any(|a| a.start < range.end && range.start < a.end) {
            return Err(of.broken("two writes overlap"));
        }
        active.push(range.clone());
        Ok(Claim { of, range })
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut active = lock(&self.of.active);
        if let Some(i) = active.iter().position(|a| *a == self.range) {
            active.swap_remove(i);
        }
    }
}

/// Asks the kernel to write back at regular intervals while more bytes are produced; on a separate thread,
/// because the call may wait for the disk.
#[derive(Debug, Default)]
pub(crate) struct EarlyFlush {
    written: AtomicU64,
    running: Mutex<Option<JoinHandle<()>>>,
}

impl EarlyFlush {
    /// Much more than one disk request, much less than the disk writes while the rest is produced.
    const EVERY: u64 = 16 << 20;

    /// Records that `len` more bytes were written to `file`.
    pub(crate) fn wrote(&self, file: &File, len: u64) {
        let before = self.written.fetch_add(len, Ordering::Relaxed);
        if before / Self::EVERY != (before + len) / Self::EVERY {
            self.start(file);
        }
    }

    /// Starts writing back all dirty bytes, unless an earlier call is still running.
    fn start(&self, file: &File) {
        let mut running = lock(&self.running);
        if running.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        // If no thread can be started, the final flush does the work.
        if let Ok(file) = file.try_clone() {
            let thread = std::thread::Builder::new().name("write back".into()).stack_size(64 << 10);
            *running = thread.spawn(move || start_write_back(&file)).ok();
        }
    }
}

impl Drop for EarlyFlush {
    fn drop(&mut self) {
        let running = sync::get_mut(&mut self.running);
        if let Some(thread) = running.take() {
            let _ = thread.join();
        }
    }
}

/// Starts to write back all dirty bytes of a file. Errors surface at the final fsync.
#[cfg(target_os = "linux")]
fn start_write_back(file: &File) {
    use std::os::fd::AsRawFd;
    // SAFETY: the call takes numbers only, and the descriptor is open as long as `file` is borrowed.
    unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
}

#[cfg(not(target_os = "linux"))]
fn start_write_back(_: &File) {}

/// Rejects `len` bytes for a directory whose file system has less free space than that.
pub(crate) fn check_space(directory: &Path, len: u64) -> Result<()> {
    match free_space(directory) {
        Some(free) if free < len => {
            let e = io::Error::from(io::ErrorKind::StorageFull);
            Err(Error::io(format!("reserve {len} bytes ({free} are free)"), e).in_file(directory))
        }
        _ => Ok(()),
    }
}

/// Rejects lengths, each with the directory it is for, if all those on one file system together need more than is
/// free there. Directories may not exist yet.
pub(crate) fn check_room(needs: &[(&Path, u64)]) -> Result<()> {
    for (directory, _) in needs {
        let there = existing(directory);
        let beside = needs.iter().filter(|(other, _)| on_one_file_system(existing(other), there));
        check_space(there, beside.fold(0, |sum, (_, len)| sum.saturating_add(*len)))?;
    }
    Ok(())
}

/// The innermost part of the path that exists.
fn existing(directory: &Path) -> &Path {
    let found = directory.ancestors().find(|d| d.exists());
    found.filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(unix)]
fn on_one_file_system(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| path.metadata().ok().map(|m| m.dev());
    device(a) == device(b)
}

#[cfg(not(unix))]
fn on_one_file_system(a: &Path, b: &Path) -> bool {
    a == b
}

#[cfg(unix)]
fn free_space(directory: &Path) -> Option<u64> {
    let s = rustix::fs::statvfs(directory).ok()?;
    s.f_bavail.checked_mul(s.f_frsize)
}

#[cfg(not(unix))]
fn free_space(_: &Path) -> Option<u64> {
    None
}

/// Reserves the blocks of the file; `false` if the file system does not support it.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn allocate(file: &File, len: u64) -> Result<bool> {
    use rustix::io::Errno;
    loop {
        return match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, len) {
            Ok(()) => Ok(true),
            Err(Errno::INTR) => continue,
            Err(Errno::NOSPC | Errno::FBIG | Errno::DQUOT | Errno::IO) => {
                let e = io::Error::from_raw_os_error(Errno::NOSPC.raw_os_error());
                Err(Error::io(format!("reserve {len} bytes"), e))
            }
            Err(_) => Ok(false),
        };
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn allocate(_: &File, _: u64) -> Result<bool> {
    Ok(false)
}

#[cfg(unix)]
pub(crate) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
pub(crate) fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        bytes = &bytes[n..];
        offset += n as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(mode: WriteMode, ranges: &[(u64, &[u8])], len: u64) -> Result<(Summary, Vec<u8>)> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let f = OutputFile::create(&path, len, mode)?;
        for (start, bytes) in ranges {
            f.write_with(*start, bytes.len(), &mut vec![], |b| {
                b.copy_from_slice(bytes);
                Ok(())
            })?;
        }
        Ok((f.finish()?, std::fs::read(&path).unwrap()))
    }

    #[test]
    fn parts_in_any_order_make_the_whole() {
        for mode in [WriteMode::Mapped, WriteMode::Positioned] {
            let (s, bytes) = write(mode, &[(3, b"defg"), (0, b"abc"), (7, b"h")], 8).unwrap();
            assert_eq!(bytes, b"abcdefgh");
            assert_eq!(s, Summary { len: 8, crc: crc32fast::hash(b"abcdefgh") });
            assert_eq!(write(mode, &[], 0).unwrap().0, Summary { len: 0, crc: 0 });
        }
    }

    #[test]
    fn gaps_overlaps_and_overruns_are_refused() {
        for mode in [WriteMode::Mapped, WriteMode::Positioned] {
            assert!(write(mode, &[(0, b"abc")], 8).is_err(), "gap");
            assert!(write(mode, &[(0, b"abc"), (2, b"cd")], 4).is_err(), "doubled");
            assert!(write(mode, &[(2, b"abc")], 4).is_err(), "past the end");
        }
    }

    #[test]
    fn a_range_has_one_writer_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let f = OutputFile::create(&dir.path().join("f"), 8, WriteMode::Mapped).unwrap();
        let inner =
            f.write_with(0, 4, &mut vec![], |_| Ok(f.write_with(3, 2, &mut vec![], |_| Ok(())).is_err()));
        assert!(inner.unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn room_is_needed_for_all_of_a_file_system_together() {
        let dir = tempfile::tempdir().unwrap();
        let (here, later) = (dir.path(), dir.path().join("not/yet"));
        let most = free_space(here).unwrap() / 3 * 2;
        assert!(check_room(&[(here, most)]).is_ok() && check_room(&[(&later, most)]).is_ok());
        let e = check_room(&[(here, most), (&later, most)]).unwrap_err();
        assert!(e.kind() == crate::Kind::Io && e.message().contains("no storage space"), "{e}");
        assert!(check_room(&[(here, u64::MAX), (here, u64::MAX)]).is_err());
    }
}
