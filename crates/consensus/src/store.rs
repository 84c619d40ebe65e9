//! Where final blocks and certificates lie on disk, in the engine's own archives.

use crate::committee::{Committees, Digest, Scheme, digest};
use crate::deliver::{Archive, BATCH};
use crate::error::Error;
use crate::start::Settings;
use crate::states::States;
use crate::wire::Wire;
use commonware_consensus::marshal::core::Actor;
use commonware_consensus::marshal::standard::Standard;
use commonware_consensus::marshal::{self, Start};
use commonware_consensus::simplex::types::Finalization;
use commonware_consensus::types::{FixedEpocher, Height, ViewDelta};
use commonware_cryptography::Digestible as _;
use commonware_cryptography::certificate::Verifier as _;
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_runtime::{Clock, Metrics, Spawner, Storage};
use commonware_storage::archive::prunable;
use commonware_storage::translator::EightCap;
use commonware_utils::acknowledgement::Exact;
use commonware_utils::{NZU64, NZUsize};
use rand_core::CryptoRng;
use std::num::NonZeroU64;
use std::sync::Arc;
use terroir_ledger::Chain;

type Certificates<E> = prunable::Archive<EightCap, E, Digest, Finalization<Scheme, Digest>>;
type Blocks<E> = prunable::Archive<EightCap, E, Digest, Arc<Wire>>;
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

/// The epochs of a chain.
pub(crate) fn epocher(chain: &Chain) -> FixedEpocher {
    // A genesis file has epochs of eight blocks or more.
    FixedEpocher::new(NonZeroU64::new(chain.epoch_blocks.max(2)).expect("two or more"))
}

/// Opens the store, and says up to which height it was acknowledged.
pub(crate) async fn open<E>(
    runtime: &E,
    settings: &Settings,
    states: &States,
    cache: &CacheRef,
) -> (Orderer<E>, Archive, u64)
where
    E: Clock + CryptoRng + Spawner + Storage + Metrics,
{
    let committees = &states.committees;
    let limits = Scheme::certificate_codec_config_unbounded();
    let certificates = archive(&settings.prefix, "certificates", cache, limits);
    let certificates = prunable::Archive::init(runtime.child("certificates"), certificates).await;
    let blocks = archive(&settings.prefix, "blocks", cache, committees.clone());
    let blocks = prunable::Archive::init(runtime.child("blocks"), blocks).await;
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
    let opened = Actor::init(
        runtime.child("store"),
        certificates.expect("the archive of certificates opens"),
        blocks.expect("the archive of blocks opens"),
        config,
    );
    let (actor, mailbox, floor) = opened.await;
    (actor, mailbox, floor.processed().map_or(0, |at| at.height().get()))
}

fn archive<C>(
    prefix: &str,
    name: &str,
    cache: &CacheRef,
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
        items_per_section: NZU64!(4_096),
        key_write_buffer: NZUsize!(1 << 16),
        value_write_buffer: NZUsize!(1 << 18),
        replay_buffer: NZUsize!(1 << 20),
    }
}

/// The block that `epoch` begins after.
///
/// Errors: `Fork` where the store lacks it, although the host has blocks after it.
pub(crate) async fn floor(states: &States, archive: &Archive, epoch: u64) -> Result<Digest, Error> {
    let number = (epoch * states.chain.epoch_blocks).saturating_sub(1);
    if let Some(hash) = states.final_hash(number)? {
        return Ok(digest(hash));
    }
    let block = archive.get_block(Height::new(number)).await;
    block.map(|block| block.digest()).ok_or(Error::Fork { number })
}
