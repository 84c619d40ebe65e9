use crate::committee::digest;
use crate::error::Error;
use crate::store::archives;
use crate::testing::{certificate, grow, settings, solo};
use alloy_primitives::B256;
use commonware_consensus::marshal::store::{Blocks as _, Certificates as _};
use commonware_consensus::types::Height;
use commonware_cryptography::Digestible as _;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_runtime::{Runner as _, Storage as _, deterministic};
use commonware_storage::archive::{Archive, Identifier};
use commonware_utils::{NZU16, NZUsize};
use std::sync::Arc;

fn cache() -> CacheRef {
    CacheRef::new(NZU16!(4_084), NZUsize!(64))
}

#[test]
fn what_the_archives_let_go_of_is_still_served() {
    let (_, states) = solo(8);
    let blocks = grow(&states, 40);
    deterministic::Runner::default().start(async |runtime| {
        let opened = archives(&runtime, &settings(&states), &states, &cache()).await;
        let (mut certificates, mut kept) = opened.unwrap();
        for block in &blocks {
            let (number, hash) = (block.block.header.number, block.digest());
            kept = kept.put(hash, &Arc::new(block.clone())).await.unwrap();
            // Of another view than its own, as the last block of an epoch may have it.
            let late = certificate(&states, &block.block, 1_000 + number);
            certificates = certificates.put(Height::new(number), hash, &late).await.unwrap();
        }
        kept = kept.sync().await.unwrap().prune(Height::new(35)).await.unwrap();
        certificates = certificates.sync().await.unwrap().prune(Height::new(35)).await.unwrap();
        assert_eq!(Archive::first_index(&kept.kept), Some(32));
        assert_eq!(Archive::first_index(&certificates.kept), Some(32));
        for block in &blocks {
            let (number, hash) = (block.block.header.number, block.digest());
            for id in [Identifier::Index(number), Identifier::Key(&hash)] {
                let found = kept.get(id).await.unwrap().unwrap();
                assert_eq!(found.digest(), hash);
            }
            let found = certificates.get(Identifier::Index(number)).await.unwrap();
            let view = found.map(|found| found.proposal.round.view().get());
            let here = number >= 32 || states.chain.is_last(number);
            let hosts = number.is_multiple_of(2).then_some(block.block.seal.view);
            let expected = if here { Some(1_000 + number) } else { hosts };
            assert_eq!(view, expected, "certificate of {number}");
        }
        let unknown = digest(B256::repeat_byte(7));
        assert!(kept.get(Identifier::Key(&unknown)).await.unwrap().is_none());
        assert!(kept.get(Identifier::Index(41)).await.unwrap().is_none());
    });
}

#[test]
fn the_host_is_not_asked_before_anything_was_let_go_of() {
    let (_, states) = solo(8);
    grow(&states, 3);
    deterministic::Runner::default().start(async |runtime| {
        let opened = archives(&runtime, &settings(&states), &states, &cache()).await;
        let (_, kept) = opened.unwrap();
        // The engine takes what is not here for what it lacks, and fetches it.
        assert!(kept.get(Identifier::Index(0)).await.unwrap().is_none());
        assert!(kept.get(Identifier::Index(2)).await.unwrap().is_none());
    });
}

#[test]
fn an_archive_that_cannot_be_opened_is_an_error_with_the_reason() {
    let (_, states) = solo(8);
    for (partition, named) in
        [("blocks-key", "blocks"), ("certificates-key", "certificates"), ("ends-key", "epochs")]
    {
        deterministic::Runner::default().start(async |runtime| {
            runtime.open(partition, b"no number").await.unwrap();
            let opened = archives(&runtime, &settings(&states), &states, &cache()).await;
            match opened.err() {
                Some(Error::Archive { what, why }) => {
                    assert!(what.ends_with(named) && !why.is_empty(), "{what}: {why}");
                }
                other => panic!("{other:?}"),
            }
        });
    }
}
