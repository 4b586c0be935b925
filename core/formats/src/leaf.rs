//! One leaf's values and levels, until its row group is written. Levels: Dremel's, one pair for each value or absence.
use bytes::Bytes;
use parquet::column::writer::ColumnWriterImpl;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType,
    Int32Type, Int64Type, Int96, Int96Type,
};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedColumnWriter;

use crate::HiveType;
use crate::layout::decimal_bytes;

/// Levels handed to the column's writer at once. Texts are handed over as handles of 32 bytes each, so not all at once.
const BATCH_LEVELS: usize = 8 * 1024;

pub(crate) struct Leaf {
    pub values: Values,
    defs: Vec<i16>,
    reps: Vec<i16>,
    max_def: i16,
    is_repeated: bool,
    mark: (usize, usize),
}

pub(crate) enum Values {
    Boolean(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Int96(Vec<Int96>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    /// One behind the other, and where each ends.
    Bytes(Vec<u8>, Vec<u32>),
    /// Of one width.
    Fixed(Vec<u8>, usize),
}

impl Values {
    /// None yet, of what `hive_type` is in a file.
    pub fn of(hive_type: &HiveType) -> Self {
        match hive_type {
            HiveType::Boolean => Self::Boolean(Vec::new()),
            HiveType::TinyInt | HiveType::SmallInt | HiveType::Int | HiveType::Date => Self::Int32(Vec::new()),
            HiveType::BigInt => Self::Int64(Vec::new()),
            HiveType::Timestamp => Self::Int96(Vec::new()),
            HiveType::Float => Self::Float(Vec::new()),
            HiveType::Double => Self::Double(Vec::new()),
            HiveType::Decimal { precision, .. } => Self::Fixed(Vec::new(), decimal_bytes(*precision)),
            HiveType::String | HiveType::Varchar(_) | HiveType::Char(_) | HiveType::Binary => {
                Self::Bytes(Vec::new(), Vec::new())
            }
            HiveType::Array(_) | HiveType::Map(..) | HiveType::Struct(_) => unreachable!("a leaf has no types inside"),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Boolean(values) => values.len(),
            Self::Int32(values) => values.len(),
            Self::Int64(values) => values.len(),
            Self::Int96(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Bytes(_, ends) => ends.len(),
            Self::Fixed(data, width) => data.len() / width,
        }
    }

    fn truncate(&mut self, length: usize) {
        match self {
            Self::Boolean(values) => values.truncate(length),
            Self::Int32(values) => values.truncate(length),
            Self::Int64(values) => values.truncate(length),
            Self::Int96(values) => values.truncate(length),
            Self::Float(values) => values.truncate(length),
            Self::Double(values) => values.truncate(length),
            Self::Bytes(data, ends) => {
                ends.truncate(length);
                data.truncate(ends.last().map_or(0, |end| *end as usize));
            }
            Self::Fixed(data, width) => data.truncate(length * *width),
        }
    }
}

impl Leaf {
    pub fn new(values: Values, max_def: i16, is_repeated: bool) -> Self {
        Self { values, defs: Vec::new(), reps: Vec::new(), max_def, is_repeated, mark: (0, 0) }
    }

    /// The levels of a value that was pushed, or of one that is not there. Answers the bytes they take.
    pub fn level(&mut self, def: i16, rep: i16) -> usize {
        self.defs.push(def);
        if self.is_repeated {
            self.reps.push(rep);
            return 4;
        }
        2
    }

    /// What comes from here on can be taken back.
    pub fn mark(&mut self) {
        self.mark = (self.values.len(), self.defs.len());
    }

    /// Takes back what came since the mark.
    pub fn take_back(&mut self) {
        let (values, levels) = self.mark;
        self.values.truncate(values);
        self.defs.truncate(levels);
        self.reps.truncate(levels);
    }

    /// Writes all of it as a column, and is empty again. Its memory is given back: the next leaf's page is built meanwhile.
    pub fn write(&mut self, column: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let (defs, reps) = (std::mem::take(&mut self.defs), std::mem::take(&mut self.reps));
        let (defs, reps) = (&defs[..], &reps[..]);
        match &mut self.values {
            Values::Boolean(values) => plain::<BoolType>(column.typed(), std::mem::take(values), defs, reps),
            Values::Int32(values) => plain::<Int32Type>(column.typed(), std::mem::take(values), defs, reps),
            Values::Int64(values) => plain::<Int64Type>(column.typed(), std::mem::take(values), defs, reps),
            Values::Int96(values) => plain::<Int96Type>(column.typed(), std::mem::take(values), defs, reps),
            Values::Float(values) => plain::<FloatType>(column.typed(), std::mem::take(values), defs, reps),
            Values::Double(values) => plain::<DoubleType>(column.typed(), std::mem::take(values), defs, reps),
            Values::Bytes(data, ends) => {
                let (data, ends) = (Bytes::from(std::mem::take(data)), std::mem::take(ends));
                let value = |at: usize| {
                    let start = if at == 0 { 0 } else { ends[at - 1] as usize };
                    ByteArray::from(data.slice(start..ends[at] as usize))
                };
                sliced::<ByteArrayType>(column.typed(), &value, defs, reps, self.max_def)
            }
            Values::Fixed(data, width) => {
                let (data, width) = (Bytes::from(std::mem::take(data)), *width);
                let value =
                    |at: usize| FixedLenByteArray::from(ByteArray::from(data.slice(at * width..(at + 1) * width)));
                sliced::<FixedLenByteArrayType>(column.typed(), &value, defs, reps, self.max_def)
            }
        }
    }
}

fn plain<T: DataType>(
    column: &mut ColumnWriterImpl<'_, T>,
    values: Vec<T::T>,
    defs: &[i16],
    reps: &[i16],
) -> Result<(), ParquetError> {
    let reps = (!reps.is_empty()).then_some(reps);
    column.write_batch(&values, Some(defs), reps).map(drop)
}

fn sliced<T: DataType>(
    column: &mut ColumnWriterImpl<'_, T>,
    value: &dyn Fn(usize) -> T::T,
    defs: &[i16],
    reps: &[i16],
    max_def: i16,
) -> Result<(), ParquetError> {
    let (mut from, mut written) = (0, 0);
    let mut values = Vec::with_capacity(BATCH_LEVELS.min(defs.len()));
    while from < defs.len() {
        // A batch begins with a row: behind a repetition level of 0.
        let mut to = (from + BATCH_LEVELS).min(defs.len());
        while reps.get(to).is_some_and(|rep| *rep != 0) {
            to += 1;
        }
        let present = defs[from..to].iter().filter(|def| **def == max_def).count();
        values.clear();
        values.extend((written..written + present).map(value));
        column.write_batch(&values, Some(&defs[from..to]), reps.get(from..to))?;
        (from, written) = (to, written + present);
    }
    Ok(())
}
