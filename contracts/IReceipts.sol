// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.24;

/// Batches of receipts that nodes settle: once a root is here, no receipt can be slipped in or taken out.
/// Native contract at 0x7e04.
interface IReceipts {
    struct Batch {
        bytes32 root;
        uint64 first;
        uint64 count;
        uint64 block_;
        uint64 finalAt;
        address operator;
    }

    event Settled(bytes32 indexed key, uint64 indexed index, bytes32 root, uint64 first, uint64 count);

    /// The next batch of the node `key`: `count` receipts from number `first` of its chain on, which
    /// follows the batch before. `root` is that of docs/format/receipt-batch.md. By its operator alone,
    /// while its bond is at least the parameter node_bond.
    function settle(bytes32 key, bytes32 root, uint64 first, uint64 count) external returns (uint64 index);

    function batches(bytes32 key) external view returns (uint64);
    function batch(bytes32 key, uint64 index) external view returns (Batch memory);
    function isFinal(bytes32 key, uint64 index) external view returns (bool);

    /// Whether the receipt with the digest `receipt` is number `place` of the batch: `path` has the
    /// digests beside it, from the leaf up.
    function included(bytes32 key, uint64 index, bytes32 receipt, uint64 place, bytes32[] calldata path) external view returns (bool);
}
