//! Any bytes as a single-cell file: described, its matrices pumped, its tables read. Entries that arrive without an
//! error are inside the matrix.
#![no_main]

use annmap::dataset::AnnData;
use annmap::hdf5::File;
use annmap::matrix::{Block, Budget, Sink, Source, pump};
use annmap::{Limits, Result};
use libfuzzer_sys::fuzz_target;

struct Inside(u64);

impl Sink for Inside {
    type Done = ();
    fn block(&self, block: &Block<'_>) -> Result<()> {
        assert!(block.minor.iter().all(|m| u64::from(*m) < self.0));
        Ok(())
    }
    fn finish(self) -> Result<()> {
        Ok(())
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(file) = File::from_reader(Box::new(data.to_vec()), Limits::default()) else { return };
    let Ok(a) = AnnData::from_container(&file.into()) else { return };
    let _ = a.describe();
    let budget = Budget::new(8 << 20);
    for name in a.matrix_names().unwrap_or_default().iter().take(8) {
        let Ok(element) = a.matrix(name) else { continue };
        let [rows, columns] = element.shape();
        if rows.saturating_mul(columns) > 1 << 22 || rows.max(columns) > 1 << 16 {
            continue;
        }
        let Ok(opened) = element.source(budget, &()) else { continue };
        let source: &dyn Source = &opened;
        let layout = *source.layout();
        if layout.entries < 1 << 20 {
            let _ = pump(source, Inside(layout.minor), budget, &());
        }
        let _ = a.frames(name, layout.shape(), &());
    }
});
