//! Draws random samples of rows.

use crate::error::{Error, Result};
use crate::random::Random;

/// Draws `n` of the rows `all` at random without replacement and keeps their order. The same seed gives the
/// same rows. Uses selection sampling (Knuth, TAOCP 3.4.2, algorithm S).
///
/// # Errors
/// `Usage` if there are fewer than `n` rows.
pub fn sample(all: &[u64], n: u64, seed: u64) -> Result<Vec<u64>> {
    if n > all.len() as u64 {
        return Err(Error::usage(format!("{n} of {} rows cannot be sampled", all.len())));
    }
    let mut random_numbers = Random::new(seed, 0);
    let mut left = all.len() as u64;
    let mut wanted = n;
    let mut out = Vec::with_capacity(n as usize);
    for row in all {
        let random = random_numbers.below(left);
        if random < wanted {
            out.push(*row);
            wanted -= 1;
        }
        left -= 1;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_of_the_wanted_size_and_repeat() {
        let all: Vec<u64> = (0..1000).collect();
        let one = sample(&all, 100, 7).unwrap();
        assert_eq!((one.len(), &one), (100, &sample(&all, 100, 7).unwrap()));
        assert!(one.is_sorted() && one != sample(&all, 100, 8).unwrap());
        assert_eq!(sample(&all, 1000, 1).unwrap(), all);
    }
}
