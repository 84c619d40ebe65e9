//! Where final blocks and certificates lie on disk, in the engine's own archives, and for how long.

use crate::archive::{Blocks, Certificates, KeptBlocks, KeptCertificates, Past};
use crate::committee::{Committees, Digest, Scheme, digest};
use crate::deliver::{Archive, BATCH};
use crate::error::Error;
use crate::host::CRASH_BLOCKS_MAX;
use crate::start::Settings;
use crate::states::States;
use crate::wire::Wire;
use commonware_consensus::marshal::core::Actor;
use commonware_consensus::marshal::standard::Standard;
use commonware_consensus::marshal::{self, Start};
use commonware_consensus::types::{FixedEpocher, Height, ViewDelta};
use commonware_cryptography::Digestible as _;
use commonware_cryptography::certificate::Verifier as _;
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_runtime::{Clock, Metrics, Spawner, Storage};
use commonware_storage::archive::{Error as ArchiveError, prunable};
use commonware_storage::translator::EightCap;
use commonware_utils::acknowledgement::Exact;
use commonware_utils::{NZU64, NZUsize};
use rand_core::CryptoRng;
use std::num::NonZeroU64;
use terroir_ledger::Chain;
use terroir_ledger::genesis::EPOCH_BLOCKS_MIN;

/// The actor that orders final blocks.
pub(crate) type Orderer<E> = Actor<
    E,
    Standard<Wire>,
    Committees,
    Certificates<E>,
    Blocks<E>,
    FixedEpocher,
    Sequential,
    Exact,
>;

/// Blocks of the engine's store that are asked of peers at a time.
const REPAIR: usize = 128;
/// Epochs whose blocks stay in the archives although the host has them, and the most blocks: so far
/// back the host's database may be an older copy.
const KEPT_EPOCHS: u64 = 16;
const KEPT_BLOCKS: u64 = 1 << 16;
const _: () = assert!(KEPT_BLOCKS >= CRASH_BLOCKS_MAX);
const _: () = assert!(KEPT_EPOCHS * EPOCH_BLOCKS_MIN >= CRASH_BLOCKS_MAX);
/// Parts of what stays. A part is a file and goes as a whole.
const PARTS: u64 = 8;
/// Epochs of a file with the certificates of their last blocks. Nothing of it goes: one record an
/// epoch, of about 300 bytes on disk and 48 in memory.
const ENDS: NonZeroU64 = NZU64!(1 << 16);

/// The epochs of a chain.
pub(crate) fn epocher(chain: &Chain) -> FixedEpocher {
    // A genesis file has epochs of eight blocks or more.
    FixedEpocher::new(NonZeroU64::new(chain.epoch_blocks.max(2)).expect("two or more"))
}

/// Blocks that stay in the archives.
fn kept(chain: &Chain) -> u64 {
    chain.epoch_blocks.saturating_mul(KEPT_EPOCHS).min(KEPT_BLOCKS)
}

/// Blocks of a part of an archive.
fn part(chain: &Chain) -> NonZeroU64 {
    NonZeroU64::new(kept(chain) / PARTS).expect("epochs have blocks")
}

/// Lets the archives go of what the host has had for long: its newest block was `before`, and is `now`.
pub(crate) fn prune(chain: &Chain, archive: &Archive, before: u64, now: u64) {
    let first = |newest: u64| newest.saturating_sub(kept(chain));
    if first(now) / part(chain) > first(before) / part(chain) {
        archive.prune(Height::new(first(now)));
    }
}

/// Opens the store, and says up to which height it was acknowledged.
///
/// Errors: `Archive`.
pub(crate) async fn open<E>(
    runtime: &E,
    settings: &Settings,
    states: &States,
    cache: &CacheRef,
) -> Result<(Orderer<E>, Archive, u64), Error>
where
    E: Clock + CryptoRng + Spawner + Storage + Metrics,
{
    let committees = &states.committees;
    let (certificates, blocks) = archives(runtime, settings, states, cache).await?;
    let genesis = Wire::new(settings.genesis.clone(), committees.clone()).digested();
    let config = marshal::Config {
        provider: committees.clone(),
        epocher: epocher(&settings.chain),
        start: Start::Genesis(genesis),
        partition_prefix: format!("{}marshal", settings.prefix),
        mailbox_size: NZUsize!(1_024),
        view_retention: ViewDelta::new(256),
        prunable_items_per_section: NZU64!(1_024),
        replay_buffer: NZUsize!(1 << 20),
        key_write_buffer: NZUsize!(1 << 16),
        value_write_buffer: NZUsize!(1 << 18),
        block_codec_config: committees.clone(),
        max_repair: NZUsize!(REPAIR),
        max_pending_acks: NZUsize!(BATCH),
        page_cache: cache.clone(),
        strategy: Sequential,
    };
    let opened = Actor::init(runtime.child("store"), certificates, blocks, config);
    let (actor, mailbox, floor) = opened.await;
    Ok((actor, mailbox, floor.processed().map_or(0, |at| at.height().get())))
}

/// Opens the archives. Errors: `Archive`.
pub(crate) async fn archives<E>(
    runtime: &E,
    settings: &Settings,
    states: &States,
    cache: &CacheRef,
) -> Result<(Certificates<E>, Blocks<E>), Error>
where
    E: Clock + Spawner + Storage + Metrics,
{
    let (chain, prefix) = (&settings.chain, &settings.prefix);
    let past = |name| Past {
        runtime: runtime.child(name),
        host: states.host.clone(),
        committees: states.committees.clone(),
    };
    let limits = Scheme::certificate_codec_config_unbounded();
    let failed = |what| move |why: ArchiveError| Error::Archive { what, why: why.to_string() };
    let config = archive(prefix, "certificates", cache, part(chain), limits);
    let certificates = KeptCertificates::init(runtime.child("certificates"), config).await;
    let config = archive(prefix, "ends", cache, ENDS, limits);
    let ends = KeptCertificates::init(runtime.child("ends"), config).await;
    let config = archive(prefix, "blocks", cache, part(chain), states.committees.clone());
    let blocks = KeptBlocks::init(runtime.child("blocks"), config).await;
    let certificates = Certificates {
        kept: certificates.map_err(failed("certificates"))?,
        ends: ends.map_err(failed("certificates of ends of epochs"))?,
        chain: chain.clone(),
        past: past("past_certificates"),
    };
    let kept = blocks.map_err(failed("blocks"))?;
    Ok((certificates, Blocks { kept, past: past("past_blocks") }))
}

fn archive<C>(
    prefix: &str,
    name: &str,
    cache: &CacheRef,
    items_per_section: NonZeroU64,
    codec_config: C,
) -> prunable::Config<EightCap, C> {
    prunable::Config {
        translator: EightCap,
        metadata_partition: format!("{prefix}{name}-meta"),
        key_partition: format!("{prefix}{name}-key"),
        key_page_cache: cache.clone(),
        value_partition: format!("{prefix}{name}-value"),
        compression: None,
        codec_config,
        items_per_section,
        key_write_buffer: NZUsize!(1 << 16),
        value_write_buffer: NZUsize!(1 << 18),
        replay_buffer: NZUsize!(1 << 20),
    }
}

/// The block that `epoch` begins after.
///
/// Errors: `Fork` where neither the store nor the host has it, although the host has blocks after it.
pub(crate) async fn floor(states: &States, archive: &Archive, epoch: u64) -> Result<Digest, Error> {
    let number = (epoch * states.chain.epoch_blocks).saturating_sub(1);
    if let Some(hash) = states.final_hash(number)? {
        return Ok(digest(hash));
    }
    if let Some(block) = archive.get_block(Height::new(number)).await {
        return Ok(block.digest());
    }
    let kept = states.host.block(number)?;
    kept.map(|(block, _)| digest(block.hash())).ok_or(Error::Fork { number })
}
