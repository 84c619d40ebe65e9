// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.30;

/// What wallets' libraries are tried on: a mapping, events, payable calls and three ways to fail.
contract Ledger {
    mapping(address => uint256) public notes;
    uint256 public total;
    address public immutable owner;

    event Noted(address indexed who, uint256 indexed value, string text);

    error TooMuch(uint256 value, uint256 limit);

    constructor(uint256 first) payable {
        owner = msg.sender;
        total = first;
    }

    function note(uint256 value, string calldata text) external payable returns (uint256) {
        if (value > 1000) revert TooMuch(value, 1000);
        require(bytes(text).length > 0, "text is empty");
        notes[msg.sender] += value;
        total += value;
        emit Noted(msg.sender, value, text);
        return total;
    }

    function burn(uint256 rounds) external {
        for (uint256 i = 0; i < rounds; i++) notes[address(uint160(i))] = i + 1;
    }

    function divide(uint256 a, uint256 b) external pure returns (uint256) {
        return a / b;
    }
}
