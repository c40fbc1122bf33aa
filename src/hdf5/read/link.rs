//! Links of a group, as listed.

use crate::hdf5::format::message::link;

/// One link of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Name as stored; UTF-8 in all but unusual files.
    pub name: Vec<u8>,
    /// Target of the link.
    pub target: Target,
}

/// Target of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// An object of this file, by the address of its header; `None` if the link has no target.
    Hard(Option<u64>),
    /// A path in this file.
    Soft(String),
    /// A path in another file. Never followed.
    External {
        /// Name of the other file.
        file: String,
        /// Path in that file.
        path: String,
    },
    /// A link type registered by an application. Never followed.
    User(u8),
}

impl Link {
    /// The name as text, for display and paths.
    pub fn name(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }

    /// Converts a link message.
    pub(crate) fn from_message(link: link::Link) -> Self {
        let text = |b: Vec<u8>| String::from_utf8_lossy(&b).into_owned();
        let target = match link.target {
            link::RawTarget::Hard(address) => Target::Hard(Some(address)),
            link::RawTarget::Soft(path) => Target::Soft(text(path)),
            link::RawTarget::External { file, path } => {
                Target::External { file: text(file), path: text(path) }
            }
            link::RawTarget::User(kind) => Target::User(kind),
        };
        Link { name: link.name, target }
    }
}
