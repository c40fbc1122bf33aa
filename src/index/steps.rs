//! The filters of chunks as codecs of numcodecs, where both have the same stored bytes.

use super::map::quoted;
use crate::codec::{Compression, EncodeWork, Filters, fletcher32, shuffle};
use crate::error::{Error, Result};
use crate::tree::StoredFilter;

/// A filter that numcodecs has too.
#[derive(Debug, Clone, PartialEq, Eq)]
enum FilterStep {
    /// HDF5's shuffle of elements of this many bytes.
    Shuffle(usize),
    /// Deflate with zlib's header, at this level.
    Zlib(u32),
    /// A Zstandard frame.
    Zstd(u32),
    /// A bzip2 stream.
    Bzip2(u32),
    /// A buffer of Blosc version 1.
    Blosc { level: u32, shuffle: u32, compressor: &'static str },
    /// HDF5's checksum after the data.
    Fletcher32,
}

/// The filters that a chunk went through, in write order, all of which numcodecs has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FilterSteps(Vec<FilterStep>);

impl FilterStep {
    fn of(filter: &StoredFilter, element: u32) -> Option<Self> {
        let value = |n: usize| filter.parameters.get(n).copied();
        Some(match filter.name.as_str() {
            "shuffle" => FilterStep::Shuffle(usize::try_from(value(0).unwrap_or(element)).ok()?),
            "gzip" => FilterStep::Zlib(value(0).unwrap_or(4).min(9)),
            "zstd" => FilterStep::Zstd(value(0).unwrap_or(3).min(22)),
            "bzip2" => FilterStep::Bzip2(value(0).unwrap_or(9).clamp(1, 9)),
            "fletcher32" => FilterStep::Fletcher32,
            // the filter's values: two versions, element size, chunk size, level, shuffle, compressor
            "blosc" => FilterStep::Blosc {
                level: value(4).unwrap_or(5).min(9),
                shuffle: value(5).unwrap_or(1).min(2),
                // numcodecs is built without Snappy, number 3
                compressor: match value(6).unwrap_or(0) {
                    0 => "blosclz",
                    1 => "lz4",
                    2 => "lz4hc",
                    4 => "zlib",
                    5 => "zstd",
                    _ => return None,
                },
            },
            _ => return None,
        })
    }

    fn json(&self) -> String {
        match self {
            FilterStep::Shuffle(width) => format!("{{\"id\":\"shuffle\",\"elementsize\":{width}}}"),
            FilterStep::Zlib(level) => format!("{{\"id\":\"zlib\",\"level\":{level}}}"),
            FilterStep::Zstd(level) => format!("{{\"id\":\"zstd\",\"level\":{level}}}"),
            FilterStep::Bzip2(level) => format!("{{\"id\":\"bz2\",\"level\":{level}}}"),
            FilterStep::Blosc { level, shuffle, compressor } => format!(
                "{{\"id\":\"blosc\",\"cname\":\"{compressor}\",\"clevel\":{level},\"shuffle\":{shuffle},\"blocksize\":0}}"
            ),
            FilterStep::Fletcher32 => "{\"id\":\"fletcher32\"}".to_owned(),
        }
    }

    fn is_compressor(&self) -> bool {
        !matches!(self, FilterStep::Shuffle(_) | FilterStep::Fletcher32)
    }
}

impl FilterSteps {
    /// No filters.
    pub(super) fn none() -> Self {
        FilterSteps(Vec::new())
    }

    /// Deflate alone, for what is stored in the map itself.
    pub(super) fn zlib() -> Self {
        FilterSteps(vec![FilterStep::Zlib(1)])
    }

    /// The filters of chunks of elements of `element` bytes, without those whose bits are set in `skipped`; `None` if
    /// numcodecs lacks one.
    pub(super) fn of(filters: &[StoredFilter], skipped: u32, element: u32) -> Option<Self> {
        let applied = |n: usize| u32::try_from(n).is_ok_and(|n| skipped.checked_shr(n).unwrap_or(0) & 1 == 0);
        let active = filters.iter().enumerate().filter(|(n, _)| applied(*n));
        let steps =
            active.map(|(_, filter)| FilterStep::of(filter, element)).collect::<Option<Vec<FilterStep>>>()?;
        // shuffling bytes does nothing
        Some(FilterSteps(steps.into_iter().filter(|step| *step != FilterStep::Shuffle(1)).collect()))
    }

    /// Whether there are none.
    pub(super) fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// The members `compressor` and `filters` of the metadata of an array; `first` are filters that come before.
    pub(super) fn json(&self, first: &str) -> String {
        let (compressor, filters) = match self.0.split_last() {
            Some((last, before)) if last.is_compressor() => (last.json(), before),
            _ => ("null".to_owned(), &self.0[..]),
        };
        let own = filters.iter().map(FilterStep::json);
        let filters: Vec<String> =
            Some(first.to_owned()).filter(|f| !f.is_empty()).into_iter().chain(own).collect();
        let filters = if filters.is_empty() { "null".to_owned() } else { format!("[{}]", filters.join(",")) };
        format!("\"compressor\":{compressor},\"filters\":{filters}")
    }

    /// Whether [`encode`](Self::encode) can apply them all.
    pub(super) fn can_encode(&self) -> bool {
        self.0
            .iter()
            .all(|step| matches!(step, FilterStep::Shuffle(_) | FilterStep::Zlib(_) | FilterStep::Fletcher32))
    }

    /// Applies the filters to a chunk.
    ///
    /// # Errors
    /// `Unsupported` if one of them has no encoder.
    pub(super) fn encode(&self, chunk: Vec<u8>) -> Result<Vec<u8>> {
        let mut bytes = chunk;
        for step in &self.0 {
            match step {
                FilterStep::Shuffle(width) => {
                    let mut out = Vec::new();
                    shuffle::shuffle(&bytes, *width, &mut out);
                    bytes = out;
                }
                FilterStep::Zlib(_) => bytes = deflated(&bytes)?,
                FilterStep::Fletcher32 => bytes.extend(fletcher32::fletcher32(&bytes).to_le_bytes()),
                other => return Err(Error::unsupported(format!("encoding {}", quoted(&other.json())?))),
            }
        }
        Ok(bytes)
    }
}

/// Deflates `bytes`; what would grow is stored in blocks without compression.
fn deflated(bytes: &[u8]) -> Result<Vec<u8>> {
    let level = |level| Filters { compression: Compression::Gzip(level), ..Filters::default() };
    let mut work = EncodeWork::default();
    let made = level(1).encode(bytes, 1, &mut work)?;
    // a chunk that would grow is given back as it is
    if made.mask == 0 { Ok(made.bytes) } else { Ok(level(0).encode(bytes, 1, &mut work)?.bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::deflate::Inflater;

    fn filters(names: &[(&str, &[u32])]) -> Vec<StoredFilter> {
        let one = |(name, parameters): &(&str, &[u32])| StoredFilter {
            name: (*name).to_owned(),
            parameters: parameters.to_vec(),
        };
        names.iter().map(one).collect()
    }

    #[test]
    fn the_last_compressor_is_the_compressor_and_others_are_filters() {
        let all = filters(&[("shuffle", &[4]), ("gzip", &[6]), ("fletcher32", &[])]);
        let json = |skipped| FilterSteps::of(&all, skipped, 4).unwrap().json("");
        assert_eq!(
            json(0),
            "\"compressor\":null,\"filters\":[{\"id\":\"shuffle\",\"elementsize\":4},{\"id\":\"zlib\",\"level\":6},{\"id\":\"fletcher32\"}]"
        );
        assert_eq!(
            json(0b100),
            "\"compressor\":{\"id\":\"zlib\",\"level\":6},\"filters\":[{\"id\":\"shuffle\",\"elementsize\":4}]"
        );
        assert_eq!(json(0b111), "\"compressor\":null,\"filters\":null");
        assert!(FilterSteps::of(&filters(&[("shuffle", &[1])]), 0, 1).unwrap().is_none());
        let first = FilterSteps::zlib().json("{\"id\":\"vlen-utf8\"}");
        assert!(first.ends_with("\"filters\":[{\"id\":\"vlen-utf8\"}]"), "{first}");
    }

    #[test]
    fn what_numcodecs_lacks_is_no_step() {
        for name in ["lzf", "lz4", "szip", "nbit", "bitshuffle", "blosc2", "40000"] {
            assert_eq!(FilterSteps::of(&filters(&[(name, &[])]), 0, 4), None, "{name}");
            assert!(FilterSteps::of(&filters(&[(name, &[])]), 1, 4).is_some(), "{name}, skipped");
        }
        let blosc =
            |compressor| FilterSteps::of(&filters(&[("blosc", &[2, 2, 4, 100, 5, 1, compressor])]), 0, 4);
        assert!(blosc(1).is_some() && blosc(3).is_none());
    }

    #[test]
    fn chunks_are_encoded_as_the_file_would() {
        let noise: Vec<u8> = (0..1000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let steps =
            FilterSteps::of(&filters(&[("shuffle", &[4]), ("gzip", &[6]), ("fletcher32", &[])]), 0, 4);
        let encoded = steps.unwrap().encode(noise.clone()).unwrap();
        let (mut shuffled, mut back) = (vec![0; noise.len()], vec![0; noise.len()]);
        let stored = fletcher32::strip(&encoded).unwrap();
        Inflater::default().inflate_exact(stored, &mut shuffled).unwrap();
        shuffle::unshuffle(&shuffled, 4, &mut back);
        assert!(back == noise);
        let zstd = FilterSteps::of(&filters(&[("zstd", &[3])]), 0, 4).unwrap();
        assert!(!zstd.can_encode() && zstd.encode(noise).is_err());
    }
}
