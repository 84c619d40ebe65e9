// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.24;

/// Nodes that host, execute, audit or store: their keys, bonds and where to reach them.
/// Native contract at 0x7e02.
interface INodes {
    struct Node {
        address operator;
        uint256 bond;
        uint32 roles;
        string endpoint;
        bytes32[] capabilities;
        uint64 joined;
        uint64 seen;
        uint256 leaving;
        uint64 ready;
    }

    event Joined(bytes32 indexed key, address indexed operator, uint256 bond, uint32 roles, string endpoint);
    event Updated(bytes32 indexed key, uint32 roles, string endpoint, bytes32[] capabilities);
    event Heartbeat(bytes32 indexed key, uint64 time);
    event BondAdded(bytes32 indexed key, uint256 amount, uint256 bond);
    event Unbonding(bytes32 indexed key, uint256 amount, uint64 ready);
    event Withdrawn(bytes32 indexed key, address indexed to, uint256 amount);

    /// The node with the ed25519 `key` joins under the caller. `possession` is the key's signature
    /// over possessionMessage(caller): nobody joins with a key that is not theirs. The value is its
    /// bond, at least the parameter node_bond. `roles` are bits: 1 worker, 2 auditor, 4 storage,
    /// 8 gateway. `endpoint` is up to 256 bytes, `capabilities` up to 16 digests of what it offers.
    function join(bytes32 key, bytes calldata possession, uint32 roles, string calldata endpoint, bytes32[] calldata capabilities) external payable;
    function update(bytes32 key, uint32 roles, string calldata endpoint, bytes32[] calldata capabilities) external;
    function heartbeat(bytes32 key) external;

    /// What is at stake then is at least node_bond.
    function addBond(bytes32 key) external payable;

    /// Takes `amount` out of the bond; it can be withdrawn when the parameter unbond_seconds have passed.
    /// What stays is zero or at least node_bond. One at a time.
    function unbond(bytes32 key, uint256 amount) external;
    function withdraw(bytes32 key) external;

    function node(bytes32 key) external view returns (Node memory);
    function count() external view returns (uint64);
    function byIndex(uint64 index) external view returns (bytes32 key);
    function possessionMessage(address operator) external view returns (bytes memory);
}
