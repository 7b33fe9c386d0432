// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Where keys for an account are to be sealed to, and who may sign for its access. Each account speaks for itself alone.
abstract contract AccessKeys {
    /// A secp256k1 point without its leading 0x04.
    uint256 private constant KEY_SIZE = 64;

    event EncryptionKeyPublished(address indexed account, bytes key);

    error EncryptionKeyInvalid();

    mapping(address account => bytes) private keys;
    mapping(address user => address) internal assistantOf;

    /// The key that others shall seal to for the caller; empty takes it back. A browser's wallet cannot open what is sealed to its
    /// address's own key, so people publish one that is derived from a signature.
    function publishEncryptionKey(bytes calldata key) external {
        if (key.length != 0 && key.length != KEY_SIZE) revert EncryptionKeyInvalid();
        keys[msg.sender] = key;
        emit EncryptionKeyPublished(msg.sender, key);
    }

    /// Empty where the account published none.
    function encryptionKeyOf(address account) external view returns (bytes memory) {
        return keys[account];
    }
}
