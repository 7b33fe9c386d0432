// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Answers many views in one call, so that a test may look at a whole contract after every step.
contract ManyReads {
    function read(address[] calldata targets, bytes[] calldata calls) external view returns (bytes[] memory answers) {
        answers = new bytes[](calls.length);
        for (uint256 i = 0; i < calls.length; i++) {
            bool ok;
            (ok, answers[i]) = targets[i].staticcall(calls[i]);
            require(ok, "A view failed.");
        }
    }
}
