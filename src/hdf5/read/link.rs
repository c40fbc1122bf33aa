//! Links as they are listed.

use crate::hdf5::format::message::link;

/// One link of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its name as stored; UTF-8 in all but odd files.
    pub name: Vec<u8>,
    /// Where it leads.
    pub target: Target,
}

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// To an object of this file, by the address of its header; `None`: nowhere.
    Hard(Option<u64>),
    /// To a path in this file.
    Soft(String),
    /// To a path in another file. Never followed.
    External {
        /// Name of the other file.
        file: String,
        /// Path in it.
        path: String,
    },
    /// Of a type that an application registered. Never followed.
    User(u8),
}

impl Link {
    /// The name for display and paths.
    pub fn name(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }

    /// From a link message.
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
