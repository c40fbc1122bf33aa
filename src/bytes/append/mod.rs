//! A file that grows at its end, with positions patched later: in a sink of the caller, or one that appears
//! under its name when complete (feature `write`).

#[cfg(feature = "write")]
mod path;

use crate::error::{Error, Result};
use std::any::{Any, TypeId};
use std::io::{self, Seek, SeekFrom, Write};

/// Bytes buffered before they are written.
const BUFFER: usize = 1 << 20;

/// An output that is appended to.
#[derive(Debug)]
pub(crate) struct AppendFile {
    target: Box<dyn AppendTarget>,
    /// Number of bytes already written to the target.
    written: u64,
    buffer: Vec<u8>,
    /// Number of bytes [in front](Self::put_in_front) of what offsets count from.
    base: u64,
}

/// Destination of the bytes.
trait AppendTarget: Send + std::fmt::Debug {
    /// Writes at the end.
    fn append(&mut self, bytes: &[u8]) -> Result<()>;

    /// Overwrites bytes at `at`, then returns to the end.
    fn patch(&mut self, at: u64, bytes: &[u8], end: u64) -> Result<()>;

    /// Reads bytes that were appended.
    fn read(&self, at: u64, out: &mut [u8]) -> Result<()>;

    /// Whether [`finish`](Self::finish) returns a value of this type.
    fn gives(&self, sink: TypeId) -> bool;

    /// Finishes the output: flushes and returns a sink, gives a file its name.
    fn finish(self: Box<Self>) -> Result<Box<dyn Any>>;
}

/// A sink provided by the caller.
struct AppendSink<W>(W);

impl<W> std::fmt::Debug for AppendSink<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AppendSink")
    }
}

fn failed(e: io::Error) -> Error {
    Error::io("write", e)
}

/// Overwrites bytes at `at`, then seeks to `end`.
fn patch(to: &mut (impl Write + Seek), at: u64, bytes: &[u8], end: u64) -> Result<()> {
    let mut done = || {
        to.seek(SeekFrom::Start(at))?;
        to.write_all(bytes)?;
        to.seek(SeekFrom::Start(end))
    };
    done().map(drop).map_err(failed)
}

impl<W: Write + Seek + Send + 'static> AppendTarget for AppendSink<W> {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes).map_err(failed)
    }

    fn patch(&mut self, at: u64, bytes: &[u8], end: u64) -> Result<()> {
        patch(&mut self.0, at, bytes, end)
    }

    fn read(&self, _: u64, _: &mut [u8]) -> Result<()> {
        Err(Error::unsupported("a sink is only written to, and this needs what was written before"))
    }

    fn gives(&self, sink: TypeId) -> bool {
        sink == TypeId::of::<W>()
    }

    fn finish(mut self: Box<Self>) -> Result<Box<dyn Any>> {
        self.0.flush().map_err(failed)?;
        Ok(Box::new(self.0))
    }
}

impl AppendFile {
    /// Writes to `sink` from its beginning, over any existing content.
    pub(crate) fn to_sink<W: Write + Seek + Send + 'static>(mut sink: W) -> Result<Self> {
        sink.rewind().map_err(|e| Error::io("seek", e))?;
        Ok(Self::new(Box::new(AppendSink(sink))))
    }

    fn new(target: Box<dyn AppendTarget>) -> Self {
        AppendFile { target, written: 0, buffer: Vec::with_capacity(BUFFER), base: 0 }
    }

    /// Puts bytes in front of all others, which keep their offsets.
    ///
    /// # Errors
    /// `Usage` if bytes have left the buffer already.
    pub(crate) fn put_in_front(&mut self, bytes: &[u8]) -> Result<()> {
        if self.written > 0 {
            return Err(Error::usage("expected an output without content, got one that is written already"));
        }
        self.buffer.splice(0..0, bytes.iter().copied());
        self.base += bytes.len() as u64;
        Ok(())
    }

    /// Number of bytes in front of offset 0.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// Offset of the next byte.
    pub(crate) fn end(&self) -> u64 {
        self.written + self.buffer.len() as u64 - self.base
    }

    /// Appends `bytes` and returns their offset.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<u64> {
        let at = self.end();
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        if bytes.len() > BUFFER {
            self.target.append(bytes)?;
            self.written += bytes.len() as u64;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(at)
    }

    /// Appends zeros up to a multiple of eight.
    pub(crate) fn align(&mut self) -> Result<()> {
        let zeros = (8 - self.end() % 8) % 8;
        self.append([0; 8].get(..zeros as usize).unwrap_or_default()).map(drop)
    }

    /// Overwrites bytes already appended.
    pub(crate) fn patch(&mut self, at: u64, bytes: &[u8]) -> Result<()> {
        let at = at + self.base;
        if let Some(from) = at.checked_sub(self.written) {
            let from = from as usize; // less than the length of the buffer
            self.buffer[from..from + bytes.len()].copy_from_slice(bytes);
            return Ok(());
        }
        self.flush()?;
        self.target.patch(at, bytes, self.written)
    }

    /// Reads bytes already appended.
    ///
    /// # Errors
    /// `Unsupported` for a sink.
    pub(crate) fn read(&mut self, at: u64, out: &mut [u8]) -> Result<()> {
        self.flush()?;
        self.target.read(at, out)
    }

    fn flush(&mut self) -> Result<()> {
        self.target.append(&self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Writes the buffered bytes and flushes; a file gets its name.
    pub(crate) fn commit(mut self) -> Result<()> {
        self.flush()?;
        self.target.finish().map(drop)
    }

    /// As [`commit`](Self::commit) for a sink of this type, which is returned.
    pub(crate) fn into_sink<W: 'static>(mut self) -> Result<W> {
        let other = || Error::usage("the file was not begun with a sink of this type");
        if !self.target.gives(TypeId::of::<W>()) {
            return Err(other());
        }
        self.flush()?;
        self.target.finish()?.downcast().map(|sink| *sink).map_err(|_| other())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_gets_the_same_bytes_and_comes_back() {
        let mut f = AppendFile::to_sink(io::Cursor::new(b"old".to_vec())).unwrap();
        f.append(b"abc").unwrap();
        f.append(&vec![1; 3 << 20]).unwrap();
        f.append(b"end").unwrap();
        f.patch(1, b"X").unwrap();
        let bytes = f.into_sink::<io::Cursor<Vec<u8>>>().unwrap().into_inner();
        assert_eq!(bytes.len(), 6 + (3 << 20));
        assert!(bytes.starts_with(b"aXc\x01") && bytes.ends_with(b"\x01end"));
    }

    #[test]
    fn offsets_do_not_count_what_is_in_front() {
        let mut f = AppendFile::to_sink(io::Cursor::new(Vec::new())).unwrap();
        assert_eq!(f.append(b"abc").unwrap(), 0);
        f.put_in_front(b"12345").unwrap();
        assert_eq!((f.base(), f.end(), f.append(b"d").unwrap()), (5, 3, 3));
        f.patch(1, b"X").unwrap();
        f.append(&vec![1; 3 << 20]).unwrap();
        assert!(f.put_in_front(b"6").is_err(), "the beginning is written");
        f.patch(2, b"Y").unwrap();
        let bytes = f.into_sink::<io::Cursor<Vec<u8>>>().unwrap().into_inner();
        assert!(bytes.starts_with(b"12345aXYd\x01"));
    }

    #[test]
    fn a_sink_that_is_full_is_an_error() {
        let mut f = AppendFile::to_sink(io::Cursor::new(Box::<[u8]>::from([0; 4]))).unwrap();
        f.append(b"12345").unwrap();
        let e = f.commit().unwrap_err();
        assert!(e.kind() == crate::Kind::Io && e.message().starts_with("write: "), "{e}");
    }
}
