// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TestUsdc} from "../../src/chain/TestUsdc.sol";

/// Refuses transfers to and from blocked addresses, as USDC does.
contract BlockingToken is TestUsdc {
    mapping(address => bool) public isBlocked;

    error Blocked();

    constructor(address owner_) TestUsdc(owner_) {}

    function setBlocked(address account, bool blocked) external {
        isBlocked[account] = blocked;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (isBlocked[from] || isBlocked[to]) revert Blocked();
        super._update(from, to, value);
    }
}
