//! One array: its metadata, and for each chunk the range of the file or its bytes.

use super::inlined::Inlined;
use super::map::MapWriter;
use super::numpy_type::ElementForm;
use super::pieces::rows_of_part;
use super::steps::FilterSteps;
use crate::bytes::slab::{self, BoxPlace};
use crate::error::{Error, Kind, Place, Result};
use crate::limits;
use crate::matrix::Budget;
use crate::observe::Observer;
use crate::tree::{Array, ArrayPlacement, ArrayScratch, StoredChunk};

/// Bytes of an inlined array from which it is compressed.
const COMPRESSED: u64 = 4096;
/// Chunks written between two questions whether to stop.
const AT_ONCE: usize = 1024;

/// How an array is expressed.
#[derive(Debug, Clone)]
pub(super) struct ArrayPlan {
    array: Array,
    dtype: String,
    fill: String,
    /// Dimensions that array types add.
    more: Vec<u64>,
    /// Whether its only element is expressed as a scalar.
    is_scalar: bool,
    body: Body,
}

/// Where the elements are.
#[derive(Debug, Clone)]
enum Body {
    /// Nowhere: all are the fill value.
    Fill,
    /// In one piece of the file, cut into parts of `rows` rows of `row` bytes.
    Parts { offset: u64, rows: u64, row: u64 },
    /// In chunks of the file, whose filters are `steps`; chunks that skipped others than `skipped` are encoded anew.
    Chunks { steps: FilterSteps, skipped: u32 },
    /// In the map.
    Inlined(Inlined),
}

/// What is the same for all arrays.
#[derive(Clone, Copy)]
pub(super) struct Planner<'a> {
    /// Bytes of an array that may be in the map.
    pub(super) most: u64,
    pub(super) budget: Budget,
    pub(super) observer: &'a dyn Observer,
}

impl std::fmt::Debug for Planner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Planner")
    }
}

impl ArrayPlan {
    /// Plans how to express `array`; `as_text`: strings of fixed length become text.
    ///
    /// # Errors
    /// `Unsupported` if it cannot be expressed, or not in as many bytes of the map as are allowed; errors of reading
    /// the chunk index and what is inlined.
    pub(super) fn new(array: &Array, as_text: bool, planner: Planner<'_>) -> Result<Self> {
        Self::unplaced(array, as_text, planner).in_object(array.path())
    }

    fn unplaced(array: &Array, as_text: bool, planner: Planner<'_>) -> Result<Self> {
        let elements = ElementForm::of(array.datatype(), as_text)?;
        let fill = elements.fill(array.fill_value());
        let placement = array.placement()?;
        if let ArrayPlacement::Elsewhere(place) = placement {
            return Err(Error::unsupported(format!("elements in {place}")));
        }
        let (stored, more) = match &elements {
            ElementForm::Stored(stored, more) => (Some(stored.json.clone()), more.clone()),
            _ => (None, Vec::new()),
        };
        let made = |dtype: String, body: Body| ArrayPlan {
            array: array.clone(),
            dtype,
            fill: fill.clone(),
            more: more.clone(),
            is_scalar: false,
            body,
        };
        let ranges = match (&stored, placement) {
            _ if array.elements() == 0 => None,
            (Some(_), ArrayPlacement::Nowhere) => Some(Body::Fill),
            // a request for one number is not worth while
            (Some(_), ArrayPlacement::Offset(offset)) if !array.shape().is_empty() => {
                Some(parts(array, offset))
            }
            (Some(_), ArrayPlacement::Chunks) => chunks(array, planner)?,
            _ => None,
        };
        if let (Some(dtype), Some(body)) = (stored, ranges) {
            return Ok(made(dtype, body));
        }
        let inlined = Inlined::new(array, elements, planner.most, planner.observer)?;
        Ok(made(inlined.dtype()?, Body::Inlined(inlined)))
    }

    /// Whether the elements are in the map.
    pub(super) fn is_inlined(&self) -> bool {
        matches!(self.body, Body::Inlined(_))
    }

    /// The plan of an array of one element as that of a scalar; others stay as they are.
    pub(super) fn into_scalar(mut self) -> Self {
        self.is_scalar = self.array.shape() == [1];
        self
    }

    /// ElementForm of a chunk in each dimension.
    fn chunk_shape(&self) -> Vec<u64> {
        if self.is_scalar {
            return Vec::new();
        }
        let whole_rows = |rows: u64| {
            let rest = self.array.shape().iter().skip(1).copied();
            let first = self.array.shape().first().map(|_| rows);
            first.into_iter().chain(rest).collect::<Vec<u64>>()
        };
        let shape = match &self.body {
            Body::Fill => self.array.chunk_shape().unwrap_or_else(|| self.array.shape().to_vec()),
            Body::Parts { rows, .. } => whole_rows(*rows),
            Body::Chunks { .. } => self.array.chunk_shape().unwrap_or_default(),
            Body::Inlined(inlined) => whole_rows(inlined.rows),
        };
        shape.into_iter().chain(self.more.iter().copied()).map(|n| n.max(1)).collect()
    }

    /// Number of elements in each dimension.
    pub(super) fn shape(&self) -> Vec<u64> {
        if self.is_scalar {
            return Vec::new();
        }
        self.array.shape().iter().chain(&self.more).copied().collect()
    }

    /// The metadata of the array: `.zarray`.
    fn metadata(&self) -> String {
        let steps = match &self.body {
            Body::Chunks { steps, .. } => steps.clone(),
            Body::Inlined(inlined) if inlined.bytes > COMPRESSED => FilterSteps::zlib(),
            _ => FilterSteps::none(),
        };
        let first = if self.dtype == "\"|O\"" { "{\"id\":\"vlen-utf8\"}" } else { "" };
        format!(
            "{{\"chunks\":{:?},{},\"dimension_separator\":\".\",\"dtype\":{},\"fill_value\":{},\"order\":\"C\",\"shape\":{:?},\"zarr_format\":2}}",
            self.chunk_shape(),
            steps.json(first),
            self.dtype,
            self.fill,
            self.shape(),
        )
    }

    /// Writes the metadata and the chunks under the key `at`. Returns the bytes of elements that are in the map, before
    /// compression.
    ///
    /// # Errors
    /// Errors of reading what is inlined, and of writing.
    pub(super) fn write(&self, at: &str, map: &mut MapWriter, observer: &dyn Observer) -> Result<u64> {
        map.metadata(&format!("{at}/.zarray"), &self.metadata())?;
        let written = match &self.body {
            Body::Fill => Ok(0),
            Body::Parts { offset, rows, row } => self.write_parts(at, [*offset, *rows, *row], map, observer),
            Body::Chunks { steps, skipped } => self.write_chunks(at, steps, *skipped, map, observer),
            Body::Inlined(inlined) => {
                let steps =
                    if inlined.bytes > COMPRESSED { FilterSteps::zlib() } else { FilterSteps::none() };
                inlined
                    .each_chunk(observer, |n, bytes| {
                        let position: Vec<u64> = self.array.shape().iter().take(1).map(|_| n).collect();
                        map.bytes(&self.key(at, &position), &steps.encode(bytes)?)
                    })
                    .map(|()| inlined.bytes)
            }
        };
        written.in_object(self.array.path())
    }

    /// The key of the chunk at `position`, whose other positions are 0.
    fn key(&self, at: &str, position: &[u64]) -> String {
        let dimensions = self.array.shape().len() + self.more.len();
        let zeros = std::iter::repeat(&0);
        let numbers = position.iter().chain(zeros).take(dimensions.max(1)).map(u64::to_string);
        format!("{at}/{}", numbers.collect::<Vec<String>>().join("."))
    }

    fn write_parts(
        &self,
        at: &str,
        [offset, rows, row]: [u64; 3],
        map: &mut MapWriter,
        observer: &dyn Observer,
    ) -> Result<u64> {
        let parts = self.array.shape().first().map_or(1, |all| all.div_ceil(rows));
        let len = rows.saturating_mul(row);
        for n in 0..parts {
            if n % AT_ONCE as u64 == 0 {
                observer.check_cancelled()?;
            }
            map.range(&self.key(at, &[n]), offset.saturating_add(n.saturating_mul(len)), len)?;
        }
        Ok(0)
    }

    fn write_chunks(
        &self,
        at: &str,
        steps: &FilterSteps,
        skipped: u32,
        map: &mut MapWriter,
        observer: &dyn Observer,
    ) -> Result<u64> {
        let mut inlined = 0u64;
        let mut scratch = ArrayScratch::default();
        let plain = steps.is_none().then(|| chunk_bytes(&self.array));
        for n in 0.. {
            if n % AT_ONCE == 0 {
                observer.check_cancelled()?;
            }
            let Some(chunk) = self.array.stored_chunk(n)? else { break };
            if let Some(expected) = plain.filter(|len| *len != chunk.len && chunk.skipped == skipped) {
                let text = format!("chunk length (expected {expected} bytes, got {})", chunk.len);
                return Err(Error::malformed(text).at(chunk.offset));
            }
            let key = self.key(at, &chunk.position);
            if chunk.skipped == skipped {
                map.range(&key, chunk.offset, chunk.len)?;
                continue;
            }
            let bytes = whole_chunk(&self.array, &chunk, &mut scratch)?;
            inlined = inlined.saturating_add(bytes.len() as u64);
            map.bytes(&key, &steps.encode(bytes)?)?;
        }
        Ok(inlined)
    }
}

/// The parts of an array in one piece.
fn parts(array: &Array, offset: u64) -> Body {
    let rows = array.shape().first().copied().unwrap_or(1);
    let row = array.byte_len().checked_div(rows).unwrap_or(0);
    let after = array.node().container_bytes().saturating_sub(offset.saturating_add(array.byte_len()));
    Body::Parts { offset, rows: rows_of_part(rows, row, after), row }
}

/// The chunks of an array, if numcodecs has their filters: those that most bytes went through. `None` if it has not,
/// or if too much would have to be encoded anew.
fn chunks(array: &Array, planner: Planner<'_>) -> Result<Option<Body>> {
    let chunk_bytes = chunk_bytes(array);
    let stored = array.node().container_bytes().min(grid_chunks(array));
    planner.budget.hold(stored.saturating_mul(INDEX_ENTRY))?;
    // filters that were skipped, bytes of their chunks, and number of chunks
    let mut kinds: Vec<(u32, u64, u64)> = Vec::new();
    for n in 0.. {
        if n % AT_ONCE == 0 {
            planner.observer.check_cancelled()?;
        }
        let Some(chunk) = array.stored_chunk(n)? else { break };
        match kinds.iter_mut().find(|(skipped, ..)| *skipped == chunk.skipped) {
            Some((_, bytes, number)) => (*bytes, *number) = (bytes.saturating_add(chunk.len), *number + 1),
            None => kinds.push((chunk.skipped, chunk.len, 1)),
        }
        if kinds.len() > MOST_KINDS {
            return Ok(None);
        }
    }
    let (filters, element) = (array.stored_filters(), array.datatype().size);
    if kinds.is_empty() {
        return Ok(Some(Body::Fill));
    }
    kinds.sort_by_key(|(skipped, bytes, _)| (std::cmp::Reverse(*bytes), *skipped));
    let all: u64 = kinds.iter().map(|(_, _, number)| number).sum();
    for (skipped, _, number) in &kinds {
        let Some(steps) = FilterSteps::of(&filters, *skipped, element) else { continue };
        let anew = (all - number).saturating_mul(chunk_bytes);
        if anew > 0 && (anew > planner.most || !steps.can_encode()) {
            continue;
        }
        if anew == 0 || can_decode(array, *skipped, planner)? {
            return Ok(Some(Body::Chunks { steps, skipped: *skipped }));
        }
    }
    Ok(None)
}

/// Whether all chunks that skipped other filters than `skipped` can be decoded.
fn can_decode(array: &Array, skipped: u32, planner: Planner<'_>) -> Result<bool> {
    let mut scratch = ArrayScratch::default();
    for n in 0.. {
        let Some(chunk) = array.stored_chunk(n)? else { break };
        if chunk.skipped != skipped {
            planner.observer.check_cancelled()?;
            match whole_chunk(array, &chunk, &mut scratch) {
                Err(e) if e.kind() == Kind::Unsupported => return Ok(false),
                other => drop(other?),
            }
        }
    }
    Ok(true)
}

/// Bytes of memory that an entry of the chunk index takes.
const INDEX_ENTRY: u64 = 32;
/// Sets of skipped filters of one array.
const MOST_KINDS: usize = 64;

/// Number of chunks of the grid, stored or not.
fn grid_chunks(array: &Array) -> u64 {
    let chunk = array.chunk_shape().unwrap_or_default();
    let counts = array.shape().iter().zip(&chunk).map(|(n, c)| n.div_ceil((*c).max(1)));
    counts.fold(1, u64::saturating_mul)
}

/// Bytes of a whole chunk.
fn chunk_bytes(array: &Array) -> u64 {
    let chunk = array.chunk_shape().unwrap_or_default();
    chunk.into_iter().fold(u64::from(array.datatype().size), u64::saturating_mul)
}

/// The elements of a chunk; zeros where it is outside the array.
fn whole_chunk(array: &Array, chunk: &StoredChunk, scratch: &mut ArrayScratch) -> Result<Vec<u8>> {
    let shape = array.chunk_shape().unwrap_or_default();
    let size = u64::from(array.datatype().size);
    let start: Vec<u64> = chunk.position.iter().zip(&shape).map(|(n, c)| n.saturating_mul(*c)).collect();
    let ends = array.shape().iter().zip(&start).zip(&shape);
    let count: Vec<u64> = ends.map(|((n, s), c)| n.saturating_sub(*s).min(*c)).collect();
    let len = count.iter().copied().fold(size, u64::saturating_mul);
    let mut part = limits::zeroed(usize::try_from(len).unwrap_or(usize::MAX))?;
    array.read_box(&start, &count, &mut part, scratch)?;
    if count == shape {
        return Ok(part);
    }
    let mut whole = limits::zeroed(usize::try_from(chunk_bytes(array)).unwrap_or(usize::MAX))?;
    let zero = vec![0; shape.len()];
    let (from, to) = (BoxPlace { dims: &count, at: &zero }, BoxPlace { dims: &shape, at: &zero });
    slab::copy_box((&part, from), (&mut whole, to), &count, size);
    Ok(whole)
}
