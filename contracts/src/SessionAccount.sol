// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IDistributionAgreement, IHost, ISuperToken} from "./interfaces/ISuperfluid.sol";

/// The distributor of one session: a minimal clone that holds what the session's current lease can stream, and Superfluid's
/// buffer. Superfluid allows one flow per distributor and pool; one account per session is what keeps sessions apart.
///
/// Only the vault that made it can move what it holds. It keeps no state: vault, token and pool are in the shared code.
contract SessionAccount {
    address private immutable vault;
    address private immutable host;
    address private immutable agreement;
    address private immutable token;
    address private immutable pool;

    error NotVault(address account);

    modifier onlyVault() {
        if (msg.sender != vault) revert NotVault(msg.sender);
        _;
    }

    constructor(address host_, address agreement_, address token_, address pool_) {
        vault = msg.sender;
        host = host_;
        agreement = agreement_;
        token = token_;
        pool = pool_;
    }

    /// Streams to the pool at this absolute rate from now on; 0 stops. Superfluid rounds the rate down.
    function setFlow(int96 rateWei) external onlyVault {
        bytes memory callData = abi.encodeCall(
            IDistributionAgreement.distributeFlow,
            (token, address(this), pool, rateWei, new bytes(0))
        );
        IHost(host).callAgreement(agreement, callData, new bytes(0));
    }

    /// Gives USDCx back to the vault.
    function giveBack(uint256 amountWei) external onlyVault {
        ISuperToken(token).transfer(vault, amountWei);
    }
}
