// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.24;

/// Parameters of the network, each within bounds that genesis fixes for ever. The committee of an
/// epoch votes, one seat one vote; what passes waits out a timelock before anybody may execute it.
/// Native contract at 0x7e05.
interface IGovernance {
    enum State { None, Voting, Passed, Failed, Executed }

    struct Parameter {
        string name;
        uint256 value;
        uint256 min;
        uint256 max;
    }

    struct Proposal {
        State state;
        address proposer;
        uint16 parameter;
        uint256 value;
        string reason;
        uint64 epoch;
        uint64 closes;
        uint64 executable;
        uint64 votesFor;
        uint64 votesAgainst;
        uint64 seats;
    }

    event Proposed(uint64 indexed proposal, address indexed proposer, uint16 indexed parameter, uint256 value, string reason);
    event Voted(uint64 indexed proposal, address indexed validator, bool support);
    event Executed(uint64 indexed proposal, uint16 indexed parameter, uint256 from, uint256 to);

    /// By a validator of this epoch's committee. Reason up to 256 bytes.
    function propose(uint16 parameter, uint256 value, string calldata reason) external returns (uint64 proposal);
    function vote(uint64 proposal, bool support) external;

    /// Sets the parameter. More than two thirds of the seats said yes and the timelock has passed.
    function execute(uint64 proposal) external;

    function parameter(uint16 index) external view returns (Parameter memory);
    function parameters() external view returns (uint16);
    function proposal(uint64 id) external view returns (Proposal memory);
    function proposals() external view returns (uint64);
}
