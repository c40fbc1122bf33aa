//! Little-endian numbers appended to a buffer: the counterpart of the cursor.

/// Appends numbers and padding.
pub(crate) trait Put {
    /// Appends `bytes` as they are.
    fn put(&mut self, bytes: &[u8]);
    /// Number of bytes appended so far.
    fn place(&self) -> usize;

    fn put_u8(&mut self, v: u8) {
        self.put(&[v]);
    }

    fn put_u16(&mut self, v: u16) {
        self.put(&v.to_le_bytes());
    }

    fn put_u32(&mut self, v: u32) {
        self.put(&v.to_le_bytes());
    }

    fn put_u64(&mut self, v: u64) {
        self.put(&v.to_le_bytes());
    }

    /// Appends an undefined address or length.
    fn put_undefined(&mut self) {
        self.put(&[0xff; 8]);
    }

    /// Appends zeros up to the next multiple of `step`.
    fn pad_to(&mut self, step: usize) {
        while self.place().checked_rem(step).is_some_and(|r| r != 0) {
            self.put_u8(0);
        }
    }

    /// Appends zeros up to a length of `len` bytes.
    fn fill_to(&mut self, len: usize) {
        let zeros = len.saturating_sub(self.place());
        self.put(&vec![0; zeros]);
    }
}

impl Put for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn place(&self) -> usize {
        self.len()
    }
}
