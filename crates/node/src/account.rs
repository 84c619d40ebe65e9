//! Accounts of people on this machine: keys in encrypted files, and payments that they sign.
//!
//! The files are of the Web3 Secret Storage form, version 3, which other wallets and tools read.
//! Invariant: a key is in memory only while it signs, and on disk only encrypted.

use crate::disk::{TEMP_PREFIX, read_small, sync_folder};
use crate::error::{Error, disk};
use crate::rpc::Client;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
pub use alloy_primitives::{Address, U256};
use alloy_primitives::{B256, Signature, TxKind, hex};
use k256::ecdsa::SigningKey;
use rand_core_06::OsRng;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Permission bits of the folder, and of a file in it.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Most bytes of a file.
const FILE_BYTES_MAX: usize = 1 << 16;
/// How long a payment is waited for.
const WAIT: Duration = Duration::from_secs(30);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// The accounts in a folder.
pub struct Accounts {
    folder: PathBuf,
}

/// Somebody who signs.
pub struct Signer(SigningKey);

impl Accounts {
    /// Those in `folder`; none where it is not there.
    pub fn of(folder: PathBuf) -> Accounts {
        Accounts { folder }
    }

    /// Their addresses, ascending. Errors: `Disk`.
    pub fn list(&self) -> Result<Vec<Address>, Error> {
        let mut found = Vec::new();
        if !self.folder.exists() {
            return Ok(found);
        }
        for entry in fs::read_dir(&self.folder).map_err(disk(&self.folder))? {
            let name = entry.map_err(disk(&self.folder))?.file_name();
            let address: Option<Address> =
                name.to_str().and_then(|name| name.strip_suffix(".json")?.parse().ok());
            found.extend(address);
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Keeps `signer`, encrypted under `password`, in a folder for its owner alone.
    ///
    /// Errors: `Account` where it is kept already; `Disk`.
    pub fn keep(&self, signer: &Signer, password: &str) -> Result<Address, Error> {
        let address = signer.address();
        let path = self.path(address);
        if path.exists() {
            return Err(Error::Account { address, problem: "is kept here already".into() });
        }
        let made = fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&self.folder);
        made.map_err(disk(&self.folder))?;
        let name = format!("{TEMP_PREFIX}{address:#x}.json");
        let key = Zeroizing::new(signer.0.to_bytes());
        let kept = eth_keystore::encrypt_key(&self.folder, &mut OsRng, *key, password, Some(&name));
        kept.map_err(|error| Error::Account { address, problem: error.to_string() })?;
        let temp = self.folder.join(&name);
        let mode = fs::Permissions::from_mode(FILE_MODE);
        fs::set_permissions(&temp, mode).map_err(disk(&temp))?;
        fs::File::open(&temp).and_then(|file| file.sync_all()).map_err(disk(&temp))?;
        // A key is under its name as a whole or not at all.
        fs::rename(&temp, &path).map_err(disk(&path))?;
        sync_folder(&self.folder)?;
        Ok(address)
    }

    /// The account at `address`, by its password. Errors: `Account`.
    pub fn unlock(&self, address: Address, password: &str) -> Result<Signer, Error> {
        let problem = |problem: String| Error::Account { address, problem };
        let path = self.path(address);
        if !path.exists() {
            return Err(problem("is not kept here: terroir account list".into()));
        }
        readable(&path)?.map_err(|why| problem(format!("{}: {why}", path.display())))?;
        let key = eth_keystore::decrypt_key(&path, password).map_err(|error| match error {
            eth_keystore::KeystoreError::MacMismatch => problem("has another password".into()),
            other => problem(format!("{}: {other}", path.display())),
        })?;
        let signer =
            Signer::of(&Zeroizing::new(key)).ok_or_else(|| problem("holds no key".into()))?;
        match signer.address() == address {
            true => Ok(signer),
            false => Err(problem(format!("holds the key of {}", signer.address()))),
        }
    }

    fn path(&self, address: Address) -> PathBuf {
        self.folder.join(format!("{address:#x}.json"))
    }
}

/// Whether a file of a key is of the one form, and asks for no more work than a key is worth.
fn readable(path: &Path) -> Result<Result<(), String>, Error> {
    let bytes = read_small(path, FILE_BYTES_MAX)?.unwrap_or_default();
    let file: Value = match serde_json::from_slice(&bytes) {
        Ok(file) => file,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let crypto = &file["crypto"];
    let within = |name: &str, least: u64, most: u64| {
        let value = crypto["kdfparams"][name].as_u64();
        match value.is_some_and(|value| (least..=most).contains(&value)) {
            true => Ok(()),
            false => Err(format!("{name} is not between {least} and {most}")),
        }
    };
    let iv = crypto["cipherparams"]["iv"].as_str().map_or(0, str::len);
    if crypto["cipher"] != "aes-128-ctr" || iv != 32 {
        return Ok(Err("its cipher is not aes-128-ctr with 16 bytes to begin with".into()));
    }
    let work = match crypto["kdf"].as_str() {
        Some("scrypt") => [("n", 2, 1 << 20), ("r", 1, 16), ("p", 1, 16)]
            .into_iter()
            .try_for_each(|(name, least, most)| within(name, least, most)),
        Some("pbkdf2") => within("c", 1, 10_000_000),
        _ => Err("its kdf is neither scrypt nor pbkdf2".into()),
    };
    Ok(work.and_then(|()| within("dklen", 32, 32)))
}

impl Signer {
    /// A new one. Errors: `Entropy`.
    pub fn random() -> Result<Signer, Error> {
        loop {
            let mut bytes = Zeroizing::new([0; 32]);
            getrandom::fill(&mut *bytes).map_err(Error::Entropy)?;
            // Numbers that are no keys are as rare as collisions.
            if let Some(signer) = Signer::of(&*bytes) {
                return Ok(signer);
            }
        }
    }

    /// That of a key in 64 hexadecimal digits, with or without `0x`; `None` where it is none.
    pub fn parse(text: &str) -> Option<Signer> {
        let bytes = Zeroizing::new(hex::decode(text.trim()).ok()?);
        Signer::of(&bytes)
    }

    fn of(bytes: &[u8]) -> Option<Signer> {
        SigningKey::from_slice(bytes).ok().map(Signer)
    }

    /// Its address.
    pub fn address(&self) -> Address {
        Address::from_public_key(self.0.verifying_key())
    }

    /// The key in 64 hexadecimal digits after `0x`.
    pub fn secret(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode_prefixed(Zeroizing::new(self.0.to_bytes()).as_slice()))
    }

    /// `transaction`, signed and encoded.
    pub fn sign(&self, transaction: TxEip1559) -> Vec<u8> {
        let hash = transaction.signature_hash();
        let signed = self.0.sign_prehash_recoverable(hash.as_slice());
        let (signature, recovery) = signed.expect("a hash of 32 bytes can be signed");
        let signature = Signature::from((signature, recovery));
        TxEnvelope::from(transaction.into_signed(signature)).encoded_2718()
    }
}

/// Sends `value` base units from `signer` to `to` by the node at `client`; gives the hash.
///
/// Pays up to twice the base fee of now. Errors: `Remote`, with what the node says.
pub fn send(client: &Client, signer: &Signer, to: Address, value: U256) -> Result<B256, Error> {
    let from = signer.address();
    let small = |method: &str, params| -> Result<u64, Error> {
        Ok(u64::try_from(client.number(method, params)?).unwrap_or(u64::MAX))
    };
    let tip = client.number("eth_maxPriorityFeePerGas", json!([]))?;
    let price = client.number("eth_gasPrice", json!([]))?;
    let call = json!({ "from": from, "to": to, "value": value });
    let transaction = TxEip1559 {
        chain_id: small("eth_chainId", json!([]))?,
        nonce: small("eth_getTransactionCount", json!([from, "pending"]))?,
        gas_limit: small("eth_estimateGas", json!([call]))?,
        max_fee_per_gas: price.saturating_mul(2),
        max_priority_fee_per_gas: tip,
        to: TxKind::Call(to),
        value,
        access_list: Default::default(),
        input: Default::default(),
    };
    let bytes = hex::encode_prefixed(signer.sign(transaction));
    let hash = client.call("eth_sendRawTransaction", json!([bytes]))?;
    serde_json::from_value(hash).map_err(|error| Error::Remote {
        address: client.url().to_owned(),
        problem: format!("eth_sendRawTransaction: {error}"),
    })
}

/// Waits until the transaction `hash` is in a final block; gives its receipt, none after 30 seconds.
///
/// Errors: `Remote`.
pub fn wait(client: &Client, hash: B256) -> Result<Option<Value>, Error> {
    let begun = Instant::now();
    while begun.elapsed() < WAIT {
        let receipt = client.call("eth_getTransactionReceipt", json!([hash]))?;
        if !receipt.is_null() {
            return Ok(Some(receipt));
        }
        crate::clock::pause(PAUSE);
    }
    Ok(None)
}
