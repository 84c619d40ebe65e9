//! Object stores with the interface of S3.
//!
//! The only part of the crate that is asynchronous. An object is fetched into a temporary file
//! before it is read, so that a broken line costs one part and not the work done so far.

use super::place::{Entry, Found, Location};
use crate::error::{Error, disk};
use crate::shard::TEMP_PREFIX;
use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use tempfile::NamedTempFile;
use tokio::runtime::{Builder, Runtime};

/// Bytes of one request: each must come within the client's 30 seconds.
const PART_BYTES: u64 = 8 << 20;
/// What says that requests are to be signed; without any of these they are not.
const SECRETS: [&str; 4] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// A bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    name: String,
    store: AmazonS3,
    runtime: Runtime,
}

impl Bucket {
    /// Prepares requests to the bucket `name`; sends none.
    pub(super) fn open(name: &str, access: &BTreeMap<String, String>) -> Result<Bucket, Error> {
        let refused = |error: object_store::Error| refuse(name, "", error);
        let mut builder = AmazonS3Builder::new().with_bucket_name(name);
        for (key, value) in access {
            // Other variables of the environment may stand beside those that are meant.
            if let Ok(key) = key.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        let plain = |key: &&str| access.get(*key).is_some_and(|at| at.starts_with("http://"));
        if ["AWS_ENDPOINT", "AWS_ENDPOINT_URL"].iter().any(plain) {
            builder = builder.with_allow_http(true);
        }
        if !SECRETS.iter().any(|key| access.contains_key(*key)) {
            builder = builder.with_skip_signature(true);
        }
        let store = builder.build().map_err(refused)?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(disk(Path::new(name)))?;
        Ok(Bucket { name: name.to_owned(), store, runtime })
    }

    /// The object `key`, or else the objects below it.
    pub(super) fn list(&self, key: &str) -> Result<Vec<Entry>, Error> {
        let path = Key::parse(key).map_err(|error| refuse(&self.name, key, error.into()))?;
        let entry = |meta: ObjectMeta| Entry {
            key: meta.location.to_string(),
            bytes: meta.size,
            version: meta.e_tag,
        };
        if !key.is_empty() && !key.ends_with('/') {
            match self.runtime.block_on(self.store.head(&path)) {
                Ok(meta) => return Ok(vec![entry(meta)]),
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(refuse(&self.name, key, error)),
            }
        }
        let below = (!key.is_empty()).then_some(&path);
        let all = self.store.list(below).map_ok(entry).try_collect();
        self.runtime.block_on(all).map_err(|error| refuse(&self.name, key, error))
    }

    async fn part(&self, found: &Found, key: &Key, start: u64) -> object_store::Result<Vec<u8>> {
        let end = found.bytes.min(start + PART_BYTES);
        let options = GetOptions::new()
            .with_if_match(found.version.clone())
            .with_range(Some(GetRange::Bounded(start..end)));
        let bytes = self.store.get_opts(key, options).await?.bytes().await?;
        Ok(bytes.to_vec())
    }
}

/// Fetches `found` into a file in `temps`, if it is an object.
///
/// Errors: `Disk` naming the object when the store fails, or no longer has the object as it was
/// listed.
pub(super) fn fetch(found: &Found, temps: &Path) -> Result<Option<NamedTempFile>, Error> {
    let Location::Object(bucket, name) = &found.location else { return Ok(None) };
    let key = Key::parse(name).map_err(|error| refuse(&bucket.name, name, error.into()))?;
    let temp = tempfile::Builder::new().prefix(TEMP_PREFIX).tempfile_in(temps);
    let mut temp = temp.map_err(disk(temps))?;
    let mut start = 0;
    while start < found.bytes {
        let part = bucket.runtime.block_on(bucket.part(found, &key, start));
        let part = part.map_err(|error| refuse(&bucket.name, name, error))?;
        if part.is_empty() {
            let short = io::Error::new(io::ErrorKind::UnexpectedEof, "the store sends too little");
            return Err(Error::Disk { path: url(&bucket.name, name).into(), source: short });
        }
        temp.write_all(&part).map_err(disk(temps))?;
        start += part.len() as u64;
    }
    Ok(Some(temp))
}

fn url(bucket: &str, key: &str) -> String {
    format!("s3://{bucket}/{key}")
}

fn refuse(bucket: &str, key: &str, error: object_store::Error) -> Error {
    Error::Disk { path: url(bucket, key).into(), source: io::Error::other(error) }
}
