//! Two streams inflated side by side on one core.
//!
//! Streams of matrices alternate between one or two literals and a short match. A decoder that branches on
//! each symbol spends most of its time on mispredicted branches. Each step here takes up to two literals and
//! a match without branching: an absent part takes no bits and produces no bytes. A step is a long chain of
//! dependent loads and shifts; two interleaved streams use each other's waiting time.
//!
//! Matches are copied by shuffling bytes in registers. The last 16 bytes of output stay in a register, so
//! that a match of a short distance does not wait for the preceding write.
//!
//! Anything a step cannot do (a code that is not in the table, the end of a block, of the input or of the
//! output) is left to [`Stream::advance`]; streams not accepted here are left to zlib-rs, which decides.

// Indexes are masked to the length of their tables or bounded by the lines before; sums have operands bounded
// by the tables and by the lengths of the slices.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

use super::bits::{Input, Refused};
use super::code::{CodeEntry, Codes, DISTANCE_BITS, LITERAL_BITS};
use super::stream::{At, Stream};
use fearless_simd::{Level, Simd, dispatch, prelude::*, u8x16};
use std::hint::select_unpredictable;

/// Codes of two streams, reused for the next pair.
pub(super) struct Pair {
    codes: [Box<Codes>; 2],
    shuffles: Shuffles,
    level: Level,
    /// Number of pairs still left to zlib-rs after one on which it is faster.
    skip: u32,
}

/// Number of pairs left to zlib-rs before the next one is examined.
const SKIPPED: u32 = 15;

impl Pair {
    pub(super) fn new(level: Level) -> Self {
        Pair { codes: [Codes::new(), Codes::new()], shuffles: Shuffles::new(), level, skip: 0 }
    }

    /// Inflates each stream into all of its output; `false` if zlib-rs should do it, because it is faster or
    /// has an error to report.
    pub(super) fn inflate(&mut self, two: [(&[u8], &mut [u8]); 2]) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        has_shuffles(self.level) && self.try_inflate(two, true).is_ok()
    }

    /// As [`inflate`](Self::inflate), regardless of which is faster.
    #[cfg(any(test, fuzzing))]
    pub(super) fn inflate_any(&mut self, two: [(&[u8], &mut [u8]); 2]) -> bool {
        self.try_inflate(two, false).is_ok()
    }

    fn try_inflate(&mut self, [a, b]: [(&[u8], &mut [u8]); 2], choose: bool) -> Result<(), Refused> {
        let [codes_a, codes_b] = &mut self.codes;
        let mut a = Stream::new(a.0, a.1, codes_a)?;
        let mut b = Stream::new(b.0, b.1, codes_b)?;
        if choose {
            for stream in [&mut a, &mut b] {
                let stored = stream.input.rest.len();
                stream.header()?;
                if !is_mixed(stream, stored) {
                    self.skip = SKIPPED;
                    return Err(Refused);
                }
            }
        }
        let shuffles = &self.shuffles;
        dispatch!(self.level, simd => both(simd, shuffles, &mut a, &mut b))?;
        let right = a.finish()? & b.finish()?;
        // Almost no stream that a fuzzer generates has the right checksum.
        let counts = choose || !cfg!(fuzzing);
        if right || !counts { Ok(()) } else { Err(Refused) }
    }
}

/// Whether the codes of the first block promise a mix of literals and matches. If nearly all symbols are of
/// one kind, branches are predicted well; if matches are long, copying dominates.
fn is_mixed(stream: &Stream<'_>, stored: usize) -> bool {
    stream.at == At::Codes
        && ((1 << 15) / 6..(1 << 15) / 3 * 2).contains(&stream.codes.share)
        && stream.out.len() / 8 < stored
}

/// Whether the processor shuffles bytes and shifts by variable amounts in one instruction each.
fn has_shuffles(level: Level) -> bool {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(_) | Level::Avx512(_) => true,
        #[cfg(target_arch = "aarch64")]
        Level::Neon(_) => true,
        _ => false,
    }
}

/// A vector of bytes used as shuffle indexes or input.
type Row = [u8; 16];

/// Shuffle index tables.
struct Shuffles {
    /// At `n`: indexes that keep the last 16 bytes after `n` bytes of a second vector are appended to a
    /// first.
    append: [u8; 48],
    /// Row `n`: the same for the literals of `n` entries, stored in their third bytes.
    literals: [Row; 4],
    /// Row `d`: repeats the last `d` of 16 bytes; row 0 leaves them unchanged.
    repeat: [Row; 32],
}

impl Shuffles {
    fn new() -> Self {
        let row = |f: &dyn Fn(usize) -> usize| -> Row { std::array::from_fn(|i| f(i) as u8) };
        let literals = |n: usize| row(&|i| if i + n < 16 { i + n } else { 18 + 4 * (i + n - 16) });
        let repeat = |d: usize| match d {
            1..16 => row(&|i| 16 - d + i % d),
            _ => row(&|i| i),
        };
        Shuffles {
            append: std::array::from_fn(|i| i as u8),
            literals: std::array::from_fn(literals),
            repeat: std::array::from_fn(repeat),
        }
    }

    /// The last 16 bytes after the first `n`, at most 16, of `more` are appended to `window`.
    #[inline(always)]
    fn append<S: Simd>(&self, simd: S, window: u8x16<S>, more: u8x16<S>, n: usize) -> u8x16<S> {
        simd.concat_swizzle_dyn_u8x16(window, more, u8x16::from_slice(simd, &self.append[n..n + 16]))
    }
}

/// The state of a stream during a step, all of it in registers.
#[derive(Clone, Copy)]
struct Lane<'a, S: Simd> {
    input: Input<'a>,
    made: usize,
    /// The last 16 bytes of output.
    window: u8x16<S>,
}

impl<'a, S: Simd> Lane<'a, S> {
    /// `None` if fewer than 16 bytes were produced, or the stream is not inside the symbols of a block.
    #[inline(always)]
    fn of(simd: S, stream: &Stream<'a>) -> Option<Self> {
        let window = stream.out.get(..stream.made)?.last_chunk::<16>()?;
        let window = u8x16::simd_from(simd, *window);
        (stream.at == At::Codes).then_some(Lane { input: stream.input, made: stream.made, window })
    }

    /// Takes up to two literals and a match; `false`, with nothing consumed, if that is not possible here.
    #[inline(always)]
    fn step(&mut self, simd: S, shuffles: &Shuffles, codes: &Codes, out: &mut [u8]) -> bool {
        let Input { bits, count, rest } = self.input;
        let Some(word) = rest.first_chunk::<8>() else { return false };
        // 56 bits at least: two codes of 11, 5 extra, one of 9, 13 extra are 49
        let bits = bits | u64::from_le_bytes(*word).wrapping_shl(count);
        let whole = (!count >> 3 & 7) as usize;

        // a literal, or nothing if the next code is a length
        let first = codes.literals.table[(bits & ((1 << LITERAL_BITS) - 1)) as usize];
        let behind = bits.wrapping_shr(first.0);
        let second = codes.literals.table[(behind & ((1 << LITERAL_BITS) - 1)) as usize];
        let last = select_unpredictable(first.top(), second, first);
        let bits = select_unpredictable(first.top(), behind, bits);
        // a second literal, or a length
        let behind = bits.wrapping_shr(last.0);
        let length = select_unpredictable(last.top(), 0, (last.0 >> 16 & 0x1ff) + extra(bits, last)) as usize;
        let distance = codes.distances.table[(behind & ((1 << DISTANCE_BITS) - 1)) as usize];
        let distance = select_unpredictable(last.top(), CodeEntry(0), distance);
        let left = behind.wrapping_shr(distance.0);
        // the lowest bits of the entries are their numbers of bits
        let taken =
            select_unpredictable(first.top(), first.0, 0).wrapping_add(last.0).wrapping_add(distance.0);
        let unknown = distance.top();
        let distance = (distance.0 >> 16).wrapping_add(extra(behind, distance)) as usize;

        let literals = (first.0 >> 31) as usize + (last.0 >> 31) as usize;
        let pair = u128::from(first.0) | u128::from(last.0) << 32;
        let order = u8x16::simd_from(simd, shuffles.literals[literals & 3]);
        let window =
            simd.concat_swizzle_dyn_u8x16(self.window, u8x16::simd_from(simd, pair.to_le_bytes()), order);
        let to = self.made.wrapping_add(literals);
        if unknown {
            return false;
        }
        if length > 16 {
            let Some(window) = copy_long(shuffles, out, to, (length, distance), window.into()) else {
                return false;
            };
            self.window = u8x16::simd_from(simd, window);
        } else {
            // The window is written over the bytes it already holds and the literals; a match that overlaps
            // itself is the window, repeated.
            let far = distance > 16;
            let back = select_unpredictable(far, distance, 16);
            let Some((before, after)) = out.split_at_mut_checked(to) else { return false };
            let Some(after) = after.first_chunk_mut::<16>() else { return false };
            let Some(from) = to.checked_sub(back) else { return false };
            let Some(slot) = before.last_chunk_mut::<16>() else { return false };
            *slot = window.into();
            let Some(source) = before.get(from..).and_then(|b| b.first_chunk::<16>()) else { return false };
            let order = shuffles.repeat[select_unpredictable(far, 0, distance) & 31];
            let copy = simd.swizzle_dyn_u8x16(u8x16::simd_from(simd, *source), u8x16::simd_from(simd, order));
            *after = copy.into();
            self.window = shuffles.append(simd, window, copy, length);
        }
        self.made = to.wrapping_add(length);
        self.input = Input { bits: left, count: (count | 56).wrapping_sub(taken), rest: &rest[whole..] };
        true
    }

    #[inline(always)]
    fn leave(&self, stream: &mut Stream<'a>) {
        (stream.input, stream.made) = (self.input, self.made);
    }
}

/// The extra bits after a code.
#[inline(always)]
fn extra(bits: u64, entry: CodeEntry) -> u32 {
    let all = bits & !u64::MAX.wrapping_shl(entry.0);
    all.wrapping_shr(entry.0 >> 8) as u32
}

/// Copies a match of more than 16 bytes after `window`, which ends at `to`; returns the new window. May write
/// up to 16 excess bytes; does nothing if there is no room for them or the distance is too large.
#[inline(never)]
fn copy_long(
    shuffles: &Shuffles,
    out: &mut [u8],
    to: usize,
    (length, distance): (usize, usize),
    window: Row,
) -> Option<Row> {
    let end = to.checked_add(length)?;
    let from = to.checked_sub(distance)?;
    if length > CodeEntry::LONGEST || end.checked_add(16)? > out.len() {
        return None;
    }
    *out.get_mut(..to)?.last_chunk_mut::<16>()? = window;
    if distance >= 16 {
        let near = out.get_mut(from..end + 16)?;
        for k in (0..length).step_by(16) {
            let chunk = *near.get(k..)?.first_chunk::<16>()?;
            *near.get_mut(k + distance..)?.first_chunk_mut::<16>()? = chunk;
        }
    } else {
        let order = shuffles.repeat[distance & 31];
        let chunk: Row = order.map(|i| window[usize::from(i & 15)]);
        for k in (0..length).step_by(16 - 16 % distance.max(1)) {
            *out.get_mut(to + k..)?.first_chunk_mut::<16>()? = chunk;
        }
    }
    out.get(..end)?.last_chunk::<16>().copied()
}

/// Inflates both streams to their ends.
#[inline(always)]
fn both<'a, S: Simd>(
    simd: S,
    shuffles: &Shuffles,
    a: &mut Stream<'a>,
    b: &mut Stream<'a>,
) -> Result<(), Refused> {
    while a.at != At::End && b.at != At::End {
        let Some(mut lane_a) = Lane::of(simd, a) else {
            a.advance()?;
            continue;
        };
        let Some(mut lane_b) = Lane::of(simd, b) else {
            b.advance()?;
            continue;
        };
        let a_stopped = loop {
            if !lane_a.step(simd, shuffles, a.codes, a.out) {
                break true;
            }
            if !lane_b.step(simd, shuffles, b.codes, b.out) {
                break false;
            }
        };
        lane_a.leave(a);
        lane_b.leave(b);
        if a_stopped { a.advance()? } else { b.advance()? }
    }
    let rest = if a.at == At::End { b } else { a };
    while rest.at != At::End {
        if let Some(mut lane) = Lane::of(simd, rest) {
            while lane.step(simd, shuffles, rest.codes, rest.out) {}
            lane.leave(rest);
        }
        rest.advance()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use zlib_rs::{Deflate, DeflateFlush, Status};

    /// All levels that this processor supports.
    fn levels() -> Vec<Level> {
        let level = Level::new();
        #[cfg(target_arch = "x86_64")]
        let lower = [
            level.as_avx512().map(Level::Avx512),
            level.as_avx2().map(Level::Avx2),
            level.as_sse4_2().map(Level::Sse4_2),
            level.as_sse2().map(Level::Sse2),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let lower = [Some(level)];
        lower.into_iter().flatten().collect()
    }

    fn deflated(bytes: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = Deflate::new(level as i32, true, 15);
        let mut out = vec![0; bytes.len() * 2 + 1024];
        let done = encoder.compress(bytes, &mut out, DeflateFlush::Finish);
        assert!(matches!(done, Ok(Status::StreamEnd)));
        out.truncate(encoder.total_out() as usize);
        out
    }

    /// The output of zlib-rs for a stream that must decode to `len` bytes.
    fn reference(stream: &[u8], len: usize) -> Option<Vec<u8>> {
        let mut out = vec![0; len];
        super::super::Inflater::default().inflate_exact(stream, &mut out).ok().map(|()| out)
    }

    /// Inflates both at every level and checks that accepted output equals that of zlib-rs. Returns how many
    /// were accepted.
    fn check(a: (&[u8], usize), b: (&[u8], usize)) -> usize {
        let want = [reference(a.0, a.1), reference(b.0, b.1)];
        let mut accepted = 0;
        for level in levels() {
            let mut pair = Pair::new(level);
            // the second time with codes that another pair left in the tables
            for (a, b, want) in [(a, b, [&want[0], &want[1]]), (b, a, [&want[1], &want[0]])] {
                let (mut out_a, mut out_b) = (vec![0xaa; a.1], vec![0x55; b.1]);
                if pair.inflate_any([(a.0, &mut out_a), (b.0, &mut out_b)]) {
                    assert_eq!(
                        (Some(&out_a), Some(&out_b)),
                        (want[0].as_ref(), want[1].as_ref()),
                        "{level:?}"
                    );
                    accepted += 1;
                }
            }
        }
        accepted
    }

    fn both_whole(a: &[u8], b: &[u8], compression: u32) {
        let (x, y) = (deflated(a, compression), deflated(b, compression));
        assert_eq!(check((&x, a.len()), (&y, b.len())), 2 * levels().len(), "all accepted");
    }

    /// Ascending numbers of `width` bytes with gaps of up to `gap`, as minor indices are.
    fn ascending(n: usize, gap: u32, width: usize) -> Vec<u8> {
        let (mut at, mut seed) = (0u64, 1u32);
        let numbers = (0..n).flat_map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            at = (at + 1 + u64::from((seed >> 16) % gap)) % 30_000;
            at.to_le_bytes()[..width].to_vec()
        });
        numbers.collect()
    }

    #[test]
    fn streams_of_matrices() {
        let indices = ascending(25_000, 25, 4);
        let wide = ascending(9_000, 3, 8);
        let values: Vec<u8> = (0..20_000u32).flat_map(|i| ((i * i % 7) as f32).to_le_bytes()).collect();
        for compression in [1, 4, 6, 9] {
            both_whole(&indices, &wide, compression);
            both_whole(&values, &indices, compression);
            both_whole(&wide, &values[..4000], compression);
        }
    }

    #[test]
    fn every_distance_and_length_of_a_copy() {
        // a beginning without repeats, then copies from every distance, then each length
        let mut bytes = ascending(300, 200, 2);
        for distance in (1..70).chain([255, 256, 500]) {
            for length in (3..40).chain([257, 258, 259, 600]) {
                let from = bytes.len() - distance;
                for k in 0..length {
                    bytes.push(bytes[from + k]);
                }
                bytes.push((distance * 31 + length) as u8);
            }
        }
        both_whole(&bytes, &bytes[7..], 6);
        both_whole(&bytes, &bytes[..5000], 9);
    }

    #[test]
    fn stored_fixed_and_empty_blocks() {
        let noise: Vec<u8> = ascending(70_000, 29_999, 2);
        both_whole(&noise, b"short", 0);
        both_whole(b"a", b"", 6);
        both_whole(&[7; 100_000], &noise, 1);
        both_whole(&ascending(50, 9, 4), &ascending(60, 9, 4), 1);
    }

    #[test]
    fn codes_that_the_table_does_not_hold() {
        // Fibonacci counts give the longest possible codes
        let (mut bytes, mut n, mut before) = (Vec::new(), 1usize, 1usize);
        for symbol in 0..20u8 {
            bytes.extend(std::iter::repeat_n(symbol, n));
            (n, before) = (n + before, n);
        }
        // shuffled, so that counts matter and not runs
        let len = bytes.len();
        let spread: Vec<u8> = (0..len).map(|i| bytes[i * 7_919 % len]).collect();
        both_whole(&spread, &ascending(10_000, 25, 4), 9);
    }

    #[test]
    fn bytes_behind_the_stream_do_not_count() {
        let bytes = ascending(1000, 25, 4);
        let mut stream = deflated(&bytes, 4);
        stream.extend([0; 40]);
        assert_eq!(check((&stream, bytes.len()), (&stream, bytes.len())), 2 * levels().len());
    }

    #[test]
    fn what_zlib_does_faster_is_left_to_it() {
        let mut pair = Pair::new(Level::new());
        if !has_shuffles(pair.level) {
            return;
        }
        let indices = ascending(25_000, 25, 4);
        let stream = deflated(&indices, 9);
        let zeros = deflated(&[0; 100_000], 9);
        let (mut a, mut b) = (vec![0; 100_000], vec![0; 100_000]);
        let mut run = |a_in: &[u8], b_in: &[u8]| pair.inflate([(a_in, &mut a), (b_in, &mut b)]);
        assert!(run(&stream, &stream));
        assert!(!run(&zeros, &stream));
        for _ in 0..SKIPPED {
            assert!(!run(&stream, &stream), "the next pairs are taken to be like it");
        }
        assert!(run(&stream, &stream));
    }

    proptest! {
        #[test]
        fn as_zlib_on_any_bytes(
            a in proptest::collection::vec(prop_oneof![Just(0u8), 0..4u8, any::<u8>()], 0..3000),
            gap in 1..300u32,
            width in 1..9usize,
            compression in 0..10u32,
        ) {
            both_whole(&a, &ascending(a.len() / 2, gap, width), compression);
        }

        #[test]
        fn as_zlib_on_damaged_streams(
            gap in 1..60u32,
            n in 1..2000usize,
            compression in 1..10u32,
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in proptest::option::of(any::<prop::sample::Index>()),
            longer in 0..3usize,
        ) {
            let bytes = ascending(n, gap, 4);
            let whole = deflated(&bytes, compression);
            let mut stream = whole.clone();
            for (at, value) in damage {
                let at = at.index(stream.len());
                stream[at] = value;
            }
            if let Some(cut) = cut {
                stream.truncate(cut.index(stream.len()));
            }
            check((&stream, bytes.len() + longer), (&whole, bytes.len()));
        }
    }
}
