// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Asks a vault whose session was harmed, and what that session owes its operators. The parties chose the vault: it may revert,
/// burn its gas, flood or lie, and nothing of that may hold up a verdict.
library HarmedPayer {
    /// More than ten times what StreamVault takes.
    uint256 private constant VAULT_GAS = 200_000;
    /// `session(bytes32)`.
    bytes32 private constant SELECTOR = bytes32(bytes4(keccak256("session(bytes32)")));

    /// Zeros where the vault does not know the session, or gives no proper answer. Nobody can make the payer go away empty by
    /// sending too little gas: what a call that was cut short leaves (a 64th part) does not pay for what follows, so all
    /// reverts.
    function find(address vault, bytes32 session) internal view returns (address payer, uint256 owedAtomic) {
        bytes32 selector = SELECTOR;
        uint256 gasForVault = VAULT_GAS;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, selector)
            mstore(add(data, 4), session)
            // Of IStreamVault.Session the words 0 (payer) and 3 (dueAtomic); more is not copied, however much comes back.
            if staticcall(gasForVault, vault, data, 36, data, 128) {
                if gt(returndatasize(), 127) {
                    let word := mload(data)
                    if and(iszero(shr(160, word)), gt(word, 0)) {
                        payer := word
                        owedAtomic := mload(add(data, 96))
                    }
                }
            }
        }
    }
}
