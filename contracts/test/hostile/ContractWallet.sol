// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// A payer that is a contract: takes one fixed signature for everything.
contract ContractWallet {
    function isValidSignature(bytes32, bytes calldata signature) external pure returns (bytes4) {
        return keccak256(signature) == keccak256("open sesame") ? bytes4(0x1626ba7e) : bytes4(0);
    }
}
