//! A snapshot: entries that fold to the state as of one sequence, so that recovery need not read everything since the
//! beginning. The same blocks as a segment's, in a file of their own that appears whole or not at all.
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use crate::block::{self, BLOCK_BYTES, Builder, ENTRY_BYTES_MAX, Entries, Place};
use crate::recover::read_up_to;
use crate::segment::{HEADER_BYTES, Header, sync_directory};
use crate::{Journal, JournalError, Recovery, Sequence};

const FILE: &str = "snapshot";

impl Recovery {
    /// Hands over the entries of the snapshot and says as of which sequence it was taken; 0 if there is none.
    pub fn snapshot(&self, visit: &mut dyn FnMut(&[u8])) -> Result<Sequence, JournalError> {
        let path = self.directory().join(FILE);
        let file = match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Sequence(0)),
            other => other.map_err(JournalError::io("open", &path))?,
        };
        let damaged = |offset, found| JournalError::Damaged { path: path.clone(), offset, found };
        let mut page = vec![0; HEADER_BYTES as usize];
        read_up_to(&file, &mut page, 0).map_err(JournalError::io("read", &path))?;
        let header = Header::decode(&page).ok_or_else(|| damaged(0, "no snapshot header"))?;
        let key = header.key(self.root_key()).ok_or_else(|| JournalError::RootKey { path: path.clone() })?;
        let length = file.metadata().map_err(JournalError::io("read", &path))?.len();
        let (mut offset, mut index, mut buffer) = (HEADER_BYTES, 0, vec![0; block::HEADER_BYTES]);
        while offset < length {
            buffer.resize(block::HEADER_BYTES, 0);
            let read = read_up_to(&file, &mut buffer, offset).map_err(JournalError::io("read", &path))?;
            let at = block::Header::decode(&buffer[..read]).ok_or_else(|| damaged(offset, "no block header"))?;
            buffer.resize(block::HEADER_BYTES + at.sealed as usize, 0);
            read_up_to(&file, &mut buffer, offset).map_err(JournalError::io("read", &path))?;
            let place = Place { segment: header.number, index, offset };
            let plain = key.open(place, &mut buffer).ok_or_else(|| damaged(offset, "a block does not open"))?;
            Entries::new(plain, at.first).for_each(|(_, entry)| visit(entry));
            offset += buffer.len() as u64;
            index += 1;
        }
        Ok(Sequence(header.first))
    }
}

impl Journal {
    /// Replaces the snapshot by `entries`, which fold to the state as of `as_of`. Blocks the thread.
    pub fn write_snapshot(
        &self,
        as_of: Sequence,
        entries: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), JournalError> {
        let path = self.shared.directory.join(FILE);
        let unfinished = self.shared.directory.join("snapshot.unfinished");
        let mut random = |out: &mut [u8]| aws_lc_rs::rand::fill(out).expect("the operating system gives randomness");
        let (header, key) = Header::new(u64::MAX, as_of.0, &self.shared.root_key, &mut random);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)
            .map_err(JournalError::io("create", &unfinished))?;
        file.write_all(&header.encode()).map_err(JournalError::io("write", &unfinished))?;
        let (mut offset, mut index, mut next) = (HEADER_BYTES, 0, 1);
        let mut entries = entries.peekable();
        while entries.peek().is_some() {
            let mut block = Builder::new(next);
            while block.len() < BLOCK_BYTES
                && let Some(entry) = entries.next()
            {
                if entry.len() > ENTRY_BYTES_MAX {
                    // Recovery would not read it; the snapshot that is there stays.
                    return Err(JournalError::TooLarge { bytes: entry.len() });
                }
                block.push(&entry);
                next += 1;
            }
            let sealed = block.seal(&key, Place { segment: u64::MAX, index, offset }, 0);
            file.write_all(&sealed).map_err(JournalError::io("write", &unfinished))?;
            offset += sealed.len() as u64;
            index += 1;
        }
        file.sync_all().map_err(JournalError::io("sync", &unfinished))?;
        fs::rename(&unfinished, &path).map_err(JournalError::io("rename", &unfinished))?;
        sync_directory(&path)
    }
}
