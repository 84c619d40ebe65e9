//! A chain on which a little of everything happened, some of it hostile.

use super::leader::propose;
use super::votes;
use super::world::{Account, CHAIN_ID, TOKEN, WRAPPED, World};
use alloy_consensus::transaction::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_sol_types::{SolCall, sol};
use terroir_base::sign::SecretKey;
use terroir_ledger::Executed;
use terroir_ledger::native::abi::{IGovernance, INodes, IReceipts, IRegistry, IStaking};
use terroir_ledger::native::params::BLOCK_GAS;
use terroir_ledger::native::registry::id_of;
use terroir_ledger::native::{GOVERNANCE, NODES, RECEIPTS, REGISTRY, STAKING};

sol! {
    function deposit();
    function withdraw(uint256 value);
    function transfer(address to, uint256 value);
}

/// What somebody writes who wants to run a script in other people's browsers.
pub const HOSTILE: &str = "\"><script>alert('x')</script><img src=x onerror=alert(1)>\u{202e}";
/// The same where a licence may stand.
pub const HOSTILE_LICENCE: &str = "</td><script>alert(1)</script>";

/// The chain, and names of what is on it.
pub struct Garden {
    pub world: World,
    pub model: B256,
    pub dataset: B256,
    /// Of the model's second version, which came from the dataset and the first.
    pub manifest: B256,
    /// Of the model's first version, which is revoked.
    pub revoked: B256,
    /// Nodes with an address that is a link, and with one that must not be.
    pub nodes: [B256; 2],
    pub failed: B256,
    pub created: B256,
    pub deposited: B256,
    /// One that waits.
    pub waiting: B256,
}

impl Garden {
    pub fn new() -> Garden {
        let world = World::new();
        let alice = world.alice.clone();
        let (model, dataset) = (
            id_of(IRegistry::Kind::Model, alice.address, "orchard/pear-7b"),
            id_of(IRegistry::Kind::Dataset, alice.address, "orchard/soil"),
        );
        let [manifest, revoked, soil] = ["second", "first", "soil"].map(keccak256);
        let sow = Sow { world: &world };
        sow.registry([model, dataset], [manifest, revoked, soil]);
        let nodes = sow.nodes();
        sow.votes();
        let (deposited, failed) = sow.tokens();
        let created = world.pay(&alice, |tx| {
            // Logs nothing about nothing, and leaves one byte of code.
            let code = [0x5f, 0x5f, 0xa0, 0x60, 0xfe, 0x5f, 0x53, 0x60, 0x01, 0x5f, 0xf3];
            (tx.to, tx.value, tx.input) = (TxKind::Create, U256::ZERO, code.into());
            tx.gas_limit = 200_000;
        });
        block(&world);
        for value in 0..32_u64 {
            world.pay(&alice, |tx| {
                tx.to = TxKind::Call(world.bob.address);
                tx.value = U256::from(TOKEN) * U256::from(value) / U256::from(8);
            });
            if value % 8 == 7 {
                block(&world);
            }
        }
        world.block();
        let waiting = world.pay(&world.bob, |tx| tx.input = Bytes::from_static(b"\xff<b>"));
        Garden {
            model,
            dataset,
            manifest,
            revoked,
            nodes,
            failed,
            created,
            deposited,
            waiting,
            world,
        }
    }
}

/// The next block, with the certificate of its committee.
pub fn block(world: &World) -> Executed {
    let executed = propose(&world.chain, &world.chain.tip());
    let certificate = votes::certificate(world.chain.genesis(), &executed);
    world.chain.commit(&executed, Some(&certificate)).unwrap();
    executed
}

struct Sow<'a> {
    world: &'a World,
}

impl Sow<'_> {
    fn call(&self, from: &Account, to: Address, value: u128, call: &impl SolCall) -> B256 {
        self.world.pay(from, |tx: &mut TxEip1559| {
            (tx.to, tx.value) = (TxKind::Call(to), U256::from(value));
            (tx.gas_limit, tx.input) = (2_000_000, call.abi_encode().into());
        })
    }

    /// Makes a block, in which everything must have gone well.
    fn block(&self) {
        let done = block(self.world);
        assert!(done.receipts.iter().all(|receipt| receipt.status()), "{:?}", done.receipts);
    }

    fn registry(&self, [model, dataset]: [B256; 2], [manifest, revoked, soil]: [B256; 3]) {
        let alice = &self.world.alice;
        for (kind, name) in [
            (IRegistry::Kind::Model, "orchard/pear-7b"),
            (IRegistry::Kind::Dataset, "orchard/soil"),
            (IRegistry::Kind::Program, "orchard/score"),
        ] {
            self.call(alice, REGISTRY, 0, &IRegistry::registerCall { kind, name: name.into() });
        }
        let release = |id, (major, minor), manifest, licence: &str, parents: &[B256]| {
            let (licence, parents) = (licence.into(), parents.to_vec());
            let call = IRegistry::releaseCall { id, major, minor, manifest, licence, parents };
            self.call(alice, REGISTRY, 0, &call);
        };
        release(dataset, (1, 0), soil, "CC-BY-4.0", &[]);
        release(model, (0, 9), revoked, HOSTILE_LICENCE, &[soil]);
        release(model, (1, 0), manifest, "Apache-2.0", &[soil, revoked]);
        let revoke = IRegistry::revokeCall { manifest: revoked, reason: HOSTILE.into() };
        self.call(alice, REGISTRY, 0, &revoke);
        self.block();
    }

    fn nodes(&self) -> [B256; 2] {
        let alice = &self.world.alice;
        let place = [(1, "https://node.example:8443/"), (2, HOSTILE)];
        let nodes = place.map(|(seed, endpoint)| {
            let secret = SecretKey::from_seed([seed; 32]);
            let key = B256::from(secret.public().0);
            let context = b"terroir 2026-11 key possession";
            let message =
                [&context[..], &CHAIN_ID.to_be_bytes(), alice.address.as_slice()].concat();
            let join = INodes::joinCall {
                key,
                possession: secret.sign(&message).to_vec().into(),
                roles: 0b1001,
                endpoint: endpoint.into(),
                capabilities: vec![keccak256("second")],
            };
            self.call(alice, NODES, 1_500 * TOKEN, &join);
            key
        });
        let [key, _] = nodes;
        self.call(alice, NODES, 0, &INodes::unbondCall { key, amount: U256::from(TOKEN) });
        for (first, count) in [(0, 40), (40, 7)] {
            let root = keccak256([first]);
            let (first, count) = (first.into(), count);
            self.call(alice, RECEIPTS, 0, &IReceipts::settleCall { key, root, first, count });
        }
        self.block();
        nodes
    }

    fn votes(&self) {
        let validators = [1, 2, 3].map(Account::new);
        let (value, reason) = (U256::from(40_000_000), HOSTILE.into());
        let propose = IGovernance::proposeCall { parameter: BLOCK_GAS, value, reason };
        self.call(&validators[0], GOVERNANCE, 0, &propose);
        self.block();
        for (validator, support) in validators.iter().zip([true, true, false]) {
            self.call(validator, GOVERNANCE, 0, &IGovernance::voteCall { proposal: 0, support });
        }
        let delegate = IStaking::delegateCall { validator: validators[0].address };
        self.call(&self.world.alice, STAKING, 250 * TOKEN, &delegate);
        self.block();
    }

    fn tokens(&self) -> (B256, B256) {
        let World { alice, bob, .. } = self.world;
        let deposited = self.call(alice, WRAPPED, TOKEN, &depositCall {});
        let value = U256::from(TOKEN / 2);
        self.call(alice, WRAPPED, 0, &transferCall { to: bob.address, value });
        self.block();
        let failed = self.call(alice, WRAPPED, 0, &withdrawCall { value: U256::MAX });
        block(self.world);
        (deposited, failed)
    }
}
