//! What is uploaded to a buffer account, in chunks of one transaction each.

use std::fmt;

/// The two kinds of content that are uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Program,
    Idl,
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Program => "program",
            Self::Idl => "IDL",
        })
    }
}

/// A value for each kind of content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PerContent<T> {
    pub(crate) program: T,
    pub(crate) idl: T,
}

impl<T> PerContent<T> {
    pub(crate) fn get(&self, content: Content) -> &T {
        match content {
            Content::Program => &self.program,
            Content::Idl => &self.idl,
        }
    }
}

/// Bytes to upload and how many of them one transaction writes.
#[derive(Clone, Debug)]
pub(crate) struct Chunks {
    pub(crate) bytes: Vec<u8>,
    size: usize,
}

impl Chunks {
    pub(crate) fn new(bytes: Vec<u8>, size: usize) -> Self {
        Self { bytes, size: size.max(1) }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn count(&self) -> usize {
        self.len().div_ceil(self.size)
    }

    /// The chunk that starts at `offset`.
    pub(crate) fn at(&self, offset: usize) -> &[u8] {
        slice(&self.bytes, offset, self.size)
    }

    /// The offsets of the chunks that differ from what has been `written`.
    pub(crate) fn missing(&self, written: &[u8]) -> Vec<usize> {
        let offsets = (0..self.len()).step_by(self.size);
        offsets.filter(|offset| self.at(*offset) != slice(written, *offset, self.at(*offset).len())).collect()
    }

    /// How many chunks have to be written to a new buffer, which is all zeros.
    pub(crate) fn missing_from_new_buffer(&self) -> usize {
        self.missing(&vec![0; self.len()]).len()
    }
}

fn slice(bytes: &[u8], start: usize, len: usize) -> &[u8] {
    let end = start.saturating_add(len).min(bytes.len());
    bytes.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_chunks_that_differ_are_missing() {
        let chunks = Chunks::new(b"aabbccd".to_vec(), 2);
        for (written, missing) in [
            (b"\0\0\0\0\0\0\0".as_slice(), [0, 2, 4, 6].as_slice()),
            (b"aaXbccd", &[2]),
            (b"aabbccX", &[6]),
            (b"aabbccd", &[]),
            (b"aabbccd and more", &[]),
            (b"aabb", &[4, 6]),
        ] {
            assert_eq!(chunks.missing(written), missing);
        }
        assert_eq!(Chunks::new(b"aabbccd".to_vec(), 100).missing(b""), [0]);
        assert_eq!(chunks.count(), 4);
    }

    #[test]
    fn chunks_of_zeros_need_not_be_written_to_a_new_buffer() {
        assert_eq!(Chunks::new(b"ab\0\0cd\0".to_vec(), 2).missing_from_new_buffer(), 2);
        assert_eq!(Chunks::new(Vec::new(), 2).missing_from_new_buffer(), 0);
    }
}
