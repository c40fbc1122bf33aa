//! `annmap bench`: random row and column reads per second, for each store.

use super::report::Out;
use annmap::matrix::{Orientation, Source};
use annmap::store::Store;
use annmap::{Error, Kind, Result};
use serde::Serialize;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stores to measure
    #[arg(required = true)]
    stores: Vec<PathBuf>,
    /// Seed of the random choice: the same seed reads the same rows and columns
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds to measure for rows and for columns of each store; the warm-up before it takes at most as long
    #[arg(long, default_value_t = 1.0, value_name = "S")]
    seconds: f64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Measurement along one axis.
struct Rate {
    reads: u64,
    entries: u64,
    seconds: f64,
}

/// The rates of one store, as JSON.
#[derive(Debug, Serialize)]
struct StoreRates {
    store: String,
    layout: &'static str,
    seed: u64,
    rows: Rates,
    columns: Rates,
}

#[derive(Debug, Serialize)]
struct Rates {
    reads: u64,
    seconds: f64,
    per_second: f64,
    entries_per_second: f64,
}

impl Rates {
    fn new(r: &Rate) -> Self {
        Rates {
            reads: r.reads,
            seconds: r.seconds,
            per_second: r.per_second(r.reads),
            entries_per_second: r.per_second(r.entries),
        }
    }
}

impl Rate {
    fn per_second(&self, n: u64) -> f64 {
        if self.seconds > 0.0 { n as f64 / self.seconds } else { 0.0 }
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if !(args.seconds > 0.0 && args.seconds <= 3600.0) {
        return Err(Error::new(Kind::Usage, "--seconds is between 0 and 3600"));
    }
    let mut out = Out::new();
    if !args.json {
        out.line(&format!(
            "{:12} {:>14} {:>14} {:>16} {:>16}  store",
            "layout", "rows/s", "columns/s", "row entries/s", "column entries/s"
        ))?;
    }
    for path in &args.stores {
        let found = Store::find(path);
        if found.is_empty() {
            return Err(Error::new(Kind::Usage, "not a store").in_file(path));
        }
        for path in found {
            let store = Store::open(&path)?;
            let [rows, columns] = [axis(&store, 0, args)?, axis(&store, 1, args)?];
            let layout = store.layout().orientation;
            if args.json {
                out.json(&StoreRates {
                    store: path.display().to_string(),
                    layout: layout.name(),
                    seed: args.seed,
                    rows: Rates::new(&rows),
                    columns: Rates::new(&columns),
                })?;
            } else {
                out.line(&format!(
                    "{:12} {:14.1} {:14.1} {:16.0} {:16.0}  {}",
                    layout.encoding(),
                    rows.per_second(rows.reads),
                    columns.per_second(columns.reads),
                    rows.per_second(rows.entries),
                    columns.per_second(columns.entries),
                    path.display()
                ))?;
            }
        }
    }
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// Reads random rows (axis 0) or columns (axis 1) until the time is up, after a warm-up pass over the same
/// ones.
fn axis(store: &Store, axis: usize, args: &Args) -> Result<Rate> {
    let length = store.layout().shape()[axis];
    if length == 0 {
        return Ok(Rate { reads: 0, entries: 0, seconds: 0.0 });
    }
    let time = Duration::from_secs_f64(args.seconds);
    let warm = pass(store, axis, length, args.seed, |n, spent| n >= 10_000 || spent >= time)?;
    pass(store, axis, length, args.seed, |n, spent| spent >= time || (n >= warm.reads && spent >= time / 10))
}

fn pass(
    store: &Store,
    axis: usize,
    length: u64,
    seed: u64,
    enough: impl Fn(u64, Duration) -> bool,
) -> Result<Rate> {
    let along = (store.layout().orientation == Orientation::Csr) == (axis == 0);
    let mut random = SplitMix(seed);
    let (began, mut reads, mut entries) = (Instant::now(), 0, 0);
    loop {
        let n = random.next() % length;
        if along {
            let (minor, values) = store.line(n)?;
            entries += minor.len() as u64;
            black_box(values.iter().fold(0u64, |a, b| a.wrapping_add(u64::from(*b))));
        } else {
            let (lines, values) = store.across(n)?;
            entries += lines.len() as u64;
            black_box(values.len());
        }
        reads += 1;
        if enough(reads, began.elapsed()) {
            return Ok(Rate { reads, entries, seconds: began.elapsed().as_secs_f64() });
        }
    }
}

/// SplitMix64, by Sebastiano Vigna.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
