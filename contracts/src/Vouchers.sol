// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IStreamVault} from "./interfaces/IStreamVault.sol";
import {IUsdc} from "./interfaces/IUsdc.sol";

/// EIP-3009 authorizations to the calling vault: redeeming one, and checking one that somebody else redeemed.
library Vouchers {
    bytes32 private constant TYPE_HASH = keccak256(
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );

    /// Draws the voucher's whole value into the vault. USDC itself checks signature, times and nonce.
    /// Reverts with `TransferShort` where the token delivered another amount (a fee, a lie).
    function draw(IUsdc usdc, IStreamVault.Voucher calldata v) internal {
        uint256 before = usdc.balanceOf(address(this));
        if (v.signature.length == 65) {
            bytes32 r = bytes32(v.signature[0:32]);
            bytes32 s = bytes32(v.signature[32:64]);
            uint8 parity = uint8(v.signature[64]);
            // Some wallets write the parity bit itself.
            if (parity < 27) parity += 27;
            usdc.transferWithAuthorization(
                v.payer, address(this), v.value, v.validAfter, v.validBefore, v.nonce, parity, r, s
            );
        } else {
            usdc.transferWithAuthorization(
                v.payer, address(this), v.value, v.validAfter, v.validBefore, v.nonce, v.signature
            );
        }
        uint256 received = usdc.balanceOf(address(this)) - before;
        if (received != v.value) revert IStreamVault.TransferShort(v.value, received);
    }

    /// Reverts unless the payer signed exactly this voucher to this vault and its nonce is spent. A spent nonce may also mean
    /// a cancelled authorization: who calls this must see to it that the money is there, and is this payer's.
    function checkSpent(IUsdc usdc, IStreamVault.Voucher calldata v) internal view {
        if (!usdc.authorizationState(v.payer, v.nonce)) revert IStreamVault.AuthorizationUnused(v.payer, v.nonce);
        bytes32 content = keccak256(
            abi.encode(TYPE_HASH, v.payer, address(this), v.value, v.validAfter, v.validBefore, v.nonce)
        );
        bytes32 digest = MessageHashUtils.toTypedDataHash(usdc.DOMAIN_SEPARATOR(), content);
        if (!SignatureChecker.isValidSignatureNow(v.payer, digest, v.signature)) revert IStreamVault.SignatureInvalid();
    }
}
