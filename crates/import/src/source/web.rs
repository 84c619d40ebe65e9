//! `https:` sources: a file with a known hash, fetched in as many pieces as the line allows.
//!
//! Invariant: the final name appears only after the SHA-256 of the whole file agreed; what has
//! arrived stands in a `.part` file, which the next attempt continues and a wrong hash removes.

use super::copy::{self, STEP_BYTES, sync_folder};
use crate::Error;
use crate::progress::Progress;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use terroir_base::hex;

/// Attempts in a row that may bring nothing new before we give up.
const FRUITLESS_MAX: u32 = 3;
/// Largest file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 40;
/// Longest wait for a connection, and for the first byte of an answer.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(60);

/// See [`super::fetch`].
pub(super) fn fetch(
    url: &str,
    sha256: &[u8; 32],
    downloads: &Path,
    progress: &mut dyn Progress,
) -> Result<PathBuf, Error> {
    let folder = downloads.join("https").join(hex::encode(sha256));
    let target = folder.join(file_name(url));
    let io = |source| Error::Io { path: folder.clone(), source };
    fs::create_dir_all(&folder).map_err(io)?;
    let lock = File::create(folder.join("lock")).map_err(io)?;
    lock.lock().map_err(io)?;
    if target.is_file() {
        return Ok(target);
    }
    let mut part = Part::open(folder.join("part"))?;
    complete(url, &mut part, progress)?;
    let got: [u8; 32] = part.hasher.clone().finalize().into();
    if got != *sha256 {
        fs::remove_file(&part.path).map_err(io)?;
        return Err(Error::Hash {
            what: url.into(),
            expected: hex::encode(sha256),
            got: hex::encode(&got),
        });
    }
    part.file.sync_all().map_err(io)?;
    fs::rename(&part.path, &target).map_err(io)?;
    sync_folder(&folder)?;
    Ok(target)
}

/// The last part of the address, in plain characters.
fn file_name(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    let name: String =
        last.chars().filter(|&c| c.is_ascii_alphanumeric() || "._-".contains(c)).collect();
    let name = name.trim_start_matches('.');
    if matches!(name, "" | "part" | "lock") { "model".into() } else { name.into() }
}

/// What has arrived so far, with the hash of it.
struct Part {
    path: PathBuf,
    file: File,
    bytes: u64,
    hasher: Sha256,
}

impl Part {
    fn open(path: PathBuf) -> Result<Part, Error> {
        let io = |source| Error::Io { path: path.clone(), source };
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(io)?;
        let mut hasher = Sha256::new();
        let bytes = copy::hash(&mut file, &mut hasher).map_err(io)?;
        Ok(Part { path, file, bytes, hasher })
    }

    fn restart(&mut self) -> Result<(), Error> {
        self.bytes = 0;
        self.hasher = Sha256::new();
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map(|_| ()).map_err(|source| Error::Io { path: self.path.clone(), source })
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.file.write_all(bytes);
        written.map_err(|source| Error::Io { path: self.path.clone(), source })?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

/// How one attempt ended.
enum Attempt {
    /// The server says that this is all of the file.
    Whole,
    /// The line broke; why.
    Broken(String),
}

/// Asks again as long as each few attempts bring something.
fn complete(url: &str, part: &mut Part, progress: &mut dyn Progress) -> Result<(), Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(ANSWER_WAIT_MAX))
        .timeout_recv_response(Some(ANSWER_WAIT_MAX))
        .build()
        .into();
    let mut fruitless = 0;
    loop {
        let before = part.bytes;
        let why = match attempt(&agent, url, part, progress)? {
            Attempt::Whole => return Ok(()),
            Attempt::Broken(why) => why,
        };
        fruitless = if part.bytes > before { 0 } else { fruitless + 1 };
        if fruitless == FRUITLESS_MAX {
            let why = format!("{why}; {} bytes are kept for the next try", part.bytes);
            return Err(Error::Download { what: url.into(), why });
        }
    }
}

fn attempt(
    agent: &ureq::Agent,
    url: &str,
    part: &mut Part,
    progress: &mut dyn Progress,
) -> Result<Attempt, Error> {
    let fail = |why: String| Error::Download { what: url.into(), why };
    // Bytes must arrive as they are stored, or ranges would mean something else.
    let mut request = agent.get(url).header("accept-encoding", "identity");
    if part.bytes > 0 {
        request = request.header("range", format!("bytes={}-", part.bytes));
    }
    let mut response = match request.call() {
        Ok(response) => response,
        Err(error) => return Ok(Attempt::Broken(error.to_string())),
    };
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let total = match response.status().as_u16() {
        200 => {
            part.restart()?;
            header("content-length").and_then(|text| text.parse().ok())
        }
        206 => match header("content-range").and_then(parse_range) {
            Some((from, total)) if from == part.bytes => total,
            _ => {
                return Err(fail("the server sent another range than was asked for".into()));
            }
        },
        // Nothing follows what we have: whole, or too long, which the hash will tell.
        416 if part.bytes > 0 => return Ok(Attempt::Whole),
        status => return Err(fail(format!("the server answered with status {status}"))),
    };
    let mut body = response.body_mut().with_config().limit(u64::MAX).reader();
    let mut buffer = vec![0; STEP_BYTES];
    loop {
        progress.update(url, part.bytes, total);
        match body.read(&mut buffer) {
            Ok(0) if total.is_some_and(|total| part.bytes < total) => {
                return Ok(Attempt::Broken("the connection closed early".into()));
            }
            Ok(0) => return Ok(Attempt::Whole),
            Ok(count) => part.append(&buffer[..count])?,
            Err(error) => return Ok(Attempt::Broken(error.to_string())),
        }
        if part.bytes > FILE_BYTES_MAX {
            return Err(fail(format!("more than {FILE_BYTES_MAX} bytes")));
        }
    }
}

/// First byte and total of `bytes FIRST-LAST/TOTAL`; no total when it is `*`.
fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.parse().ok()?, total.parse().ok()))
}
