//! Locks, and parallel loops over indices that report the same error whatever the number of threads.

use crate::error::{Error, Result};
use crate::observe::Observer;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, even if a worker panicked while holding the lock. The data behind the locks of this crate
/// is either changed in one step or not used after a panic, and a second panic would hide the first.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the value of a mutex that is no longer shared, even after a panic as in [`lock`].
pub(crate) fn into_inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Borrows the value of a mutex that is not shared, without locking, even after a panic as in [`lock`].
pub(crate) fn get_mut<T>(mutex: &mut Mutex<T>) -> &mut T {
    mutex.get_mut().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `condvar` is notified and returns the guard, even after a panic as in [`lock`].
#[cfg_attr(not(all(feature = "write", target_pointer_width = "64")), allow(dead_code))]
pub(crate) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Collects the errors of several workers and keeps the one of the lowest index, so that the same input fails
/// the same way whatever the number of threads.
///
/// This requires that indices are handed out in ascending order, that none is handed out after
/// [`stopped`](Self::stopped), and that each one handed out is processed to its end: then every index below a
/// failed one has been tried too.
#[derive(Debug, Default)]
pub(crate) struct FirstError {
    stopped: AtomicBool,
    first: Mutex<Option<(u64, Error)>>,
}

impl FirstError {
    /// Keeps `error` of index `at` unless an error of a lower index is kept already, and signals the workers
    /// to stop.
    pub(crate) fn note(&self, at: u64, error: Error) {
        self.stopped.store(true, Relaxed);
        let mut first = lock(&self.first);
        if first.as_ref().is_none_or(|(index, _)| at < *index) {
            *first = Some((at, error));
        }
    }

    /// Whether an error was noted; no further index may be started then.
    pub(crate) fn stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// Returns the kept error, if any.
    pub(crate) fn finish(self) -> Result<()> {
        into_inner(self.first).map_or(Ok(()), |(_, error)| Err(error))
    }
}

/// Calls `work` once for each index below `count`, on at most `workers` threads of the current rayon pool.
/// Each worker has its own state, made by `state`; one worker runs in the calling thread.
///
/// # Errors
/// The error of the lowest index that failed; no index is started after an error. `Cancelled` if `observer`,
/// which is asked before each index, cancels.
#[cfg_attr(not(target_pointer_width = "64"), allow(dead_code))]
pub(crate) fn each_in_parallel<S>(
    count: u64,
    workers: usize,
    observer: &dyn Observer,
    state: impl Fn() -> S + Sync,
    work: impl Fn(u64, &mut S) -> Result<()> + Sync,
) -> Result<()> {
    let next = AtomicU64::new(0);
    let failed = FirstError::default();
    let run = || {
        let mut state = state();
        while !failed.stopped() {
            let index = next.fetch_add(1, Relaxed);
            if index >= count {
                return;
            }
            let done = if observer.cancelled() { Err(Error::cancelled()) } else { work(index, &mut state) };
            if let Err(e) = done {
                failed.note(index, e);
            }
        }
    };
    let workers = workers.min(usize::try_from(count).unwrap_or(usize::MAX));
    if workers <= 1 {
        run();
    } else {
        rayon::scope(|scope| (0..workers).for_each(|_| scope.spawn(|_| run())));
    }
    failed.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    #[test]
    fn every_index_is_worked_on_once_by_no_more_workers_than_asked_for() {
        for (threads, workers) in [(1, 1), (4, 3), (4, 100)] {
            let (seen, states) = (Mutex::new(vec![0; 1000]), AtomicU64::new(0));
            let state = || states.fetch_add(1, Relaxed);
            let work = |n: u64, _: &mut u64| {
                lock(&seen)[n as usize] += 1;
                Ok(())
            };
            pool(threads).install(|| each_in_parallel(1000, workers, &(), state, work)).unwrap();
            assert!(into_inner(seen).iter().all(|n| *n == 1));
            assert!(states.into_inner() <= workers as u64);
        }
        each_in_parallel(0, 4, &(), || (), |_, ()| Err(Error::malformed("there is no index"))).unwrap();
    }

    #[test]
    fn the_error_of_the_lowest_index_comes_back_and_the_rest_is_not_begun() {
        for threads in [1, 4] {
            let begun = AtomicU64::new(0);
            let work = |n: u64, (): &mut ()| {
                begun.fetch_add(1, Relaxed);
                // the lower of the two indices fails later
                if n == 10 {
                    while threads > 1 && begun.load(Relaxed) < 12 {
                        std::thread::yield_now();
                    }
                }
                if n == 10 || n == 11 { Err(Error::malformed(format!("index {n}"))) } else { Ok(()) }
            };
            let done = pool(threads).install(|| each_in_parallel(1 << 40, threads, &(), || (), work));
            assert_eq!(done.unwrap_err().message(), "index 10");
        }
    }

    #[test]
    fn the_observer_stops_it() {
        struct Stop;
        impl Observer for Stop {
            fn cancelled(&self) -> bool {
                true
            }
        }
        let work = |_, (): &mut ()| Err(Error::malformed("begun all the same"));
        assert_eq!(each_in_parallel(9, 2, &Stop, || (), work).unwrap_err().kind(), Kind::Cancelled);
    }

    #[test]
    fn a_panic_elsewhere_does_not_become_a_second_one() {
        let shared = std::sync::Arc::new(Mutex::new(7));
        let other = shared.clone();
        let worker = std::thread::spawn(move || {
            let _held = other.lock().unwrap();
            panic!("while it is held");
        });
        assert!(worker.join().is_err() && shared.is_poisoned());
        assert_eq!(*lock(&shared), 7);
        let mut shared = std::sync::Arc::into_inner(shared).unwrap();
        assert_eq!(*get_mut(&mut shared), 7);
        assert_eq!(into_inner(shared), 7);
    }
}
