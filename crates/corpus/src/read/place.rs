//! Where files are: a folder, one file, a pattern, or a bucket of an object store.

use super::input::{BLOCK_BYTES, Packing};
use super::object::Bucket;
use super::{Format, Reason, Skip};
use crate::error::{Error, disk};
use glob::{MatchOptions, Pattern};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use terroir_base::Digest;

/// Most files of one place.
pub const FILES_MAX: usize = 4 << 20;
/// Plain JSONL files are read in pieces of about this many bytes: 256 MiB.
pub const PIECE_BYTES: u64 = 256 << 20;
/// Deepest folder below the one that was named.
const DEPTH_MAX: usize = 64;

/// Where the files of a source are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Folders, files, patterns (`*`, `?`, `[a-z]`, `**`), or `s3://BUCKET/` with any of these.
    pub paths: Vec<String>,
    /// What object stores want to know, by the names of the environment variables that usually say
    /// it: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT`...
    pub access: BTreeMap<String, String>,
}

/// Some bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub start: u64,
    /// One past the last.
    pub end: u64,
}

/// A file that is to be read, or a piece of one.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its path below the place, with `/`.
    pub name: String,
    /// What it is.
    pub format: Format,
    /// Its length in bytes, or that of the piece.
    pub bytes: u64,
    /// What its object store calls this state of it; files on disk have none.
    pub version: Option<String>,
    /// The piece: whole lines.
    pub range: Option<Range>,
    pub(super) location: Location,
}

/// Where the bytes come from.
#[derive(Clone, Debug)]
pub(super) enum Location {
    Disk(PathBuf),
    Object(Arc<Bucket>, String),
}

impl Found {
    /// The path on disk, or the key in its bucket.
    pub(crate) fn path(&self) -> &Path {
        match &self.location {
            Location::Disk(path) => path,
            Location::Object(_, key) => Path::new(key),
        }
    }

    /// BLAKE3 of its bytes, those of the piece where it is one; `None` for an object.
    pub(crate) fn digest(&self) -> io::Result<Option<Digest>> {
        match &self.location {
            Location::Object(..) => Ok(None),
            Location::Disk(path) => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(self.range.map_or(0, |range| range.start)))?;
                let mut file =
                    file.take(self.range.map_or(u64::MAX, |range| range.end - range.start));
                let mut hasher = blake3::Hasher::new();
                let mut block = vec![0; BLOCK_BYTES];
                loop {
                    match file.read(&mut block)? {
                        0 => return Ok(Some(Digest(*hasher.finalize().as_bytes()))),
                        count => hasher.update(&block[..count]),
                    };
                }
            }
        }
    }
}

/// What a place holds.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// What is to be read, by name.
    pub files: Vec<Found>,
    /// Names of files whose ending is none of a known format (of the one asked for).
    pub ignored: Vec<String>,
}

/// Finds the files of `place`. With `format`, every file that is named or fits a pattern is of that
/// format; in a folder, only files with its endings are taken.
///
/// Errors: `Disk` for folders that cannot be read, `Source` where a path leads to nothing or a
/// named file is of no known format.
pub fn list(place: &Place, format: Option<Format>) -> Result<Listing, Error> {
    let mut listing = Listing::default();
    for path in &place.paths {
        let before = (listing.files.len(), listing.ignored.len());
        match path.strip_prefix("s3://") {
            Some(rest) => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                let bucket = Arc::new(Bucket::open(bucket, &place.access)?);
                let spot = Spot::new(key);
                let objects = bucket.list(&spot.folder)?;
                spot.take(objects, path, format, &mut listing, &|key| {
                    Location::Object(bucket.clone(), key.to_owned())
                })?;
            }
            None => local(path, format, &mut listing)?,
        }
        if before == (listing.files.len(), listing.ignored.len()) {
            return Err(nothing(path, "there is no such file, and no file below it or like it"));
        }
    }
    listing.files.sort_by(|one, other| {
        let start = |found: &Found| found.range.map_or(0, |range| range.start);
        (&one.name, start(one)).cmp(&(&other.name, start(other)))
    });
    listing.ignored.sort();
    Ok(listing)
}

fn nothing(path: &str, what: &str) -> Error {
    let (file, what) = (path.to_owned(), what.to_owned());
    Skip { file, offset: 0, record: 0, reason: Reason::Unreadable, what, rest: true }.into()
}

/// A file or object as it is listed.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) bytes: u64,
    pub(super) version: Option<String>,
}

/// A path taken apart: the folder that surely holds everything it means, and how to choose there.
struct Spot {
    folder: String,
    pattern: Option<Pattern>,
    whole: String,
}

impl Spot {
    fn new(path: &str) -> Spot {
        let plain = |part: &&str| !part.contains(['*', '?', '[']);
        let parts: Vec<&str> = path.split('/').collect();
        let fixed = parts.iter().take_while(|part| plain(part)).count();
        let pattern = Pattern::new(path).ok().filter(|_| fixed < parts.len());
        let folder = if pattern.is_some() { parts[..fixed].join("/") } else { path.to_owned() };
        let folder = match folder.as_str() {
            "" if path.starts_with('/') => "/".to_owned(),
            folder => folder.to_owned(),
        };
        Spot { folder, pattern, whole: path.to_owned() }
    }

    /// Puts what fits of `entries` into `listing`.
    fn take(
        &self,
        entries: Vec<Entry>,
        path: &str,
        format: Option<Format>,
        listing: &mut Listing,
        location: &dyn Fn(&str) -> Location,
    ) -> Result<(), Error> {
        // As in a shell: a star stays inside a folder and does not find hidden files.
        let options = MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: true,
        };
        for Entry { key, bytes, version } in entries {
            let named = key == self.whole;
            match &self.pattern {
                Some(pattern) if !pattern.matches_with(&key, options) => continue,
                _ => {}
            }
            let below =
                key.strip_prefix(self.folder.as_str()).map(|name| name.trim_start_matches('/'));
            let last = key.rsplit('/').next().unwrap_or(&key);
            let name = below.filter(|name| !name.is_empty()).unwrap_or(last).to_owned();
            let chosen = named || self.pattern.is_some();
            let taken = match format {
                Some(format) if chosen || format.takes(&name) => Some(format),
                Some(_) => None,
                None => Format::of_name(&name),
            };
            if listing.files.len() + listing.ignored.len() >= FILES_MAX {
                return Err(nothing(path, &format!("more than {FILES_MAX} files")));
            }
            match taken {
                Some(format) => {
                    let location = location(&key);
                    listing.files.push(Found {
                        name,
                        format,
                        bytes,
                        version,
                        range: None,
                        location,
                    });
                }
                None if named => {
                    return Err(nothing(path, "its ending tells no format: say which it has"));
                }
                None => listing.ignored.push(name),
            }
        }
        Ok(())
    }
}

fn local(path: &str, format: Option<Format>, listing: &mut Listing) -> Result<(), Error> {
    // A name with a star in it is a name where there is such a file.
    let exists = Path::new(path).exists();
    let trimmed = if path.len() > 1 { path.trim_end_matches('/') } else { path };
    let spot = if exists {
        Spot { folder: trimmed.to_owned(), pattern: None, whole: trimmed.to_owned() }
    } else {
        Spot::new(trimmed)
    };
    let folder = if spot.folder.is_empty() { "." } else { &spot.folder };
    let mut entries = Vec::new();
    match fs::metadata(folder) {
        Ok(data) if data.is_dir() => walk(Path::new(folder), &spot.folder, 0, &mut entries)?,
        Ok(data) => {
            let key = trimmed.to_owned();
            entries.push(Entry { key, bytes: data.len(), version: None });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(disk(Path::new(folder))(error)),
    }
    let before = listing.files.len();
    spot.take(entries, path, format, listing, &|key| Location::Disk(PathBuf::from(key)))?;
    let found = listing.files.split_off(before);
    for file in found {
        let ranges = match file.format {
            // A file that cannot be read is found out, and told, when it is read.
            Format::Jsonl => pieces(file.path(), file.bytes, PIECE_BYTES).unwrap_or_default(),
            _ => Vec::new(),
        };
        if ranges.len() < 2 {
            listing.files.push(file);
            continue;
        }
        let piece = |range: Range| {
            let bytes = range.end - range.start;
            Found { range: Some(range), bytes, ..file.clone() }
        };
        listing.files.extend(ranges.into_iter().map(piece));
    }
    Ok(())
}

/// Every file below `folder`, as keys that start with `key`. Hidden files and linked folders are
/// left out.
fn walk(folder: &Path, key: &str, depth: usize, entries: &mut Vec<Entry>) -> Result<(), Error> {
    if depth > DEPTH_MAX {
        return Err(nothing(key, &format!("folders are nested deeper than {DEPTH_MAX}")));
    }
    for entry in fs::read_dir(folder).map_err(disk(folder))? {
        let entry = entry.map_err(disk(folder))?;
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| {
            nothing(&path.to_string_lossy(), "the name of this file is not utf-8")
        })?;
        if name.starts_with('.') {
            continue;
        }
        let key = match key {
            "" => name.to_owned(),
            "/" => format!("/{name}"),
            key => format!("{key}/{name}"),
        };
        let kind = entry.file_type().map_err(disk(&path))?;
        if kind.is_dir() {
            walk(&path, &key, depth + 1, entries)?;
        } else {
            // A link that leads nowhere is told when it is read.
            let data = fs::metadata(&path).ok();
            if data.as_ref().is_none_or(fs::Metadata::is_file) {
                let bytes = data.map_or(0, |data| data.len());
                entries.push(Entry { key, bytes, version: None });
            }
        }
        if entries.len() > FILES_MAX {
            let what = format!("more than {FILES_MAX} files");
            return Err(nothing(&folder.to_string_lossy(), &what));
        }
    }
    Ok(())
}

/// Cuts a plain file into whole lines: a piece holds the lines that start in one stretch of
/// `piece_bytes`, so what is appended to a file changes none of its earlier pieces.
pub(super) fn pieces(path: &Path, bytes: u64, piece_bytes: u64) -> io::Result<Vec<Range>> {
    if bytes < piece_bytes.saturating_mul(2) {
        return Ok(Vec::new());
    }
    let mut file = File::open(path)?;
    let mut first = [0; 4];
    file.read_exact(&mut first)?;
    if Packing::of(&first) != Packing::None {
        return Ok(Vec::new());
    }
    let mut starts = vec![0];
    let mut mark = piece_bytes;
    let mut reader = BufReader::with_capacity(64 << 10, file);
    while mark < bytes {
        // The byte before the mark tells whether a line starts at it.
        reader.seek(SeekFrom::Start(mark - 1))?;
        let start = mark - 1 + skip_line(&mut reader)?;
        if start >= bytes {
            break;
        }
        starts.push(start);
        mark = (start / piece_bytes + 1) * piece_bytes;
    }
    let ends = starts.iter().skip(1).copied().chain([bytes]);
    Ok(starts.iter().zip(ends).map(|(start, end)| Range { start: *start, end }).collect())
}

/// Reads to the end of a line; gives the number of bytes.
fn skip_line(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut count = 0;
    loop {
        let block = reader.fill_buf()?;
        if block.is_empty() {
            return Ok(count);
        }
        let end = memchr::memchr(b'\n', block);
        let took = end.map_or(block.len(), |end| end + 1);
        reader.consume(took);
        count += took as u64;
        if end.is_some() {
            return Ok(count);
        }
    }
}
