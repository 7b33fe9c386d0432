// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TestUsdc} from "../../src/chain/TestUsdc.sol";

/// Calls back in the middle of a transfer, once, with whatever it was told to, and remembers how that went.
contract ReentrantToken is TestUsdc {
    address public target;
    bytes public callData;
    bool public tried;
    bytes public answer;

    constructor(address owner_) TestUsdc(owner_) {}

    function attack(address target_, bytes calldata callData_) external {
        target = target_;
        callData = callData_;
        tried = false;
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (target == address(0) || tried || from == address(0)) return;
        tried = true;
        (, answer) = target.call(callData);
    }
}
