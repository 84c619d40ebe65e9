// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.24;

/// Validators, their stake and the committee of each epoch. One seat is one vote.
/// What happens at the end of a block (rewards, jail, the next committee) is no transaction and has no
/// event: read it here. Native contract at 0x7e03.
interface IStaking {
    enum Status { None, Active, Leaving, Jailed }

    struct Validator {
        Status status;
        bytes32 key;
        bytes blsKey;
        address payout;
        uint32 commission;
        uint256 tokens;
        uint256 shares;
        uint64 jailedUntil;
        uint64 produced;
        uint64 missed;
    }

    struct Seat {
        address validator;
        bytes32 key;
        bytes blsKey;
    }

    event ValidatorJoined(address indexed validator, bytes32 key, bytes blsKey, uint256 tokens);
    event Delegated(address indexed validator, address indexed delegator, uint256 tokens, uint256 shares);
    event Undelegated(address indexed validator, address indexed delegator, uint256 tokens, uint256 shares, uint64 ready);
    event Withdrawn(address indexed delegator, uint256 tokens);
    event Unjailed(address indexed validator);
    event Updated(address indexed validator, address payout, uint32 commission);
    event Equivocated(address indexed validator, address indexed reporter, uint64 epoch, uint64 viewNumber, uint256 taken);

    /// The caller becomes a validator. `key` is its ed25519 identity, `blsKey` the 96 bytes of its key
    /// for votes, `possession` and `blsPossession` their proofs of possession over
    /// possessionMessage(caller). The value is its own stake, at least the parameter seat_bond, and as
    /// much takes a seat at the end of each epoch. Whoever was a validator before brings the same keys
    /// again.
    function join(bytes32 key, bytes calldata possession, bytes calldata blsKey, bytes calldata blsPossession, address payout, uint32 commission) external payable;

    /// Commission is in millionths of rewards, up to half of them.
    function update(address payout, uint32 commission) external;

    /// The caller takes no seat any more. Once it sits in no committee and has less than seat_bond of its
    /// own left, it is no validator, and can join again.
    function resign() external;
    function unjail() external;
    function delegate(address validator) external payable;

    /// A validator that is not on its way out keeps at least seat_bond of its own. What is with one that
    /// left for good can still be taken back.
    function undelegate(address validator, uint256 shares) external;

    /// Pays what is ready to the caller; what was taken back from a validator that is slashed
    /// meanwhile is slashed with it.
    function withdraw() external returns (uint256 tokens);

    /// `evidence` is two votes of one seat in one view that no honest validator signs both
    /// (docs/format/evidence.md). The validator loses the parameter slash_equivocation of its stake, of
    /// which a twentieth goes to the caller and the rest is burned, and never sits again. Stake on its way
    /// out counts. Validators put evidence that they see into blocks by themselves: the twentieth is then
    /// of whoever is paid for the block, and there is no event.
    function reportEquivocation(bytes calldata evidence) external;

    function validator(address validator) external view returns (Validator memory);
    function count() external view returns (uint64);
    function byIndex(uint64 index) external view returns (address);
    function sharesOf(address validator, address delegator) external view returns (uint256);
    function unbonding(address delegator, uint64 index) external view returns (address validator, uint256 tokens, uint64 ready);
    function unbondings(address delegator) external view returns (uint64);
    function epoch() external view returns (uint64);
    function committee(uint64 epoch) external view returns (Seat[] memory);
    function possessionMessage(address validator) external view returns (bytes memory);
}
