//! Nodes: which keys host, execute, audit or store, what they put at stake, and where they are.
//!
//! A node is an ed25519 key under the address that runs it; the key proves that it agrees. What
//! leaves a bond rests for the parameter `unbond_seconds`, in which it can still be taken.

use super::abi::INodes;
use super::abi::INodes::INodesCalls as Calls;
use super::slots::Slot;
use super::{Call, Part, decoded, from_address, possession, require, sized, small, to_address};
use super::{NODES, params};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolInterface, SolValue};

const ENDPOINT_BYTES_MAX: usize = 256;
const CAPABILITIES_MAX: usize = 16;
/// Bits of roles that mean something: worker, auditor, storage, gateway.
const ROLES: u32 = 0b1111;

/// Keys in the order in which they joined.
const KEYS: Slot = Slot::number(0);
/// Nodes by key.
const BY_KEY: Slot = Slot::number(1);

const OPERATOR: u64 = 0;
const BOND: u64 = 1;
const ROLE: u64 = 2;
const JOINED: u64 = 3;
const SEEN: u64 = 4;
const LEAVING: u64 = 5;
const READY: u64 = 6;
const ENDPOINT: u64 = 7;
const CAPABILITIES: u64 = 8;

/// The call `input` of the contract of nodes.
pub fn run(call: &mut Call<'_>, input: &[u8]) -> Part<Vec<u8>> {
    match decoded(Calls::abi_decode_validate(input))? {
        Calls::join(ask) => call.join_node(ask),
        Calls::update(ask) => call.update_node(ask),
        Calls::heartbeat(ask) => call.heartbeat(ask.key),
        Calls::addBond(ask) => call.add_bond(ask.key),
        Calls::unbond(ask) => call.unbond(ask.key, ask.amount),
        Calls::withdraw(ask) => call.withdraw_bond(ask.key),
        Calls::node(ask) => call.node(ask.key),
        Calls::count(_) => Ok(small(call.load(KEYS)?).abi_encode()),
        Calls::byIndex(ask) => Ok(B256::from(call.load(KEYS.at(ask.index))?).abi_encode()),
        Calls::possessionMessage(ask) => {
            Ok(Bytes::from(possession::message(call.now.chain_id, ask.operator)).abi_encode())
        }
    }
}

impl Call<'_> {
    /// Who runs the node `key` and what it has at stake; refuses a key that is no node's.
    pub(super) fn node_of(&mut self, key: B256) -> Part<(Address, U256)> {
        let slot = BY_KEY.of(key);
        let operator = self.load_of(NODES, slot.field(OPERATOR))?;
        require(!operator.is_zero(), || format!("no node has the key {key}"))?;
        Ok((to_address(operator), self.load_of(NODES, slot.field(BOND))?))
    }

    /// The slot of the node `key`, which the caller runs.
    fn my_node(&mut self, key: B256) -> Part<Slot> {
        let (operator, _) = self.node_of(key)?;
        require(operator == self.caller, || format!("the node {key} is run by {operator}"))?;
        Ok(BY_KEY.of(key))
    }

    /// Refuses a bond that is less than a node must have at stake.
    pub(super) fn bonded(&mut self, bond: U256) -> Part<()> {
        let least = U256::from(self.param(params::NODE_BOND)?);
        require(bond >= least, || format!("a bond of {bond}, and {least} is the least"))
    }

    fn join_node(&mut self, ask: INodes::joinCall) -> Part<Vec<u8>> {
        self.writes()?;
        described(ask.roles, &ask.endpoint, &ask.capabilities)?;
        let bond = self.value;
        self.bonded(bond)?;
        let slot = BY_KEY.of(ask.key);
        require(self.load(slot.field(OPERATOR))?.is_zero(), || {
            format!("the key {} is a node's already", ask.key)
        })?;
        self.possessed(ask.key, &ask.possession)?;
        let now = U256::from(self.now.time);
        self.store(slot.field(OPERATOR), from_address(self.caller))?;
        self.store(slot.field(BOND), bond)?;
        self.store(slot.field(JOINED), now)?;
        self.store(slot.field(SEEN), now)?;
        self.describe(slot, ask.roles, &ask.endpoint, &ask.capabilities)?;
        self.push(KEYS, ask.key.into())?;
        let (key, operator, roles, endpoint) = (ask.key, self.caller, ask.roles, ask.endpoint);
        self.emit(&INodes::Joined { key, operator, bond, roles, endpoint })?;
        Ok(Vec::new())
    }

    fn describe(
        &mut self,
        slot: Slot,
        roles: u32,
        endpoint: &str,
        capabilities: &[B256],
    ) -> Part<()> {
        self.store(slot.field(ROLE), U256::from(roles))?;
        self.store_bytes(slot.field(ENDPOINT), endpoint.as_bytes())?;
        self.store_list(slot.field(CAPABILITIES), capabilities)
    }

    fn update_node(&mut self, ask: INodes::updateCall) -> Part<Vec<u8>> {
        self.writes_unpaid()?;
        described(ask.roles, &ask.endpoint, &ask.capabilities)?;
        let slot = self.my_node(ask.key)?;
        self.describe(slot, ask.roles, &ask.endpoint, &ask.capabilities)?;
        let INodes::updateCall { key, roles, endpoint, capabilities } = ask;
        self.emit(&INodes::Updated { key, roles, endpoint, capabilities })?;
        Ok(Vec::new())
    }

    fn heartbeat(&mut self, key: B256) -> Part<Vec<u8>> {
        self.writes_unpaid()?;
        let slot = self.my_node(key)?;
        self.store(slot.field(SEEN), U256::from(self.now.time))?;
        self.emit(&INodes::Heartbeat { key, time: self.now.time })?;
        Ok(Vec::new())
    }

    fn add_bond(&mut self, key: B256) -> Part<Vec<u8>> {
        self.writes()?;
        let slot = self.my_node(key)?;
        let amount = self.value;
        // All money there is fits: genesis bounds it far below 2^256.
        let bond = self.load(slot.field(BOND))?.saturating_add(amount);
        // After all of it left, as much must come back as whoever joins brings.
        self.bonded(bond)?;
        self.store(slot.field(BOND), bond)?;
        self.emit(&INodes::BondAdded { key, amount, bond })?;
        Ok(Vec::new())
    }

    fn unbond(&mut self, key: B256, amount: U256) -> Part<Vec<u8>> {
        self.writes_unpaid()?;
        let slot = self.my_node(key)?;
        require(self.load(slot.field(LEAVING))?.is_zero(), || {
            "another part of the bond is leaving: withdraw it first".into()
        })?;
        let bond = self.load(slot.field(BOND))?;
        require(!amount.is_zero() && amount <= bond, || {
            format!("{amount} of a bond of {bond} cannot leave")
        })?;
        let (stays, least) = (bond - amount, U256::from(self.param(params::NODE_BOND)?));
        require(stays.is_zero() || stays >= least, || {
            format!("{stays} would stay, and it must be nothing or at least {least}")
        })?;
        let ready = self.now.time.saturating_add(self.param_small(params::UNBOND_SECONDS)?);
        self.store(slot.field(BOND), stays)?;
        self.store(slot.field(LEAVING), amount)?;
        self.store(slot.field(READY), U256::from(ready))?;
        self.emit(&INodes::Unbonding { key, amount, ready })?;
        Ok(Vec::new())
    }

    fn withdraw_bond(&mut self, key: B256) -> Part<Vec<u8>> {
        self.writes_unpaid()?;
        let slot = self.my_node(key)?;
        let amount = self.load(slot.field(LEAVING))?;
        require(!amount.is_zero(), || "nothing is leaving the bond".into())?;
        let ready = small(self.load(slot.field(READY))?);
        require(self.now.time >= ready, || format!("it can be withdrawn from {ready} on"))?;
        self.store(slot.field(LEAVING), U256::ZERO)?;
        self.store(slot.field(READY), U256::ZERO)?;
        let to = self.caller;
        self.emit(&INodes::Withdrawn { key, to, amount })?;
        self.pay(to, amount)?;
        Ok(Vec::new())
    }

    fn node(&mut self, key: B256) -> Part<Vec<u8>> {
        let (operator, bond) = self.node_of(key)?;
        let slot = BY_KEY.of(key);
        let node = INodes::Node {
            operator,
            bond,
            roles: self.load(slot.field(ROLE))?.saturating_to(),
            endpoint: self.load_text(slot.field(ENDPOINT))?,
            capabilities: self.load_list(slot.field(CAPABILITIES))?,
            joined: small(self.load(slot.field(JOINED))?),
            seen: small(self.load(slot.field(SEEN))?),
            leaving: self.load(slot.field(LEAVING))?,
            ready: small(self.load(slot.field(READY))?),
        };
        Ok(node.abi_encode())
    }
}

fn described(roles: u32, endpoint: &str, capabilities: &[B256]) -> Part<()> {
    require(roles != 0 && roles & !ROLES == 0, || {
        format!("roles are {roles:#b}: bits 1 worker, 2 auditor, 4 storage, 8 gateway")
    })?;
    sized("endpoint", endpoint, 0, ENDPOINT_BYTES_MAX)?;
    require(capabilities.len() <= CAPABILITIES_MAX, || {
        format!("{} capabilities, and {CAPABILITIES_MAX} is the most", capabilities.len())
    })
}
