// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IStreamVault} from "./interfaces/IStreamVault.sol";
import {IUsdc} from "./interfaces/IUsdc.sol";

/// EIP-3009 authorizations to the calling contract: redeeming one, and checking one that somebody else redeemed.
library Vouchers {
    bytes32 private constant TYPE_HASH = keccak256(
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );

    /// Draws the voucher's whole value into the vault. USDC itself checks signature, times and nonce.
    /// Reverts with `TransferShort` where the token delivered another amount (a fee, a lie).
    function draw(IUsdc usdc, IStreamVault.Voucher calldata v) internal {
        uint256 before = usdc.balanceOf(address(this));
        if (v.signature.length == 65) {
            (uint8 parity, bytes32 r, bytes32 s) = _split(v.signature);
            usdc.transferWithAuthorization(
                v.payer, address(this), v.value, v.validAfter, v.validBefore, v.nonce, parity, r, s
            );
        } else {
            usdc.transferWithAuthorization(
                v.payer, address(this), v.value, v.validAfter, v.validBefore, v.nonce, v.signature
            );
        }
        _checkDelivered(usdc, before, v.value);
    }

    /// The same by a ReceiveWithAuthorization, which nobody but the caller can redeem: what is drawn so needs no settler who saw
    /// the transfer where somebody else was faster.
    function take(
        IUsdc usdc,
        address from,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) internal {
        uint256 before = usdc.balanceOf(address(this));
        if (signature.length == 65) {
            (uint8 parity, bytes32 r, bytes32 s) = _split(signature);
            usdc.receiveWithAuthorization(from, address(this), value, validAfter, validBefore, nonce, parity, r, s);
        } else {
            usdc.receiveWithAuthorization(from, address(this), value, validAfter, validBefore, nonce, signature);
        }
        _checkDelivered(usdc, before, value);
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

    function _split(bytes calldata signature) private pure returns (uint8 parity, bytes32 r, bytes32 s) {
        r = bytes32(signature[0:32]);
        s = bytes32(signature[32:64]);
        parity = uint8(signature[64]);
        // Some wallets write the parity bit itself.
        if (parity < 27) parity += 27;
    }

    function _checkDelivered(IUsdc usdc, uint256 before, uint256 value) private view {
        uint256 received = usdc.balanceOf(address(this)) - before;
        if (received != value) revert IStreamVault.TransferShort(value, received);
    }
}
