//! The system's random numbers.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::Error;

/// Bytes that nobody can guess. `/dev/urandom` is on every system this runs on.
pub fn random(count: usize) -> Result<Vec<u8>, Error> {
    let source = Path::new("/dev/urandom");
    let mut bytes = vec![0; count];
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(Error::io("read", source))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        assert_ne!(random(32).unwrap(), random(32).unwrap());
    }
}
