// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

// What the vault uses of Superfluid, declared by ourselves: the selectors are public protocol, and importing Superfluid's own
// sources would put thirty of its files into our build. Contract types of theirs are plain addresses here.

/// Host: the single door to agreements, and the address book.
interface IHost {
    function getAgreementClass(bytes32 agreementType) external view returns (address);

    function getGovernance() external view returns (address);

    function callAgreement(address agreement, bytes calldata callData, bytes calldata userData)
        external
        returns (bytes memory);
}

interface IGovernance {
    function getConfigAsUint256(address host, address token, bytes32 key) external view returns (uint256);
}

struct PoolConfig {
    bool transferabilityForUnitsOwner;
    bool distributionFromAnyAddress;
}

/// General distribution agreement. Functions with a `ctx` are called through the host, which fills it in.
interface IDistributionAgreement {
    function createPool(address token, address admin, PoolConfig calldata config) external returns (address pool);

    function distribute(address token, address from, address pool, uint256 requestedAmount, bytes calldata ctx)
        external
        returns (bytes memory);

    function distributeFlow(address token, address from, address pool, int96 requestedFlowRate, bytes calldata ctx)
        external
        returns (bytes memory);

    function tryConnectPoolFor(address pool, address memberAddr, bytes calldata ctx)
        external
        returns (bool success, bytes memory newCtx);

    function getFlow(address token, address from, address to)
        external
        view
        returns (uint256 lastUpdated, int96 flowRate, uint256 deposit);

    function isMemberConnected(address pool, address member) external view returns (bool);
}

interface IPool {
    function updateMemberUnits(address member, uint128 newUnits) external returns (bool);

    function getUnits(address member) external view returns (uint128);

    function getTotalUnits() external view returns (uint128);
}

interface ISuperToken {
    function getHost() external view returns (address);

    function getUnderlyingToken() external view returns (address);

    function realtimeBalanceOfNow(address account)
        external
        view
        returns (int256 availableBalance, uint256 deposit, uint256 owedDeposit, uint256 timestamp);

    function transfer(address to, uint256 amount) external returns (bool);

    function upgrade(uint256 amount) external;

    function downgradeTo(address to, uint256 amount) external;
}
