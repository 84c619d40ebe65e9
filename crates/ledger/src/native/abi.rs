//! The interfaces of native contracts, read from `contracts/` as Solidity has them.
#![expect(missing_docs, reason = "their documentation is in the Solidity files")]

alloy_sol_types::sol!("../../contracts/IRegistry.sol");
alloy_sol_types::sol!("../../contracts/INodes.sol");
alloy_sol_types::sol!("../../contracts/IStaking.sol");
alloy_sol_types::sol!("../../contracts/IReceipts.sol");
alloy_sol_types::sol!("../../contracts/IGovernance.sol");
