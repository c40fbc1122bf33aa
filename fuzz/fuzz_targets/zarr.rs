//! Any bytes as a zip file with a zarr store: every node, attribute and value is read. Whatever comes is fine as long
//! as it comes.
//!
//! So that chunks and documents are reached in spite of the checksums of a zip file, the bytes are also taken as the
//! documents and the only chunk of an array in a folder of our own making.
#![no_main]

use annmap::tree::Container;
use annmap::zarr::Hierarchy;
use annmap::{Limits, dataset::AnnData};
use libfuzzer_sys::fuzz_target;

fn read(container: &Container) {
    let Ok(root) = container.root() else { return };
    for entry in root.walk().take(300) {
        let Ok(node) = entry.node() else { continue };
        for (_, value) in node.attributes().unwrap_or_default() {
            let _ = value.map(|v| v.canonical_crc());
        }
        if let Ok(array) = node.array()
            && array.byte_len() <= 1 << 20
        {
            let _ = array.canonical_crc();
        }
    }
    let _ = AnnData::from_container(container).map(|a| a.describe());
}

/// A zip file of entries that are stored.
fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in entries {
        let crc = crc32fast::hash(data);
        let sizes = [crc, data.len() as u32, data.len() as u32].map(u32::to_le_bytes).concat();
        let at = file.len() as u32;
        file.extend(*b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0");
        file.extend(&sizes);
        file.extend([name.len() as u8, 0, 0, 0]);
        file.extend(name.as_bytes());
        file.extend(*data);
        directory.extend(*b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0");
        directory.extend(&sizes);
        directory.extend([name.len() as u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let at = file.len() as u32;
    file.extend(&directory);
    file.extend(*b"PK\x05\x06\0\0\0\0");
    file.extend([entries.len() as u8, 0, entries.len() as u8, 0]);
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(at.to_le_bytes());
    file.extend([0, 0]);
    file
}

fuzz_target!(|data: &[u8]| {
    let limits = Limits::untrusted();
    if let Ok(store) = Hierarchy::from_zip(Box::new(data.to_vec()), &limits) {
        read(&Container::from(store));
    }
    // a document, a byte of zero, a chunk
    let Some(end) = data.iter().position(|b| *b == 0) else { return };
    let (document, chunk) = (&data[..end], &data[end + 1..]);
    for (name, key) in [("zarr.json", "c/0"), (".zarray", "0")] {
        let bytes = zip(&[(name, document), (key, chunk), ("c", chunk)]);
        if let Ok(store) = Hierarchy::from_zip(Box::new(bytes), &limits) {
            read(&Container::from(store));
        }
    }
});
