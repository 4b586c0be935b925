//! The files: a body lies under its id, and is whole and durable before the index names it.
use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sekisho_objects::BlobId;

use crate::StoreError;
use crate::pins::{Pin, Pins};

/// What earlier versions called a body that was being written.
const UNFINISHED: &str = "unfinished-";

/// A directory of bodies: `<2 hex>/<32 hex>`, from their first byte on. Whether one is whole, the index says: it names no other.
#[derive(Clone, Debug)]
pub struct BlobDir {
    path: Arc<Path>,
    pins: Pins,
    /// The subdirectories that would survive a power cut.
    durable: Arc<[AtomicBool; 256]>,
}

/// A file in the directory.
pub(crate) enum Found {
    /// Named like a body.
    Body(BlobId, PathBuf),
    /// An earlier version's, unfinished, or somebody else's.
    Other(PathBuf),
}

/// What [`BlobDir::sweep`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files that were nobody's; removed.
    pub removed: u64,
    /// Bodies the index knows and the disk does not.
    pub missing: Vec<BlobId>,
}

impl BlobDir {
    /// Opens the directory, making it if need be.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(StoreError::io("make", path))?;
        let durable = [const { AtomicBool::new(false) }; 256];
        Ok(Self { path: path.into(), pins: Pins::default(), durable: Arc::new(durable) })
    }

    /// Removes what a crash left: bodies never finished, finished but never indexed, or replaced but not yet removed. Only
    /// at start, since an upload under way is not known to the index either.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn sweep(&self, known: &HashSet<BlobId>) -> Result<Swept, StoreError> {
        let mut missing = known.clone();
        let mut removed = 0;
        for found in self.files()? {
            let path = match found {
                Found::Body(blob, path)
                    if path == self.place(blob) && (missing.remove(&blob) || known.contains(&blob)) =>
                {
                    continue;
                }
                // What is not named like a body was put there by somebody else, and is left alone.
                Found::Other(path) if !is_unfinished(&path) => continue,
                Found::Body(_, path) | Found::Other(path) => path,
            };
            removed += 1;
            fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
        }
        Ok(Swept { removed, missing: missing.into_iter().collect() })
    }

    /// Every file there is.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub(crate) fn files(&self) -> Result<Vec<Found>, StoreError> {
        let mut found = Vec::new();
        for (name, path) in entries(&self.path)? {
            if name.len() != 2 || !path.is_dir() {
                found.push(Found::Other(path));
                continue;
            }
            found.extend(entries(&path)?.into_iter().map(|(name, path)| match BlobId::parse(&name) {
                Some(blob) => Found::Body(blob, path),
                None => Found::Other(path),
            }));
        }
        Ok(found)
    }

    /// Opens a finished body.
    pub(crate) fn read(&self, blob: BlobId) -> io::Result<File> {
        File::open(self.place(blob))
    }

    /// Keeps bodies where they are while somebody reads them. Taken under the lock of the index that names them: whoever
    /// removes them has changed the index before.
    pub(crate) fn pin(&self, blobs: Vec<BlobId>) -> Pin {
        self.pins.pin(self.clone(), blobs)
    }

    /// Removes a finished body that is nobody's any more, once nobody reads it. If that fails, or a crash comes first, the
    /// next start does it.
    pub(crate) fn remove(&self, blob: BlobId) {
        if !self.pins.doom(blob) {
            self.unlink(blob);
        }
    }

    pub(crate) fn unlink(&self, blob: BlobId) {
        remove_or_log(&self.place(blob));
    }

    /// Begins a body, at its place: nobody looks there before the index names it.
    pub(crate) fn create(&self, blob: BlobId) -> Result<UnfinishedBlob, StoreError> {
        let path = self.place(blob);
        let open = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let opened = open().or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                // Whoever else makes it at the same time makes the same.
                let made = DirBuilder::new().mode(0o700).create(parent(&path));
                made.or_else(|error| if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })?;
                open()
            }
            _ => Err(error),
        });
        let file = opened.map_err(StoreError::io("create", &path))?;
        Ok(UnfinishedBlob { dir: self.clone(), blob, file, guard: RemovedOnDrop(Some(path)) })
    }

    /// Makes durable that the body is there. The subdirectory itself may be new, made by this body's writer or by another's who
    /// has not synced it yet; once is enough for all of its bodies.
    fn sync(&self, blob: BlobId, place: &Path) -> Result<(), StoreError> {
        let durable = &self.durable[usize::from(blob.as_bytes()[0])];
        if !durable.load(Ordering::Acquire) {
            sync_dir(&self.path)?;
            durable.store(true, Ordering::Release);
        }
        sync_dir(parent(place))
    }

    pub(crate) fn place(&self, blob: BlobId) -> PathBuf {
        let name = blob.to_string();
        self.path.join(&name[..2]).join(name)
    }
}

fn is_unfinished(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED))
}

/// A body being written; dropped, it is gone.
pub(crate) struct UnfinishedBlob {
    dir: BlobDir,
    blob: BlobId,
    file: File,
    guard: RemovedOnDrop,
}

impl UnfinishedBlob {
    /// Appends.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(bytes).map_err(|source| {
            let path = self.guard.0.clone().unwrap_or_default();
            StoreError::Io { doing: "write", path, source }
        })
    }

    /// Makes it durable. Blocks on the disk.
    pub(crate) fn finish(self) -> Result<FinishedBlob, StoreError> {
        let Self { dir, blob, file, guard } = self;
        let place = guard.0.as_deref().expect("the path stays until the index knows the body");
        file.sync_all().map_err(StoreError::io("sync", place))?;
        dir.sync(blob, place)?;
        Ok(FinishedBlob { guard })
    }
}

/// A body that is durable and that no index knows yet; dropped, it is gone.
pub(crate) struct FinishedBlob {
    guard: RemovedOnDrop,
}

impl FinishedBlob {
    /// The index knows it now.
    pub(crate) fn keep(mut self) {
        self.guard.0 = None;
    }
}

struct RemovedOnDrop(Option<PathBuf>);

impl Drop for RemovedOnDrop {
    fn drop(&mut self) {
        self.0.iter().for_each(|path| remove_or_log(path));
    }
}

fn remove_or_log(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, path = %path.display(), "a body could not be removed; the next start tries again");
        }
        _ => {}
    }
}

fn parent(place: &Path) -> &Path {
    place.parent().expect("a body lies in a subdirectory")
}

fn sync_dir(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(StoreError::io("sync", path))
}

fn entries(path: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let entries = fs::read_dir(path).and_then(|entries| {
        entries.map(|entry| entry.map(|e| (e.file_name().to_string_lossy().into_owned(), e.path()))).collect()
    });
    entries.map_err(StoreError::io("list", path))
}
