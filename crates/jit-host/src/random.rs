//! Random bytes that can be drawn again.
//!
//! Not in here: the system's randomness, which WASI has by default.

use rand::SeedableRng;
use rand::rngs::StdRng;

/// Which of a component's three sources of randomness.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    Secure,
    Insecure,
    HashSeed,
}

/// The generator of one source of one invocation.
pub(crate) fn generator(seed: u64, invocation: u64, source: Source) -> StdRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&invocation.to_le_bytes());
    bytes[16] = match source {
        Source::Secure => 0,
        Source::Insecure => 1,
        Source::HashSeed => 2,
    };
    StdRng::from_seed(bytes)
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    fn draw(seed: u64, invocation: u64, source: Source) -> u64 {
        generator(seed, invocation, source).next_u64()
    }

    #[test]
    fn the_same_seed_and_number_draw_the_same() {
        assert_eq!(draw(1, 2, Source::Secure), draw(1, 2, Source::Secure));
    }

    #[test]
    fn every_seed_number_and_source_draws_its_own() {
        let base = draw(1, 2, Source::Secure);
        for other in [draw(2, 2, Source::Secure), draw(1, 3, Source::Secure), draw(1, 2, Source::Insecure)] {
            assert_ne!(base, other);
        }
    }
}
