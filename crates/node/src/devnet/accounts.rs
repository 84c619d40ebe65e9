//! Accounts of development chains: those that wallets and tools know from other such chains.

use alloy_primitives::{Address, B256};
use k256::ecdsa::SigningKey;
use serde::{Deserialize, Serialize};

/// Keys that everybody knows: the first ten of the phrase `test test test test test test test test
/// test test test junk` under `m/44'/60'/0'/0`.
const KEYS: [&str; 10] = [
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
    "8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
    "92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
    "4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
    "dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97",
    "2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6",
];

/// An account that holds something at the beginning.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Funded {
    /// Its address.
    pub address: Address,
    /// Its key.
    pub private_key: B256,
}

/// The accounts of every development chain.
pub fn funded() -> Vec<Funded> {
    let account = |digits: &&str| {
        let private_key: B256 = digits.parse().expect("64 hexadecimal digits");
        let key = SigningKey::from_slice(private_key.as_slice()).expect("a key of the curve");
        Funded { address: Address::from_public_key(key.verifying_key()), private_key }
    };
    KEYS.iter().map(account).collect()
}

#[cfg(test)]
mod tests {
    use super::funded;

    #[test]
    fn they_are_those_that_tools_know() {
        let addresses: Vec<String> =
            funded().iter().map(|account| account.address.to_string()).collect();
        assert_eq!(addresses[0], "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        assert_eq!(addresses[1], "0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
        assert_eq!(addresses[2], "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC");
        assert_eq!(addresses[9], "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720");
    }
}
