//! Contracts that are there from block 0, at the addresses where tools look for them.
//!
//! Code of ours is compiled from `contracts/predeploy/` with solc 0.8.37 (optimizer 10,000 runs, EVM
//! osaka, no metadata); `cargo xtask contracts` compiles it again and compares.

use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;
use alloy_primitives::{Address, Bytes, address, hex};

/// A contract of block 0.
#[derive(Clone, Copy, Debug)]
pub struct Predeploy {
    /// What it is called.
    pub name: &'static str,
    /// Where it is.
    pub address: Address,
    /// Its code in hexadecimal digits.
    hex: &'static str,
}

impl Predeploy {
    /// Its code.
    pub fn code(&self) -> Bytes {
        hex::decode(self.hex.trim()).expect("it is a constant").into()
    }
}

/// All of them.
pub const PREDEPLOYS: [Predeploy; 5] = [
    // From the EIP.
    Predeploy {
        name: "EIP-2935 history",
        address: HISTORY_STORAGE_ADDRESS,
        hex: "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f3560014303811160\
              4257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500",
    },
    // Creates what follows the first word, with that word as salt: what forge, viem and others
    // deploy through. Anybody can put it anywhere by one transaction that nobody has the key of.
    Predeploy {
        name: "CREATE2 deployer",
        address: address!("4e59b44847b379578588920cA78FbF26c0B4956C"),
        hex: "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378\
              035828234f58015156039578182fd5b8082525050506014600cf3",
    },
    Predeploy {
        name: "Multicall3",
        address: address!("cA11bde05977b3631167028862bE2a173976CA11"),
        hex: include_str!("../../../contracts/predeploy/Multicall3.hex"),
    },
    // Written anew after the published interface: what others deployed keeps its domain from its
    // constructor, which does not run here.
    Predeploy {
        name: "Permit2",
        address: address!("000000000022D473030F116dDEE9F6B43aC78BA3"),
        hex: include_str!("../../../contracts/predeploy/Permit2.hex"),
    },
    Predeploy {
        name: "Wrapped",
        address: address!("0000000000000000000000000000000000007e10"),
        hex: include_str!("../../../contracts/predeploy/Wrapped.hex"),
    },
];
