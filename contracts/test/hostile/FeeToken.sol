// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TestUsdc} from "../../src/chain/TestUsdc.sol";

/// Keeps one atomic unit of every transfer, as tokens with a fee do.
contract FeeToken is TestUsdc {
    constructor(address owner_) TestUsdc(owner_) {}

    function _update(address from, address to, uint256 value) internal override {
        if (from == address(0) || to == address(0) || value == 0) return super._update(from, to, value);
        super._update(from, to, value - 1);
        super._update(from, address(this), 1);
    }
}
