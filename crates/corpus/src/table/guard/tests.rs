use super::*;
use crate::table;
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{ParquetMetaDataBuilder, ParquetMetaDataWriter};
use parquet::file::page_index::offset_index::OffsetIndexMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::TrackedWrite;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

const VERSIONS: [WriterVersion; 2] = [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0];

/// Where the index says that the pages of a file are, by row group and column.
type Index = Vec<Vec<Vec<PageLocation>>>;

/// A file of four rows and two columns, numbers and lists, each row on a page of its own.
struct Made {
    folder: TempDir,
    schema: SchemaRef,
}

fn made(version: WriterVersion) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let mut lists = ListBuilder::new(StringBuilder::new());
    for list in [&["a", "b"][..], &["c"], &[], &["d"]] {
        list.iter().for_each(|text| lists.values().append_value(text));
        lists.append(true);
    }
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![10, 11, 12, 13]));
    let lists: ArrayRef = Arc::new(lists.finish());
    let batch = RecordBatch::try_from_iter([("number", numbers), ("list", lists)]).unwrap();
    let properties = WriterProperties::builder()
        .set_writer_version(version)
        .set_data_page_row_count_limit(1)
        .set_write_batch_size(1)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .build();
    let made = Made { folder, schema: batch.schema() };
    let file = File::create(made.path()).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    made
}

impl Made {
    fn path(&self) -> PathBuf {
        self.folder.path().join("table")
    }

    /// Writes the end of the file again, with what `change` makes of the index and of the rest.
    fn forge(&self, change: impl FnOnce(&mut Index, ParquetMetaData) -> ParquetMetaDataBuilder) {
        let file = File::open(self.path()).unwrap();
        let meta = ArrowReaderMetadata::load(&file, options(true)).unwrap();
        let all = meta.metadata().row_groups().iter().flat_map(|group| group.columns());
        let end = all.map(|column| column.offset_index_offset().unwrap()).min().unwrap();
        let index = meta.metadata().offset_index().unwrap();
        let plain = |columns: &Vec<OffsetIndexMetaData>| {
            columns.iter().map(|column| column.page_locations().clone()).collect()
        };
        let mut index: Index = index.iter().map(plain).collect();
        let builder = change(&mut index, meta.metadata().as_ref().clone());
        let told = |page_locations| OffsetIndexMetaData {
            page_locations,
            unencoded_byte_array_data_bytes: None,
        };
        let index = index.into_iter().map(|columns| columns.into_iter().map(told).collect());
        let meta = builder.set_offset_index(Some(index.collect())).build();
        self.finish(usize::try_from(end).unwrap(), &meta);
    }

    /// Writes the description again, with what `change` makes of the columns of its only group.
    fn describe(&self, change: impl FnOnce(&mut Vec<ColumnChunkMetaData>)) {
        let file = File::open(self.path()).unwrap();
        let meta = ArrowReaderMetadata::load(&file, options(false)).unwrap();
        let meta = meta.metadata().as_ref().clone();
        let group = meta.row_group(0).clone();
        let mut columns = group.columns().to_vec();
        change(&mut columns);
        let group = group.into_builder().set_column_metadata(columns).build().unwrap();
        let meta = meta.into_builder().set_row_groups(vec![group]).build();
        let bytes = fs::read(self.path()).unwrap();
        let (rest, length) = bytes[..bytes.len() - 4].split_last_chunk().unwrap();
        self.finish(rest.len() - u32::from_le_bytes(*length) as usize, &meta);
    }

    /// Ends the file after its first `bytes` with `meta`.
    fn finish(&self, bytes: usize, meta: &ParquetMetaData) {
        let before = fs::read(self.path()).unwrap();
        let mut forged = Vec::new();
        let mut out = TrackedWrite::new(&mut forged);
        out.write_all(&before[..bytes]).unwrap();
        ParquetMetaDataWriter::new_with_tracked(out, meta).finish().unwrap();
        fs::write(self.path(), forged).unwrap();
    }

    /// What is wrong with the file, read row by row.
    fn wrong(&self) -> String {
        table::pick(&self.path(), &self.schema, &[], &[0]).err().map_or(String::new(), |error| {
            assert!(matches!(error, Error::Damaged { .. }), "{error}");
            error.to_string()
        })
    }

    /// The number and the list of each of `rows`.
    fn rows(&self, rows: &[usize]) -> Vec<(i64, Vec<String>)> {
        let mut all = Vec::new();
        for batch in table::pick(&self.path(), &self.schema, &[], rows).unwrap() {
            let batch = batch.unwrap();
            let numbers = batch.column(0).as_primitive::<Int64Type>();
            for (at, list) in batch.column(1).as_list::<i32>().iter().enumerate() {
                let list = list.unwrap();
                let texts = list.as_string::<i32>().iter().flatten().map(str::to_owned);
                all.push((numbers.value(at), texts.collect()));
            }
        }
        all
    }

    /// The pages of column `wanted`.
    fn pages(&self, wanted: usize) -> Vec<Page> {
        let file = File::open(self.path()).unwrap();
        let meta = ArrowReaderMetadata::load(&file, options(false)).unwrap();
        let (mut found, bytes) = (Vec::new(), file.metadata().unwrap().len());
        let mut each = |column, page| found.extend((column == wanted).then_some(page));
        let group = meta.metadata().row_group(0);
        pages::widest(&file, group, &[], bytes, &mut 0, &mut each).unwrap().unwrap();
        found
    }

    /// Puts `new` in place of `old`, which has the same length, in `page`.
    fn patch(&self, page: Page, old: &[u8], new: &[u8]) {
        let mut bytes = fs::read(self.path()).unwrap();
        let (start, end) = (page.start as usize, (page.start + page.bytes) as usize);
        let found = bytes[start..end].windows(old.len()).position(|part| part == old).unwrap();
        bytes[start + found..][..new.len()].copy_from_slice(new);
        fs::write(self.path(), bytes).unwrap();
    }
}

#[test]
fn single_rows_are_those_of_the_pages_in_order() {
    for version in VERSIONS {
        let made = made(version);
        assert_eq!([0, 1].map(|column| made.pages(column).len()), [4, 4]);
        made.forge(|_, meta| meta.into_builder());
        let rows = made.rows(&[0, 2, 3]);
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(rows, [(10, list(&["a", "b"])), (12, Vec::new()), (13, list(&["d"]))]);
    }
}

#[test]
fn an_index_that_is_not_its_pages_is_refused() {
    type Lie = fn(&mut Vec<PageLocation>);
    let lies: [Lie; 8] = [
        // Other rows under the same numbers, and the same rows under others.
        |pages| {
            pages.swap(1, 2);
            pages[1].first_row_index = 1;
            pages[2].first_row_index = 2;
        },
        |pages| pages.swap(1, 2),
        |pages| pages[2].first_row_index = 1,
        |pages| pages[3].first_row_index = 4,
        |pages| {
            pages.remove(1);
        },
        |pages| pages.truncate(3),
        |pages| pages.push(pages[3].clone()),
        |pages| pages[0].compressed_page_size -= 1,
    ];
    for version in VERSIONS {
        for (column, name) in [(0, "\"number\""), (1, "\"list.list.item\"")] {
            for (at, lie) in lies.iter().enumerate() {
                let made = made(version);
                made.forge(|index, meta| {
                    lie(&mut index[0][column]);
                    meta.into_builder()
                });
                let what = format!("row group 0: the index of column {name} is not its pages");
                assert!(made.wrong().contains(&what), "{at}: {}", made.wrong());
                // Whoever reads all rows does not ask it.
                assert!(table::read(&made.path(), &made.schema, &[]).is_ok());
            }
        }
    }
}

#[test]
fn pages_of_more_or_fewer_rows_than_there_are_are_refused() {
    for version in VERSIONS {
        for column in ["number", "list"] {
            let made = made(version);
            made.forge(|_, meta| {
                let group = meta.row_group(0).clone().into_builder().set_num_rows(3).build();
                meta.into_builder().set_row_groups(vec![group.unwrap()])
            });
            let error = table::read(&made.path(), &made.schema, &[column]).err().unwrap();
            assert!(error.to_string().contains("pages of 4 rows, not 3"), "{error}");
        }
    }
}

#[test]
fn a_header_that_lies_about_its_rows_is_refused() {
    for (column, levels) in [(0, [0x02, 0x15, 0x00]), (1, [0x04, 0x15, 0x00])] {
        let made = made(WriterVersion::PARQUET_2_0);
        // Values, nulls and rows; the last is one, and becomes two.
        let old = [&[0x15][..], &levels, &[0x15, 0x02]].concat();
        let new = [&[0x15][..], &levels, &[0x15, 0x04]].concat();
        made.patch(made.pages(column)[0], &old, &new);
        assert!(made.wrong().contains("a page of 1 rows that says 2"), "{}", made.wrong());
    }
}

#[test]
fn a_page_that_goes_on_with_a_row_is_refused() {
    // As many rows as before: the first page has two of one text, the second a text for the last.
    let levels: [(&[u8], &[u8]); 2] =
        [(&[2, 0, 0, 0, 3, 2], &[2, 0, 0, 0, 3, 0]), (&[2, 0, 0, 0, 2, 0], &[2, 0, 0, 0, 2, 1])];
    let made = made(WriterVersion::PARQUET_1_0);
    let pages = made.pages(1);
    for (page, (old, new)) in pages.iter().zip(levels) {
        made.patch(*page, old, new);
    }
    assert!(made.wrong().contains("does not begin with a row"), "{}", made.wrong());
    let all = table::read(&made.path(), &made.schema, &[]).err().unwrap();
    assert!(all.to_string().contains("\"list.list.item\": a page that does not begin"), "{all}");
}

#[test]
fn pages_that_are_no_data_or_have_no_rows_are_refused() {
    let page = |kind, values| Page { start: 4, bytes: 10, kind, values };
    let data = page(Kind::Data, 2);
    let dictionary = page(Kind::Dictionary, 9);
    let rows = |pages: &[Page], counted, rows| -> Result<Vec<i64>, String> {
        let pages = located(pages, counted, rows)?;
        Ok(pages.iter().map(|page| page.first_row_index).collect())
    };
    assert_eq!(rows(&[dictionary, data, data], None, 4), Ok(vec![0, 2]));
    assert_eq!(rows(&[data, data], Some(vec![1, 2]), 3), Ok(vec![0, 1]));
    type Case<'a> = (&'a [Page], Option<Vec<i64>>, &'a str);
    let refused: [Case<'_>; 6] = [
        (&[data, dictionary, data], None, "none of data"),
        (&[dictionary, dictionary, data], None, "none of data"),
        (&[page(Kind::Other, 0), data], None, "none of data"),
        (&[data, data], Some(vec![4]), "none of data"),
        (&[data, page(Kind::Data, 0), data], None, "without rows"),
        (&[data, data, Page { bytes: 1 << 31, ..data }], None, "of 2147483648 bytes"),
    ];
    for (pages, counted, what) in refused {
        let error = rows(pages, counted, 4).unwrap_err();
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn columns_that_share_their_pages_are_refused() {
    let made = made(WriterVersion::PARQUET_1_0);
    made.forge(|index, meta| {
        index.push(index[0].clone());
        let group = meta.row_group(0).clone();
        meta.into_builder().set_row_groups(vec![group.clone(), group])
    });
    assert!(made.wrong().contains("columns that have bytes in common"), "{}", made.wrong());
    let all = table::read(&made.path(), &made.schema, &["number"]).err().unwrap();
    assert!(all.to_string().contains("columns that have bytes in common"), "{all}");
}

#[test]
fn an_index_that_is_read_again_or_from_afar_is_refused() {
    let whole = made(WriterVersion::PARQUET_1_0);
    whole.describe(|_| ());
    assert_eq!(whole.rows(&[3]).len(), 1);
    let far = 1 + i64::try_from(INDEX_BYTES_MAX).unwrap();
    for (by, what) in [(0, "whose parts have bytes in common"), (far, "bytes, at most 67108864")] {
        let made = made(WriterVersion::PARQUET_1_0);
        made.describe(|columns| {
            let (offset, length) =
                (columns[0].offset_index_offset().unwrap(), columns[0].offset_index_length());
            let other = columns[1].clone().into_builder();
            let other = other.set_offset_index_offset(Some(offset + by));
            columns[1] = other.set_offset_index_length(length).build().unwrap();
        });
        assert!(made.wrong().contains(what), "{}", made.wrong());
    }
}

#[test]
fn what_the_pages_of_all_groups_open_to_is_bounded_by_the_file() {
    let long = "x".repeat(40 << 20);
    for (groups, good) in [(1, true), (2, false)] {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![&long[..]; groups]));
        let batch = RecordBatch::try_from_iter([("text", texts)]).unwrap();
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_dictionary_enabled(false)
            .set_max_row_group_row_count(Some(1))
            .set_statistics_enabled(EnabledStatistics::None)
            .build();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table");
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        assert_eq!(writer.close().unwrap().num_row_groups(), groups);
        let wrong = table::read(&path, &batch.schema(), &[]).err().map(|error| error.to_string());
        assert_eq!(wrong.is_none(), good, "{wrong:?}");
        assert!(wrong.is_none_or(|what| what.contains("group 1: its pages are far larger")));
    }
}
