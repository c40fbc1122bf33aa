//! Options common to all commands that process data, and the thread pool and observer they configure.

use super::progress::{Progress, ProgressArg};
use super::{args, system};
use annmap::matrix::Budget;
use annmap::{Error, Kind, Limits, Result};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Common {
    /// Worker threads [default: all cores that the affinity mask and the control group allow]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Memory for buffers, such as 512M or 4G [default: half of the free memory, at most 4G]
    #[arg(long, value_name = "SIZE", value_parser = args::size())]
    memory: Option<u64>,
    /// Exit with this code instead of 6 where the memory does not suffice, for pipelines that retry with more after
    /// certain codes (137, 104)
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u8).range(1..), hide_short_help = true)]
    memory_exit: Option<u8>,
    /// Directory for temporary files, used when the memory does not suffice [default: beside the output]
    #[arg(long, value_name = "DIR")]
    pub(crate) tmpdir: Option<PathBuf>,
    /// How to show progress on stderr: a bar (only on a terminal), one JSON line per second, or nothing
    #[arg(long, value_enum, default_value_t = ProgressArg::Auto, value_name = "HOW")]
    progress: ProgressArg,
    /// Print nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Print the result as JSON, and errors and warnings too
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    limits: args::LimitArgs,
}

impl Common {
    pub(crate) fn budget(&self) -> Budget {
        Budget::new(self.memory.unwrap_or_else(system::default_memory))
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits.limits()
    }

    /// Runs `work` in a pool with the requested number of threads. Its observer shows progress and reports
    /// signals.
    pub(crate) fn run<R: Send>(&self, work: impl FnOnce(&Progress) -> Result<R> + Send) -> Result<R> {
        let threads = self.threads.map_or_else(system::default_threads, usize::from);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("annmap-{i}"))
            .build()
            .map_err(|e| Error::new(Kind::Limit, format!("cannot start {threads} threads: {e}")))?;
        let progress = Progress::new(self.progress, self.quiet);
        let done = pool.install(|| work(&progress));
        progress.end();
        done
    }
}
