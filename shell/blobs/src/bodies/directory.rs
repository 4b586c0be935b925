//! The files: a body lies under its id, and is whole and durable before the index names it.
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sekisho_objects::BlobId;

use super::{Bodies, Listing, NewBody, StoredBody, cut_short, missing, name, parse_name};
use crate::StoreError;

/// What earlier versions called a body that was being written.
const UNFINISHED: &str = "unfinished-";

/// A directory of bodies: `<2 hex>/<32 hex>`, from their first byte on. Whether one is whole, the index says: it names no other.
#[derive(Clone, Debug)]
pub struct Directory {
    path: Arc<Path>,
    /// The subdirectories that would survive a power cut.
    durable: Arc<[AtomicBool; 256]>,
}

impl Directory {
    /// Opens the directory, making it if need be.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(StoreError::io("make", path))?;
        let durable = [const { AtomicBool::new(false) }; 256];
        Ok(Self { path: path.into(), durable: Arc::new(durable) })
    }

    fn place(&self, blob: BlobId) -> PathBuf {
        self.path.join(name(blob))
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
}

impl Bodies for Directory {
    fn begin(&self, blob: BlobId) -> Result<Box<dyn NewBody>, StoreError> {
        let place = self.place(blob);
        let open = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&place);
        let opened = open().or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                // Whoever else makes it at the same time makes the same.
                let made = DirBuilder::new().mode(0o700).create(parent(&place));
                made.or_else(|error| if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })?;
                open()
            }
            _ => Err(error),
        });
        let file = opened.map_err(StoreError::io("create", &place))?;
        Ok(Box::new(NewFile { directory: self.clone(), blob, file, place: RemovedOnDrop(Some(place)) }))
    }

    fn open(&self, blob: BlobId) -> Result<Box<dyn StoredBody>, StoreError> {
        let place = self.place(blob);
        let file = File::open(&place).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => missing(blob),
            _ => StoreError::io("open", &place)(error),
        })?;
        let length = file.metadata().map_err(StoreError::io("read", &place))?.len();
        Ok(Box::new(StoredFile { blob, file, length }))
    }

    fn remove(&self, blob: BlobId) {
        remove_or_log(&self.place(blob));
    }

    fn list(&self) -> Result<Listing, StoreError> {
        let mut listing = Listing::default();
        for (name, path) in entries(&self.path)? {
            if name.len() != 2 || !path.is_dir() {
                listing.others.push(name);
                continue;
            }
            for (inner, _) in entries(&path)? {
                let inner = format!("{name}/{inner}");
                match parse_name(&inner) {
                    Some(blob) => listing.bodies.push(blob),
                    None => listing.others.push(inner),
                }
            }
        }
        Ok(listing)
    }

    fn remove_leftovers(&self) -> Result<u64, StoreError> {
        let mut removed = 0;
        for (_, path) in entries(&self.path)?.into_iter().filter(|(name, _)| name.starts_with(UNFINISHED)) {
            fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
            removed += 1;
        }
        Ok(removed)
    }
}

/// A file being written.
struct NewFile {
    directory: Directory,
    blob: BlobId,
    file: File,
    place: RemovedOnDrop,
}

impl NewBody for NewFile {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(bytes).map_err(|source| {
            let path = self.place.0.clone().unwrap_or_default();
            StoreError::Io { doing: "write", path, source }
        })
    }

    fn finish(mut self: Box<Self>) -> Result<(), StoreError> {
        let place = self.place.0.as_deref().expect("the path is taken once, below");
        self.file.sync_all().map_err(StoreError::io("sync", place))?;
        self.directory.sync(self.blob, place)?;
        self.place.0 = None;
        Ok(())
    }
}

struct StoredFile {
    blob: BlobId,
    file: File,
    length: u64,
}

impl StoredBody for StoredFile {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), StoreError> {
        self.file.read_exact_at(buffer, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => cut_short(self.blob),
            _ => StoreError::io("read", self.blob.to_string())(error),
        })
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
