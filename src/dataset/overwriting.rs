//! Refuses outputs that are inputs too.

use crate::error::{Error, Result};
use std::fs::Metadata;
use std::path::{Path, PathBuf};

/// Fails if writing `output` would replace `input` or a part of it: the same file or directory by whatever name or
/// link, a file in the store `input`, or a directory that contains it.
///
/// # Errors
/// `Usage` if that is so.
pub fn refuse_overwriting(output: &Path, input: &Path) -> Result<()> {
    let Ok(there) = output.metadata() else { return Ok(()) };
    let refused = |text: String| Err(Error::usage(text).in_file(output));
    let is_output = |path: &Path| path.metadata().is_ok_and(|m| same(&m, &there, path, output));
    // links from a directory to other places, and what lies in it at any depth
    let below = || {
        input.is_dir()
            && matches!((output.canonicalize(), input.canonicalize()), (Ok(o), Ok(i)) if o.starts_with(&i))
    };
    if is_output(input) || parts_of(input).iter().any(|part| is_output(part)) || below() {
        return refused(format!("the output is also the input {}", input.display()));
    }
    let inside = input.canonicalize().is_ok_and(|path| path.ancestors().skip(1).any(is_output));
    if there.is_dir() && inside {
        return refused(format!("the output is a directory that contains the input {}", input.display()));
    }
    Ok(())
}

/// What a directory holds; nothing for a file.
fn parts_of(directory: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

#[cfg(unix)]
fn same(a: &Metadata, b: &Metadata, _: &Path, _: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn same(_: &Metadata, _: &Metadata, a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn an_input_is_no_output_by_any_name() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("store/csr")).unwrap();
        for file in ["a", "b", "store/csr/data.bin"] {
            fs::write(at(file), file).unwrap();
        }
        fs::hard_link(at("a"), at("hard")).unwrap();
        let refused = |output: &str, input: &str| refuse_overwriting(&at(output), &at(input)).is_err();
        for (output, input) in [
            ("a", "a"),
            ("store/../a", "a"),
            ("hard", "a"),
            ("store", "store"),
            ("store", "store/csr"),
            ("store", "store/csr/data.bin"),
            ("store/csr/data.bin", "store/csr"),
            ("store/csr/data.bin", "store"),
        ] {
            assert!(refused(output, input), "{output} from {input}");
        }
        for (output, input) in [("b", "a"), ("new", "a"), ("store/new", "store"), ("store", "a")] {
            assert!(!refused(output, input), "{output} from {input}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(at("a"), at("soft")).unwrap();
            assert!(refused("soft", "a") && refused("a", "soft") && !refused("soft", "b"));
            let e = refuse_overwriting(&at("soft"), &at("a")).unwrap_err();
            assert_eq!(e.kind(), crate::Kind::Usage);
        }
    }
}
