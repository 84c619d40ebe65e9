//! Reading batches from a server that nobody trusts.
//!
//! Invariant: the manifest has the id in the address, the tables lead to its root, and every
//! sequence has the digest that they name; nothing else of the server is believed.

use super::BATCH_BYTES_MAX;
use crate::Error;
use crate::error::disk;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;
use terroir_corpus::lead::{Index, MANIFEST_BYTES_MAX, Manifest, ManifestId, table_path};
use terroir_corpus::tree::SaltKey;

/// Time for a connection, and for the head of an answer.
const WAIT: Duration = Duration::from_secs(30);
/// Time for the body of an answer, of at most a batch or a table.
const BODY_WAIT: Duration = Duration::from_secs(3600);
/// Bytes of a table beside those of its sequences.
const TABLE_BYTES: u64 = 1 << 20;
/// Most bytes of a table for a sequence: its digest and a page's share of headers.
const ROW_BYTES: u64 = 128;
/// Most bytes of a table for a part of a sequence.
const SPAN_BYTES: u64 = 64;

/// A manifest that is served elsewhere.
#[derive(Debug)]
pub struct Remote {
    agent: ureq::Agent,
    address: String,
    index: Index,
}

impl Remote {
    /// Fetches the manifest and its tables from `address`, which ends with the manifest's id:
    /// `http://HOST:PORT/ID`. `salt` is that of its leaves.
    ///
    /// Holds 32 bytes a stored sequence; the tables stand in a temporary folder until they are
    /// checked. Errors: `Remote`, `Disk`.
    pub fn open(address: &str, salt: &SaltKey) -> Result<Remote, Error> {
        let address = address.trim_end_matches('/').to_owned();
        let last = address.rsplit('/').next().unwrap_or_default();
        let id: ManifestId = last.parse().map_err(|_| {
            let problem = "names no manifest, expected http://HOST:PORT/ID".to_owned();
            Error::Remote { address: address.clone(), problem }
        })?;
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(WAIT))
            .timeout_recv_response(Some(WAIT))
            .timeout_recv_body(Some(BODY_WAIT))
            .build()
            .into();
        let temp = tempfile::tempdir().map_err(disk(&std::env::temp_dir()))?;
        let folder = temp.path().join(id.to_string());
        fs::create_dir(&folder).map_err(disk(&folder))?;
        let path = folder.join("manifest.cose");
        let url = format!("{address}/manifest.cose");
        fetch(&agent, &url, MANIFEST_BYTES_MAX as u64, &path)?;
        let signed = fs::read(&path).map_err(disk(&path))?;
        let refused = |problem| Error::Remote { address: url.clone(), problem };
        let manifest = Manifest::open(&signed).map_err(refused)?.0;
        // Before its numbers say what to fetch.
        if manifest.id() != id {
            return Err(refused(format!("is the manifest {}, not {id}", manifest.id())));
        }
        let spans = SPAN_BYTES.saturating_mul(manifest.shape.length.into());
        for (source, share) in (0..).zip(&manifest.sources) {
            let rows = share.packed.stored.saturating_mul(ROW_BYTES.saturating_add(spans));
            let url = format!("{address}/sequences/{source}");
            fetch(&agent, &url, rows.saturating_add(TABLE_BYTES), &table_path(&folder, source))?;
        }
        let refused = |error: terroir_corpus::Error| Error::Remote {
            address: address.clone(),
            problem: error.to_string(),
        };
        let index = Index::open(&folder, salt).map_err(refused)?;
        Ok(Remote { agent, address, index })
    }

    /// What the tokens are compared with.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Appends the tokens of batch `batch` of `size` sequences to `out`, each sequence compared.
    ///
    /// Errors: `Remote` naming the batch and the sequence.
    pub fn batch(&self, batch: u64, size: u64, out: &mut Vec<u8>) -> Result<(), Error> {
        let url = format!("{}/batches/{batch}?size={size}&format=raw", self.address);
        let failed = |problem: String| Error::Remote { address: url.clone(), problem };
        let places = self.index.order().batch(batch, size);
        let sequence = self.index.manifest().shape.sequence_bytes();
        let wanted = (places.len() as u64).saturating_mul(sequence as u64);
        if wanted > BATCH_BYTES_MAX {
            return Err(failed(format!("{wanted} bytes, at most {BATCH_BYTES_MAX} are asked for")));
        }
        let start = out.len();
        let mut body = ask(&self.agent, &url)?.take(wanted + 1);
        body.read_to_end(out).map_err(|error| failed(error.to_string()))?;
        let got = (out.len() - start) as u64;
        if got != wanted {
            return Err(failed(format!("gave {got} bytes or more, expected {wanted}")));
        }
        for (at, (place, tokens)) in places.iter().zip(out[start..].chunks(sequence)).enumerate() {
            let problem = |what| failed(format!("sequence {at} of the batch {what}"));
            self.index.check(*place, tokens).map_err(problem)?;
        }
        Ok(())
    }
}

/// Fetches `url`, of at most `bytes_max` bytes, into the file `path`.
fn fetch(agent: &ureq::Agent, url: &str, bytes_max: u64, path: &Path) -> Result<(), Error> {
    let failed = |problem: String| Error::Remote { address: url.to_owned(), problem };
    let mut file = File::create(path).map_err(disk(path))?;
    let mut body = ask(agent, url)?.take(bytes_max.saturating_add(1));
    let bytes = io::copy(&mut body, &mut file).map_err(|error| failed(error.to_string()))?;
    match bytes > bytes_max {
        true => Err(failed(format!("more than {bytes_max} bytes"))),
        false => Ok(()),
    }
}

/// The body of an answer.
fn ask(agent: &ureq::Agent, url: &str) -> Result<impl Read + use<>, Error> {
    /// Bytes of a refusal that are shown.
    const SHOWN: u64 = 400;
    let failed = |problem: String| Error::Remote { address: url.to_owned(), problem };
    let request = agent.get(url).header("accept-encoding", "identity");
    let response = request.call().map_err(|error| failed(error.to_string()))?;
    let status = response.status().as_u16();
    let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
    if status == 200 {
        return Ok(body);
    }
    let mut said = Vec::new();
    // What it says is a help, not a promise.
    let _ = (&mut body).take(SHOWN).read_to_end(&mut said);
    let said = String::from_utf8_lossy(&said);
    Err(failed(format!("the server answered with status {status}: {}", said.escape_debug())))
}
