//! Addresses of written objects.

/// The address of a written object, for links from a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectAddress(pub(crate) u64);

/// Links that the writer does not make, for tests of files that have them. The groups of `file` are symbol tables.
#[cfg(test)]
impl ObjectAddress {
    /// Overwrites the version of the object's header.
    pub(crate) fn damage(self, file: &mut [u8]) {
        file[usize::try_from(self.0).unwrap()] = 9;
    }

    /// Lets every link to this object lead to `other`.
    pub(crate) fn redirect(self, file: &mut [u8], other: ObjectAddress) {
        for at in self.places(file) {
            file[at..at + 8].copy_from_slice(&other.0.to_le_bytes());
        }
    }

    /// Makes every link to this object a soft link whose target is its own name.
    pub(crate) fn soften(self, file: &mut [u8]) {
        for at in self.places(file) {
            // III.C: "2: The object header address in the link entry is undefined. The first four bytes in the
            // scratch-pad space contain the offset to the link value in the local heap."
            file[at..at + 8].fill(0xff);
            file[at + 8] = 2;
            file.copy_within(at - 8..at - 4, at + 16);
        }
    }

    fn places(self, file: &[u8]) -> Vec<usize> {
        let address = self.0.to_le_bytes();
        let found = (8..file.len() - 32)
            .step_by(8)
            .filter(|at| file[*at..].starts_with(&address))
            .collect::<Vec<_>>();
        assert!(!found.is_empty(), "no link to it");
        found
    }
}
