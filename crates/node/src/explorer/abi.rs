//! Functions and events by name, read from the Solidity interfaces in `contracts/`.
//!
//! Only what those files have is read: parameters of elementary types, enums, and lists of them.
//! Invariant: every function and event of theirs is here, under the key that callers use.

use alloy_primitives::{Address, B256, keccak256};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use terroir_ledger::native::{GOVERNANCE, NODES, RECEIPTS, REGISTRY, STAKING};

/// What tokens of ERC-20 and the wrapper of the native token have.
const TOKENS: &str = "
    function transfer(address to, uint256 value)
    function transferFrom(address from, address to, uint256 value)
    function approve(address spender, uint256 value)
    function deposit()
    function withdraw(uint256 value)
    event Transfer(address indexed from, address indexed to, uint256 value)
    event Approval(address indexed owner, address indexed spender, uint256 value)
    event Deposit(address indexed to, uint256 value)
    event Withdrawal(address indexed from, uint256 value)
";

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Address,
    Bool,
    Number,
    Word,
    Bytes,
    Text,
    /// One of these names.
    Choice(Vec<&'static str>),
    List(Box<Kind>),
}

/// A parameter.
#[derive(Debug)]
pub(super) struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    /// Whether it is a topic of its event.
    pub indexed: bool,
}

/// A function or an event.
#[derive(Debug)]
pub(super) struct Face {
    pub name: &'static str,
    pub parameters: Vec<Parameter>,
}

/// An interface.
pub(super) struct Interface {
    pub name: &'static str,
    functions: BTreeMap<[u8; 4], Face>,
    events: BTreeMap<B256, Face>,
}

impl Interface {
    /// The function that `data` calls.
    pub fn function(&self, data: &[u8]) -> Option<&Face> {
        self.functions.get(data.first_chunk()?)
    }

    /// The event whose first topic is `topic`.
    pub fn event(&self, topic: &B256) -> Option<&Face> {
        self.events.get(topic)
    }
}

/// The interface of the contract at `address`: its own, or that of tokens, as which it may behave.
pub(super) fn interface(address: &Address) -> &'static Interface {
    static NATIVE: LazyLock<[(Address, Interface); 5]> = LazyLock::new(|| {
        let read = |name, text| read(name, text);
        [
            (REGISTRY, read("Registry", include_str!("../../../../contracts/IRegistry.sol"))),
            (NODES, read("Nodes", include_str!("../../../../contracts/INodes.sol"))),
            (STAKING, read("Staking", include_str!("../../../../contracts/IStaking.sol"))),
            (RECEIPTS, read("Receipts", include_str!("../../../../contracts/IReceipts.sol"))),
            (GOVERNANCE, read("Governance", include_str!("../../../../contracts/IGovernance.sol"))),
        ]
    });
    static TOKEN: LazyLock<Interface> = LazyLock::new(|| read("Token", TOKENS));
    let native = NATIVE.iter().find(|(known, _)| known == address);
    native.map_or(&TOKEN, |(_, interface)| interface)
}

/// Reads the functions and events of `text`, one a line.
fn read(name: &'static str, text: &'static str) -> Interface {
    let lines = || text.lines().map(str::trim);
    let choices: BTreeMap<_, _> = lines().filter_map(choice).collect();
    let (mut functions, mut events) = (BTreeMap::new(), BTreeMap::new());
    for line in lines() {
        if let Some(line) = line.strip_prefix("function ") {
            let (face, key) = face(line, &choices);
            functions.insert([key[0], key[1], key[2], key[3]], face);
        } else if let Some(line) = line.strip_prefix("event ") {
            let (face, key) = face(line, &choices);
            events.insert(key, face);
        }
    }
    Interface { name, functions, events }
}

/// `enum Kind { Model, Dataset }`.
fn choice(line: &'static str) -> Option<(&'static str, Vec<&'static str>)> {
    let (name, rest) = line.strip_prefix("enum ")?.split_once('{')?;
    Some((name.trim(), rest.trim_end_matches('}').split(',').map(str::trim).collect()))
}

/// `name(type name, type indexed name)`, and the hash of its signature.
fn face(line: &'static str, choices: &BTreeMap<&str, Vec<&'static str>>) -> (Face, B256) {
    let (name, rest) = line.split_once('(').expect("our own files: a name and parameters");
    let (inside, _) = rest.split_once(')').expect("our own files: parameters end");
    let (mut parameters, mut types) = (Vec::new(), Vec::new());
    for part in inside.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let mut words = part.split_whitespace();
        let (first, last) = (words.next().unwrap_or_default(), words.next_back());
        let indexed = words.any(|word| word == "indexed");
        let (kind, canonical) = kind(first, choices);
        parameters.push(Parameter { name: last.unwrap_or_default(), kind, indexed });
        types.push(canonical);
    }
    let key = keccak256(format!("{name}({})", types.join(",")));
    (Face { name, parameters }, key)
}

/// A type, and as what it stands in a signature.
fn kind(word: &str, choices: &BTreeMap<&str, Vec<&'static str>>) -> (Kind, String) {
    if let Some(item) = word.strip_suffix("[]") {
        let (item, canonical) = kind(item, choices);
        return (Kind::List(Box::new(item)), format!("{canonical}[]"));
    }
    let kind = match word {
        "address" => Kind::Address,
        "bool" => Kind::Bool,
        "bytes" => Kind::Bytes,
        "string" => Kind::Text,
        "bytes32" => Kind::Word,
        number if number.starts_with("uint") => Kind::Number,
        other => {
            let names = choices.get(other).expect("our own files: the enum is above");
            return (Kind::Choice(names.clone()), "uint8".into());
        }
    };
    (kind, word.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_sol_types::{SolEventInterface, SolInterface};
    use terroir_ledger::native::abi::{
        IGovernance::{IGovernanceCalls, IGovernanceEvents},
        INodes::{INodesCalls, INodesEvents},
        IReceipts::{IReceiptsCalls, IReceiptsEvents},
        IRegistry::{IRegistryCalls, IRegistryEvents},
        IStaking::{IStakingCalls, IStakingEvents},
    };

    fn check<C: SolInterface, E: SolEventInterface>(address: Address, topics: &[[u8; 32]]) {
        let interface = interface(&address);
        assert_eq!(interface.functions.len(), C::COUNT, "{}", interface.name);
        for selector in C::selectors() {
            assert!(interface.function(&selector).is_some(), "{} {selector:?}", interface.name);
        }
        assert_eq!((interface.events.len(), topics.len()), (E::COUNT, E::COUNT));
        for topic in topics {
            assert!(interface.event(&B256::from(*topic)).is_some(), "{}", interface.name);
        }
    }

    #[test]
    fn every_function_and_event_has_the_key_that_the_compiler_gives_it() {
        check::<IRegistryCalls, IRegistryEvents>(REGISTRY, IRegistryEvents::SELECTORS);
        check::<INodesCalls, INodesEvents>(NODES, INodesEvents::SELECTORS);
        check::<IStakingCalls, IStakingEvents>(STAKING, IStakingEvents::SELECTORS);
        check::<IReceiptsCalls, IReceiptsEvents>(RECEIPTS, IReceiptsEvents::SELECTORS);
        check::<IGovernanceCalls, IGovernanceEvents>(GOVERNANCE, IGovernanceEvents::SELECTORS);
        let transfer = alloy_primitives::b256!(
            "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
        );
        let token = interface(&Address::ZERO);
        assert_eq!(token.event(&transfer).map(|face| face.name), Some("Transfer"));
        let transfer = token.function(&[0xa9, 0x05, 0x9c, 0xbb]).unwrap();
        assert_eq!((transfer.name, transfer.parameters.len()), ("transfer", 2));
    }

    #[test]
    fn parameters_have_their_names_and_types() {
        let selector = IRegistryCalls::SELECTORS.iter();
        let faces = selector.filter_map(|key| interface(&REGISTRY).function(key));
        let release = faces.into_iter().find(|face| face.name == "release").unwrap();
        let names: Vec<_> = release.parameters.iter().map(|one| one.name).collect();
        assert_eq!(names, ["id", "major", "minor", "manifest", "licence", "parents"]);
        assert_eq!(release.parameters[5].kind, Kind::List(Box::new(Kind::Word)));
    }
}
