// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.24;

/// Models, datasets and programs: who publishes them, what they came from, which versions stand.
/// Native contract at 0x7e01. All strings are UTF-8.
interface IRegistry {
    enum Kind { Model, Dataset, Program }

    struct Entry {
        Kind kind;
        address owner;
        string name;
        uint64 releases;
        uint64 created;
    }

    struct Release {
        bytes32 id;
        uint32 major;
        uint32 minor;
        bytes32 manifest;
        string licence;
        bytes32[] parents;
        bool revoked;
        uint64 released;
    }

    event Registered(bytes32 indexed id, Kind indexed kind, address indexed owner, string name);
    event Released(bytes32 indexed id, bytes32 indexed manifest, uint32 major, uint32 minor, string licence, bytes32[] parents);
    event Revoked(bytes32 indexed id, bytes32 indexed manifest, string reason);
    event OwnershipTransferred(bytes32 indexed id, address indexed from, address indexed to);

    /// A new entry of the caller's. `name` has 1 to 64 of a-z, 0-9, '-', '_', '.' and '/'.
    function register(Kind kind, string calldata name) external returns (bytes32 id);

    /// A new version: above the last one, by (major, minor). `manifest` is its BLAKE3 digest and new;
    /// `licence` an SPDX expression of 1 to 64 bytes; `parents` up to 16 manifests that are released.
    function release(bytes32 id, uint32 major, uint32 minor, bytes32 manifest, string calldata licence, bytes32[] calldata parents) external;

    /// Says that a version should not be used any more; it stays readable. Reason up to 256 bytes.
    function revoke(bytes32 manifest, string calldata reason) external;

    function transferOwnership(bytes32 id, address to) external;

    /// How an id follows from its first owner.
    function idOf(Kind kind, address owner, string calldata name) external view returns (bytes32);
    function entry(bytes32 id) external view returns (Entry memory);
    function count() external view returns (uint64);
    function byIndex(uint64 index) external view returns (bytes32 id);
    function releaseOf(bytes32 manifest) external view returns (Release memory);
    function releaseAt(bytes32 id, uint64 index) external view returns (bytes32 manifest);
}
