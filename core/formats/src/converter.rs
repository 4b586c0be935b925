//! Records to a file, which is given out as it grows.
use std::sync::Arc;

use parquet::file::writer::SerializedFileWriter;

use crate::layout::{Fields, Layout};
use crate::record::Rows;
use crate::scalar::Reading;
use crate::{Failure, JsonOptions, ParquetOptions, Schema, SchemaError};

/// Bytes of values and levels after which a row group is written, whatever `BlockSizeBytes` says: this, the column that is
/// being encoded, and the packed row group are a converter's memory, and several batches are converted at once. AWS's own
/// least block is as large.
const ROW_GROUP_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Converts a batch of records, in their order.
pub struct Converter {
    root: Fields,
    rows: Rows,
    writer: SerializedFileWriter<Vec<u8>>,
    row_group_bytes: usize,
    /// Of the row group that waits.
    waiting: u64,
    written: u64,
}

impl Converter {
    /// An empty file of these columns.
    ///
    /// # Errors
    /// [`SchemaError::TimestampFormat`].
    pub fn new(schema: &Schema, json: JsonOptions, parquet: &ParquetOptions) -> Result<Self, SchemaError> {
        let reading = match &json {
            JsonOptions::OpenX { .. } => Reading::OpenX,
            JsonOptions::Hive { .. } => Reading::Hive { formats: json.formats()? },
        };
        let Layout { root, file, leaves } = Layout::new(schema, &json);
        let writer = SerializedFileWriter::new(Vec::new(), file, Arc::new(parquet.properties()));
        Ok(Self {
            root,
            rows: Rows::new(leaves, json, reading),
            writer: writer.expect("a file in memory takes its first bytes"),
            row_group_bytes: parquet.block_size_bytes.min(ROW_GROUP_BYTES_MAX) as usize,
            waiting: 0,
            written: 0,
        })
    }

    /// Takes a record in: one or several JSON objects, each a row.
    ///
    /// # Errors
    /// [`Failure`]; nothing of the record is in the file then.
    pub fn push(&mut self, record: &[u8]) -> Result<(), Failure> {
        self.waiting += self.rows.push(&self.root, record)?;
        if self.rows.bytes >= self.row_group_bytes {
            self.close_row_group();
        }
        Ok(())
    }

    /// How many rows the file has by now.
    pub fn rows(&self) -> u64 {
        self.written + self.waiting
    }

    /// Takes out what is written so far.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.inner_mut())
    }

    /// The rest.
    pub fn finish(mut self) -> Vec<u8> {
        self.close_row_group();
        self.writer.into_inner().expect(IN_MEMORY)
    }

    fn close_row_group(&mut self) {
        if self.waiting == 0 {
            return;
        }
        let mut group = self.writer.next_row_group().expect(IN_MEMORY);
        for leaf in &mut self.rows.leaves {
            let mut column = group.next_column().expect(IN_MEMORY).expect("the file has a column for each leaf");
            leaf.write(&mut column).expect("levels agree with the values they stand for");
            column.close().expect(IN_MEMORY);
        }
        group.close().expect("every column has the rows of the others");
        self.written += std::mem::take(&mut self.waiting);
        self.rows.bytes = 0;
    }
}

const IN_MEMORY: &str = "writing into memory does not fail";

#[cfg(test)]
mod tests;
