// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {ICoalition} from "../interfaces/ICoalition.sol";
import {IUsdc} from "../interfaces/IUsdc.sol";
import {Vouchers} from "../Vouchers.sol";

/// The money of all coalitions: it comes in by authorizations, moves between stakes, bonds and credits, and goes out as a
/// credit to whom it is credited to. It knows neither terms nor verdicts.
abstract contract CoalitionBooks is ICoalition, EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IUsdc;

    IUsdc public immutable usdc;
    mapping(uint256 id => mapping(address operator => Stake)) internal stakes;
    mapping(address account => uint256) private credits;
    uint256 private held;

    constructor(IUsdc usdc_) EIP712("ComputePool Coalition", "1") {
        usdc = usdc_;
    }

    function withdraw(address account) external nonReentrant returns (uint256 amountAtomic) {
        amountAtomic = credits[account];
        if (amountAtomic == 0) return 0;
        credits[account] = 0;
        held -= amountAtomic;
        emit Withdrawn(account, amountAtomic);
        usdc.safeTransfer(account, amountAtomic);
    }

    function creditOf(address account) external view returns (uint256) {
        return credits[account];
    }

    function heldAtomic() external view returns (uint256) {
        return held;
    }

    function stakeOf(uint256 id, address operator) external view returns (Stake memory) {
        return stakes[id][operator];
    }

    /// From outside into a stake or a bond.
    function _draw(Consent calldata from, uint96 amountAtomic, bytes32 nonce, bytes calldata signature) internal {
        held += amountAtomic;
        Vouchers.take(usdc, from.operator, amountAtomic, from.validAfter, from.validBefore, nonce, signature);
    }

    /// Out of a stake or a bond, which the caller has taken it off.
    function _credit(address account, uint256 amountAtomic) internal {
        if (amountAtomic == 0) return;
        credits[account] += amountAtomic;
        emit Credited(account, amountAtomic);
    }

    function _requireSigned(address signer, bytes32 digest, bytes calldata signature) internal view {
        if (!SignatureChecker.isValidSignatureNowCalldata(signer, digest, signature)) revert SignatureInvalid(signer);
    }
}
