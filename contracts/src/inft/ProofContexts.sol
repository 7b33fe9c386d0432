// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// What a proof is about, and until when it is good. The standard's structs have no fields for it, so it travels in their `nonce`.
struct ProofContext {
    /// Makes the proof usable once.
    bytes32 salt;
    /// Unix seconds of the chain; the last second at which the proof is good.
    uint256 deadline;
    uint256 tokenId;
    address from;
    address to;
    /// A proof for a transfer is none for a clone: the receiver of the one is promised that the sender's key opens nothing new.
    bool isClone;
}

library ProofContexts {
    /// Six words, each of them fixed: one context has one encoding.
    uint256 private constant SIZE = 192;

    error ProofNonceInvalid();

    function decode(bytes memory nonce) internal pure returns (ProofContext memory) {
        if (nonce.length != SIZE) revert ProofNonceInvalid();
        return abi.decode(nonce, (ProofContext));
    }
}
