//! Payments to the nodes of a chain: how long one takes alone, and how many are final a second.
//!
//! For `terroir devnet load`. Everything is seen over JSON-RPC, as clients see it.

use crate::account::Signer;
use crate::error::Error;
use crate::rpc::Client;
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, TxKind, U256, hex, keccak256};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Accounts that pay.
const PAYERS: u64 = 128;
/// Accounts that are paid.
const PAYEES: u32 = 10_000;
/// Payments of one request.
const BATCH: u64 = 64;
/// Payments of one account that wait at most.
const AHEAD: u64 = 256;
/// What an account gets, in base units: enough for hours.
const FUNDS: u128 = 100_000_000_000_000_000_000;
/// What a payment offers for gas, in base units: enough for any base fee of these.
const FEE: u128 = 1_000_000_000_000;
/// Time in which the pools fill before anything is counted.
const FILL: Duration = Duration::from_secs(5);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(4);

/// How long single payments took, from sending to seeing the receipt, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Alone {
    /// Payments.
    pub count: u64,
    /// Half of them took at most so long.
    pub p50_ms: f64,
    /// Of a hundred, all but one did.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// How many payments were final.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sustained {
    /// A second.
    pub per_s: f64,
    /// In all.
    pub payments: u64,
    /// In so many blocks.
    pub blocks: u64,
    /// In so many seconds.
    pub seconds: f64,
}

/// The coordinates of a chain, and who has money there.
pub struct Load<'a> {
    urls: &'a [String],
    chain_id: u64,
    payer: Signer,
}

impl<'a> Load<'a> {
    /// Asks the first of `urls` which chain it is.
    ///
    /// Panics: without an address. Errors: `Remote`.
    pub fn new(urls: &'a [String], payer: Signer) -> Result<Load<'a>, Error> {
        let chain_id = small(&Client::new(&urls[0]), "eth_chainId", json!([]))?;
        Ok(Load { urls, chain_id, payer })
    }

    /// A payment of `from`, encoded.
    fn payment(&self, from: &Signer, nonce: u64, to: Address, value: u128) -> String {
        hex::encode_prefixed(from.sign(TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit: 21_000,
            max_fee_per_gas: FEE,
            max_priority_fee_per_gas: 1_000_000,
            to: TxKind::Call(to),
            value: U256::from(value),
            access_list: Default::default(),
            input: Default::default(),
        }))
    }

    /// `count` payments, each after the one before is final. Errors: `Remote`.
    pub fn alone(&self, count: u64) -> Result<Alone, Error> {
        let client = Client::new(&self.urls[0]);
        let to = Address::repeat_byte(0x11);
        let mut times = Vec::new();
        for round in 0..count {
            // So that they do not all come at one place of the pace of idle blocks.
            crate::clock::pause(Duration::from_millis(150 + round * 37 % 400));
            let next = nonce(&client, self.payer.address(), "pending")?;
            let bytes = self.payment(&self.payer, next, to, 1);
            let begun = Instant::now();
            let hash = client.call("eth_sendRawTransaction", json!([bytes]))?;
            while client.call("eth_getTransactionReceipt", json!([hash]))?.is_null() {
                crate::clock::pause(PAUSE);
            }
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        let at = |hundredths: usize| {
            let place = times.len().saturating_sub(1) * hundredths / 100;
            times.get(place).copied().unwrap_or_default()
        };
        Ok(Alone { count, p50_ms: at(50), p99_ms: at(99), max_ms: at(100) })
    }

    /// As many payments as are taken, for so long. Errors: `Remote`.
    pub fn sustained(&self, time: Duration) -> Result<Sustained, Error> {
        let client = Client::new(&self.urls[0]);
        let key = |at: u64| hex::encode(keccak256(at.to_be_bytes()));
        let payers: Vec<Signer> =
            (0..PAYERS).map(|at| Signer::parse(&key(at)).expect("a hash is a key")).collect();
        self.fund(&client, &payers)?;
        let stop = AtomicBool::new(false);
        let share = payers.len().div_ceil(self.urls.len());
        let work =
            &|(payers, url): (&[Signer], &String)| self.send(&Client::new(url), payers, &stop);
        std::thread::scope(|scope| {
            let senders: Vec<_> = payers
                .chunks(share)
                .zip(self.urls)
                .map(|part| scope.spawn(move || work(part)))
                .collect();
            crate::clock::pause(FILL);
            let counted = count(&client, time);
            stop.store(true, Ordering::Relaxed);
            for sender in senders {
                sender.join().expect("a sender does not panic")?;
            }
            counted
        })
    }

    fn fund(&self, client: &Client, payers: &[Signer]) -> Result<(), Error> {
        let from = self.payer.address();
        let first = nonce(client, from, "pending")?;
        for (at, to) in (0..).zip(payers) {
            let bytes = self.payment(&self.payer, first + at, to.address(), FUNDS);
            client.call("eth_sendRawTransaction", json!([bytes]))?;
        }
        while nonce(client, from, "latest")? < first + payers.len() as u64 {
            crate::clock::pause(PAUSE);
        }
        Ok(())
    }

    /// Sends what `payers` pay, each at most so many payments ahead of the chain.
    fn send(&self, client: &Client, payers: &[Signer], stop: &AtomicBool) -> Result<(), Error> {
        let first = |payer: &Signer| nonce(client, payer.address(), "latest");
        let mut next = payers.iter().map(first).collect::<Result<Vec<u64>, Error>>()?;
        while !stop.load(Ordering::Relaxed) {
            let mut idle = true;
            for (payer, next) in payers.iter().zip(&mut next) {
                if *next + BATCH > nonce(client, payer.address(), "latest")? + AHEAD {
                    continue;
                }
                idle = false;
                let call = |nonce| json!([self.payment(payer, nonce, payee(payer, nonce), 1)]);
                let calls: Vec<Value> = (*next..*next + BATCH).map(call).collect();
                let taken = client.batch::<Value>("eth_sendRawTransaction", &calls)?;
                taken.into_iter().collect::<Result<Vec<_>, Error>>()?;
                *next += BATCH;
            }
            if idle {
                crate::clock::pause(PAUSE);
            }
        }
        Ok(())
    }
}

/// Whom the account `payer` pays with its payment `nonce`.
fn payee(payer: &Signer, nonce: u64) -> Address {
    let mut payment = payer.address().to_vec();
    payment.extend(nonce.to_be_bytes());
    let [a, b, c, d, ..] = keccak256(payment).0;
    let payee = u32::from_be_bytes([a, b, c, d]) % PAYEES;
    Address::from_word(keccak256(payee.to_be_bytes()))
}

fn small(client: &Client, method: &str, params: Value) -> Result<u64, Error> {
    Ok(u64::try_from(client.number(method, params)?).unwrap_or(u64::MAX))
}

fn nonce(client: &Client, of: Address, tag: &str) -> Result<u64, Error> {
    small(client, "eth_getTransactionCount", json!([of, tag]))
}

/// Counts what becomes final in `time`.
fn count(client: &Client, time: Duration) -> Result<Sustained, Error> {
    let latest = || small(client, "eth_blockNumber", json!([]));
    let (first, begun) = (latest()?, Instant::now());
    crate::clock::pause(time);
    let (last, seconds) = (latest()?, begun.elapsed().as_secs_f64());
    let mut payments = 0;
    for number in first + 1..=last {
        let params = json!([format!("{number:#x}")]);
        payments += small(client, "eth_getBlockTransactionCountByNumber", params)?;
    }
    let per_s = payments as f64 / seconds;
    Ok(Sustained { per_s, payments, blocks: last - first, seconds })
}
