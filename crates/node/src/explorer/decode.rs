//! What calls and logs say, value by value.
//!
//! Invariant: bytes that are not what the interface says, in the form the compiler gives them, are
//! shown as bytes; nothing is guessed.

use super::abi::{Face, Kind, interface};
use super::html::{Html, tag, text};
use super::show;
use alloy_primitives::{Address, B256, LogData, U256};

/// Items of a list that are shown.
const ITEMS_MAX: usize = 32;
/// Bytes that are shown.
const BYTES_MAX: usize = 256;
/// Letters of a text that are shown.
const TEXT_MAX: usize = 1_024;

/// A value.
#[derive(Debug, PartialEq, Eq)]
enum Value {
    Address(Address),
    Bool(bool),
    Number(U256),
    Word(B256),
    Bytes(Vec<u8>),
    Text(String),
    Choice(&'static str),
    List(Vec<Value>),
}

/// A call or an event that was read.
pub(super) struct Decoded {
    /// What the contract is called.
    pub contract: &'static str,
    /// What is called, or what happened.
    pub name: &'static str,
    /// The parameters by name.
    pub parameters: Vec<(&'static str, Html)>,
}

/// The call that `data` is at the contract `to`.
pub(super) fn call(to: &Address, data: &[u8]) -> Option<Decoded> {
    let interface = interface(to);
    let face = interface.function(data)?;
    let values = arguments(face.parameters.iter().map(|one| &one.kind), data.get(4..)?)?;
    Some(decoded(to, interface.name, face, values))
}

/// The event that a log of the contract `from` is.
pub(super) fn event(from: &Address, log: &LogData) -> Option<Decoded> {
    let interface = interface(from);
    let (key, topics) = log.topics().split_first()?;
    let face = interface.event(key)?;
    let indexed = face.parameters.iter().filter(|one| one.indexed).count();
    if indexed != topics.len() {
        return None;
    }
    let inside = face.parameters.iter().filter(|one| !one.indexed).map(|one| &one.kind);
    let mut inside = arguments(inside, &log.data)?.into_iter();
    let mut topics = topics.iter();
    let mut value = |one: &super::abi::Parameter| match one.indexed {
        true => scalar(&one.kind, topics.next()?),
        false => inside.next(),
    };
    let values = face.parameters.iter().map(&mut value).collect::<Option<_>>()?;
    Some(decoded(from, interface.name, face, values))
}

fn decoded(
    at: &Address,
    contract: &'static str,
    face: &'static Face,
    values: Vec<Value>,
) -> Decoded {
    let named = face.parameters.iter().zip(values);
    let parameters = named.map(|(one, value)| (one.name, shown(at, one.name, value))).collect();
    Decoded { contract, name: face.name, parameters }
}

fn word(data: &[u8], at: usize) -> Option<&[u8; 32]> {
    data.get(at..)?.first_chunk()
}

/// A number that can be a place or a length in memory.
fn size(word: &[u8; 32]) -> Option<usize> {
    U256::from_be_bytes(*word).try_into().ok()
}

/// The values of `kinds`, one after the other at the beginning of `data`.
fn arguments<'k>(kinds: impl Iterator<Item = &'k Kind>, data: &[u8]) -> Option<Vec<Value>> {
    kinds.enumerate().map(|(place, kind)| value(kind, data, 32 * place)).collect()
}

/// The value of `kind` whose head is at `at`.
fn value(kind: &Kind, data: &[u8], at: usize) -> Option<Value> {
    let head = word(data, at)?;
    if !matches!(kind, Kind::Bytes | Kind::Text | Kind::List(_)) {
        return scalar(kind, &B256::from(*head));
    }
    let tail = data.get(size(head)?..)?;
    let length = size(word(tail, 0)?)?;
    let tail = &tail[32..];
    match kind {
        Kind::List(item) => {
            let words = tail.get(..length.checked_mul(32)?)?.chunks_exact(32);
            words
                .map(|word| scalar(item, &B256::from_slice(word)))
                .collect::<Option<_>>()
                .map(Value::List)
        }
        Kind::Text => String::from_utf8(tail.get(..length)?.to_vec()).ok().map(Value::Text),
        _ => Some(Value::Bytes(tail.get(..length)?.to_vec())),
    }
}

/// A value that is one word.
fn scalar(kind: &Kind, word: &B256) -> Option<Value> {
    let number = U256::from_be_bytes(word.0);
    match kind {
        Kind::Address => (word[..12] == [0; 12]).then(|| Value::Address(Address::from_word(*word))),
        Kind::Bool => match number {
            U256::ZERO => Some(Value::Bool(false)),
            U256::ONE => Some(Value::Bool(true)),
            _ => None,
        },
        Kind::Number => Some(Value::Number(number)),
        Kind::Word => Some(Value::Word(*word)),
        Kind::Choice(names) => {
            names.get(usize::try_from(number).ok()?).map(|name| Value::Choice(name))
        }
        Kind::Bytes | Kind::Text | Kind::List(_) => None,
    }
}

/// The value of the parameter `name` at the contract `at`, with links to what it names.
fn shown(at: &Address, name: &str, value: Value) -> Html {
    use terroir_ledger::native::{GOVERNANCE, NODES, RECEIPTS, REGISTRY, STAKING};
    match (value, name) {
        (Value::Address(address), _) => show::whole_address(&address),
        (Value::Bool(is), _) => text(is),
        (Value::Number(units), "amount" | "tokens" | "bond") if [NODES, STAKING].contains(at) => {
            show::money(units)
        }
        (Value::Number(seconds), "ready" | "time") if *at == NODES || *at == STAKING => {
            show::time(seconds.saturating_to())
        }
        (Value::Number(id), "proposal") if *at == GOVERNANCE => {
            tag("a").set("href", format!("/proposal/{id}")).of(id.to_string())
        }
        (Value::Number(number), _) => text(show::count(number)),
        (Value::Word(id), "id") if *at == REGISTRY => show::entry(&id),
        (Value::Word(manifest), "manifest" | "parents") if *at == REGISTRY => {
            show::manifest(&manifest)
        }
        (Value::Word(key), "key") if *at == NODES || *at == RECEIPTS => show::node(&key),
        (Value::Word(word), _) => show::whole(word),
        (Value::Bytes(bytes), _) => show::bytes(&bytes, BYTES_MAX),
        (Value::Text(text), "endpoint") => show::url(&text),
        (Value::Text(said), _) => text(said.chars().take(TEXT_MAX).collect::<String>()),
        (Value::Choice(choice), _) => text(choice),
        (Value::List(items), _) => list(at, name, items),
    }
}

fn list(at: &Address, name: &str, items: Vec<Value>) -> Html {
    let more = items.len().saturating_sub(ITEMS_MAX);
    let items = items.into_iter().take(ITEMS_MAX);
    let items: Html = items.map(|item| tag("li").of(shown(at, name, item))).collect();
    let more = (more > 0).then(|| tag("li").of(format!("and {more} more")));
    match items == Html::default() {
        true => tag("span").set("class", "soft").of("none"),
        false => tag("ul").set("class", "lines").of(items.and(more)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Bytes, keccak256};
    use alloy_sol_types::{SolCall, SolEvent};
    use proptest::prelude::*;
    use terroir_ledger::native::abi::{IRegistry, IStaking};
    use terroir_ledger::native::{REGISTRY, STAKING};

    fn release() -> IRegistry::releaseCall {
        IRegistry::releaseCall {
            id: keccak256("id"),
            major: 1,
            minor: 2,
            manifest: keccak256("manifest"),
            licence: "Apache-2.0 <b>".into(),
            parents: vec![keccak256("one"), keccak256("two")],
        }
    }

    fn page(decoded: &Decoded) -> String {
        let parts = decoded.parameters.iter().map(|(name, value)| text(name).then(value.clone()));
        parts.collect::<Html>().document()
    }

    #[test]
    fn calls_and_events_say_what_was_put_into_them() {
        let call = call(&REGISTRY, &release().abi_encode()).unwrap();
        assert_eq!((call.contract, call.name), ("Registry", "release"));
        let html = page(&call);
        for said in [keccak256("one").to_string(), "Apache-2.0 &lt;b&gt;".into(), "/entry/".into()]
        {
            assert!(html.contains(&said), "{said}: {html}");
        }
        let delegated = IStaking::Delegated {
            validator: Address::repeat_byte(1),
            delegator: Address::repeat_byte(2),
            tokens: U256::from(10).pow(U256::from(18)),
            shares: U256::from(7),
        };
        let event = event(&STAKING, &delegated.encode_log_data()).unwrap();
        assert_eq!(event.name, "Delegated");
        assert!(page(&event).contains("1 TERR"), "{}", page(&event));
    }

    #[test]
    fn what_is_not_in_the_form_of_the_interface_stays_bytes() {
        let good = release().abi_encode();
        let cuts = (0..good.len()).filter(|cut| call(&REGISTRY, &good[..*cut]).is_some());
        assert_eq!(cuts.collect::<Vec<_>>(), Vec::<usize>::new());
        let mut far = good.clone();
        far[4 + 4 * 32..4 + 5 * 32].fill(0xff);
        assert!(call(&REGISTRY, &far).is_none());
        let mut address = IStaking::delegateCall { validator: Address::ZERO }.abi_encode();
        assert!(call(&STAKING, &address).is_some());
        address[4] = 1;
        assert!(call(&STAKING, &address).is_none());
        // A token of another kind has the same event with one more topic.
        let key = keccak256("Transfer(address,address,uint256)");
        let topics = vec![key, B256::ZERO, B256::ZERO, B256::ZERO];
        assert!(event(&Address::ZERO, &LogData::new_unchecked(topics, Bytes::new())).is_none());
    }

    proptest! {
        #[test]
        fn hostile_bytes_are_read_or_not_but_never_a_panic(
            place in 0_usize..=10_000,
            word in prop::array::uniform32(any::<u8>()),
            small in any::<u16>(),
        ) {
            let mut data = release().abi_encode();
            let at = 4 + place % (data.len() - 36);
            data[at..at + 32].copy_from_slice(&word);
            drop(call(&REGISTRY, &data));
            data[at..at + 32].copy_from_slice(&U256::from(small).to_be_bytes::<32>());
            drop(call(&REGISTRY, &data));
        }
    }
}
