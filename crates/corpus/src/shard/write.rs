//! Writing a shard: records in ascending order, a row group at a time.

use super::{GROUP_BYTES, ShardInfo, ShardName, schema};
use crate::error::{Error, disk};
use crate::record::{RecordId, View};
use crate::table::persist;
use crate::tree::{Builder, SaltKey};
use arrow_array::builder::{FixedSizeBinaryBuilder, Int64Builder, ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::NamedTempFile;
use terroir_base::Digest;

/// How names of unfinished files start, here as wherever `tempfile` is not told otherwise.
pub(crate) const TEMP_PREFIX: &str = ".tmp";
/// Bytes of records that are handed to the encoder at a time.
const BATCH_BYTES: usize = 1 << 20;
/// Bytes of one page: what reading a single record costs.
const PAGE_BYTES: usize = 16 << 10;
/// Values between two looks at whether a page is full.
const PAGE_STEP: usize = 4;

/// A shard in the making. Dropped before it is finished, it leaves nothing behind.
pub struct Writer {
    folder: PathBuf,
    salt: SaltKey,
    file: ArrowWriter<Hashed>,
    columns: Columns,
    tree: Builder,
    first: Option<RecordId>,
    last: RecordId,
    text_bytes: u64,
    batch_bytes: usize,
    group_bytes: usize,
}

/// A temporary file that knows the digest of what was written.
struct Hashed {
    temp: NamedTempFile,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.temp.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temp.flush()
    }
}

impl Writer {
    /// Starts a shard in `folder`. Leaves are salted with `salt`.
    pub fn new(folder: &Path, salt: &SaltKey) -> Result<Writer, Error> {
        let temp = tempfile::Builder::new().prefix(TEMP_PREFIX).tempfile_in(folder);
        let temp = temp.map_err(disk(folder))?;
        let hashed = Hashed { temp, hasher: blake3::Hasher::new(), bytes: 0 };
        let file = ArrowWriter::try_new(hashed, schema(), Some(properties()));
        Ok(Writer {
            folder: folder.to_owned(),
            salt: salt.clone(),
            file: file.map_err(|error| failed(folder, error))?,
            columns: Columns::new(),
            tree: Builder::default(),
            first: None,
            last: RecordId(Digest([0; 32])),
            text_bytes: 0,
            batch_bytes: 0,
            group_bytes: 0,
        })
    }

    /// Adds a record; `digest` is BLAKE3 of its text.
    ///
    /// Panics: when `rid` does not come after the record before it, a mistake of the caller.
    pub fn push(&mut self, rid: RecordId, digest: &Digest, view: &View<'_>) -> Result<(), Error> {
        assert!(self.first.is_none() || self.last < rid, "records come in ascending order");
        self.first.get_or_insert(rid);
        self.last = rid;
        self.tree.push(rid.leaf(&self.salt));
        self.columns.push(rid, digest, view);
        self.text_bytes += view.text.len() as u64;
        self.batch_bytes += view.bytes();
        if self.batch_bytes >= BATCH_BYTES {
            self.encode()?;
        }
        if self.group_bytes >= GROUP_BYTES {
            self.group_bytes = 0;
            self.file.flush().map_err(|error| failed(&self.folder, error))?;
        }
        Ok(())
    }

    fn encode(&mut self) -> Result<(), Error> {
        let batch = self.columns.take();
        self.group_bytes += std::mem::take(&mut self.batch_bytes);
        self.file.write(&batch).map_err(|error| failed(&self.folder, error))
    }

    /// Completes the file and gives it its name; both are on disk then. `None` without a record.
    pub fn finish(mut self) -> Result<Option<ShardInfo>, Error> {
        let Some(first) = self.first else { return Ok(None) };
        self.encode()?;
        let folder = &self.folder;
        let hashed = self.file.into_inner().map_err(|error| failed(folder, error))?;
        let name = ShardName::of(&Digest(*hashed.hasher.finalize().as_bytes()));
        persist(hashed.temp, &folder.join(format!("{name}.parquet")))?;
        Ok(Some(ShardInfo {
            name,
            records: self.tree.leaves(),
            text_bytes: self.text_bytes,
            file_bytes: hashed.bytes,
            first,
            last: self.last,
            root: self.tree.root(),
        }))
    }
}

/// The writer's only failures are those of the disk.
fn failed(folder: &Path, error: ParquetError) -> Error {
    let source = match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    };
    disk(folder)(source)
}

fn properties() -> WriterProperties {
    let level = ZstdLevel::try_new(1).expect("zstd has a level 1");
    let builder = WriterProperties::builder()
        .set_created_by("terroir".to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_dictionary_enabled(false)
        .set_data_page_size_limit(PAGE_BYTES)
        .set_write_batch_size(PAGE_STEP)
        .set_max_row_group_row_count(None)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_sorting_columns(Some(vec![SortingColumn {
            column_idx: 0,
            descending: false,
            nulls_first: false,
        }]));
    // Digests do not compress, and what repeats is worth a dictionary.
    let builder = ["rid", "digest"].into_iter().fold(builder, |builder, name| {
        let path = ColumnPath::from(name);
        builder
            .set_column_compression(path.clone(), Compression::UNCOMPRESSED)
            .set_column_encoding(path, Encoding::PLAIN)
    });
    let builder =
        ["source", "licence", "contributor"].into_iter().fold(builder, |builder, name| {
            builder.set_column_dictionary_enabled(ColumnPath::from(name), true)
        });
    let purposes = ["purposes", "list", "element"].map(str::to_owned).to_vec();
    builder
        .set_column_dictionary_enabled(ColumnPath::new(purposes), true)
        .set_column_statistics_enabled(ColumnPath::from("rid"), EnabledStatistics::Page)
        .build()
}

/// The rows of one batch while they come.
struct Columns {
    rids: FixedSizeBinaryBuilder,
    texts: [StringBuilder; 6],
    purposes: ListBuilder<StringBuilder>,
    meta: StringBuilder,
    digests: FixedSizeBinaryBuilder,
    bytes: Int64Builder,
    object: String,
}

impl Columns {
    fn new() -> Columns {
        let element = Field::new("element", DataType::Utf8, false);
        Columns {
            rids: FixedSizeBinaryBuilder::new(32),
            texts: Default::default(),
            purposes: ListBuilder::new(StringBuilder::new()).with_field(element),
            meta: StringBuilder::new(),
            digests: FixedSizeBinaryBuilder::new(32),
            bytes: Int64Builder::new(),
            object: String::new(),
        }
    }

    fn push(&mut self, rid: RecordId, digest: &Digest, view: &View<'_>) {
        self.rids.append_value(rid.0.0).expect("a record id has 32 bytes");
        self.digests.append_value(digest.0).expect("a digest has 32 bytes");
        let texts = [view.id, view.text, view.source, view.licence, view.contributor, view.url];
        for (column, text) in self.texts.iter_mut().zip(texts) {
            column.append_value(text);
        }
        for purpose in view.purposes {
            self.purposes.values().append_value(purpose);
        }
        self.purposes.append(true);
        object(view.meta, &mut self.object);
        self.meta.append_value(&self.object);
        self.bytes.append_value(i64::try_from(view.text.len()).expect("a text is short"));
    }

    fn take(&mut self) -> RecordBatch {
        let [id, text, source, licence, contributor, url] =
            self.texts.each_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.rids.finish()),
            id,
            text,
            source,
            licence,
            contributor,
            Arc::new(self.purposes.finish()),
            url,
            Arc::new(self.meta.finish()),
            Arc::new(self.digests.finish()),
            Arc::new(self.bytes.finish()),
        ];
        RecordBatch::try_new(schema(), columns).expect("the columns are those of the schema")
    }
}

/// Writes `meta` as one JSON object without spaces around names and values.
fn object(meta: &[(&str, &str)], out: &mut String) {
    out.clear();
    out.push('{');
    for (place, (name, raw)) in meta.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        out.push_str(&serde_json::to_string(name).expect("a text has a JSON form"));
        out.push(':');
        out.push_str(raw);
    }
    out.push('}');
}
