// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IStreamVault} from "./interfaces/IStreamVault.sol";
import {IDistributionAgreement, IGovernance, IHost, IPool, ISuperToken, PoolConfig} from "./interfaces/ISuperfluid.sol";
import {SessionAccount} from "./SessionAccount.sol";

/// The vault's side of Superfluid: the pool of operators and their units, flows of session accounts, single distributions.
/// Knows no session and no books: what it moves, the vault decides and writes down.
abstract contract OperatorPool is IStreamVault {
    /// Units are small integers, so that a rate loses less than 10,000 wei a second to Superfluid's rounding.
    uint256 public constant MAX_UNITS = 10_000;
    /// Keeps `setUnits` within a block: about 0.6 million gas for a new member.
    uint256 public constant MAX_MEMBERS = 32;

    bytes32 private constant AGREEMENT = keccak256("org.superfluid-finance.agreements.GeneralDistributionAgreement.v1");
    bytes32 private constant PPP_KEY =
        keccak256("org.superfluid-finance.agreements.ConstantFlowAgreement.v1.PPPConfiguration");
    bytes32 private constant MINIMUM_KEY = keccak256("org.superfluid-finance.superfluid.superTokenMinimumDeposit");

    ISuperToken public immutable usdcx;
    IPool public immutable pool;
    address public immutable accountImplementation;
    IHost internal immutable host;
    IDistributionAgreement internal immutable agreement;

    uint64 public unitsEpoch;
    address[] private listed;
    mapping(address member => uint64 epoch) private listedIn;

    constructor(address usdcx_) {
        usdcx = ISuperToken(usdcx_);
        host = IHost(usdcx.getHost());
        agreement = IDistributionAgreement(host.getAgreementClass(AGREEMENT));
        // Every session's account distributes, so the pool takes from any address; units stay the vault's to give.
        pool = IPool(agreement.createPool(usdcx_, address(this), PoolConfig(false, true)));
        accountImplementation =
            address(new SessionAccount(address(host), address(agreement), usdcx_, address(pool)));
    }

    /// The operators and their units, as last set.
    function members() external view returns (address[] memory accounts, uint128[] memory units) {
        accounts = listed;
        units = new uint128[](accounts.length);
        for (uint256 i = 0; i < accounts.length; i++) units[i] = pool.getUnits(accounts[i]);
    }

    /// What Superfluid locks while a stream of this rate runs, by its present governance; a little above the truth, because
    /// the real rate is rounded down.
    function bufferFor(uint96 rateWei) public view returns (uint256) {
        if (rateWei == 0) return 0;
        IGovernance governance = IGovernance(host.getGovernance());
        // Liquidation period in bits 32 to 63, as Superfluid packs it.
        uint256 seconds_ = uint32(governance.getConfigAsUint256(address(host), address(usdcx), PPP_KEY) >> 32);
        uint256 minimum = governance.getConfigAsUint256(address(host), address(usdcx), MINIMUM_KEY);
        uint256 byRate = uint256(rateWei) * seconds_;
        return byRate > minimum ? byRate : minimum;
    }

    /// False where the epoch is not new: then nothing changed.
    function _setUnits(uint64 epoch, address[] calldata accounts, uint128[] calldata units) internal returns (bool) {
        if (epoch <= unitsEpoch) {
            emit Superseded(bytes32(0), epoch, unitsEpoch);
            return false;
        }
        if (accounts.length != units.length || accounts.length > MAX_MEMBERS) revert UnitsInvalid(address(0));
        unitsEpoch = epoch;

        uint256 total = 0;
        for (uint256 i = 0; i < accounts.length; i++) {
            address member = accounts[i];
            // A zero in the list is a mistake (leaving it out says so plainly), and a member listed twice has no one meaning.
            if (units[i] == 0 || units[i] > MAX_UNITS || member == address(this) || listedIn[member] == epoch) {
                revert UnitsInvalid(member);
            }
            listedIn[member] = epoch;
            total += units[i];
        }
        if (total > MAX_UNITS) revert UnitsInvalid(address(0));

        // New units before old ones go: at a total of zero Superfluid would turn every live flow away from the pool for good.
        for (uint256 i = 0; i < accounts.length; i++) _giveUnits(accounts[i], units[i]);
        for (uint256 i = 0; i < listed.length; i++) {
            if (listedIn[listed[i]] != epoch) pool.updateMemberUnits(listed[i], 0);
        }
        listed = accounts;
        emit UnitsSet(epoch, accounts, units);
        return true;
    }

    function _giveUnits(address member, uint128 units) private {
        if (pool.getUnits(member) != units) pool.updateMemberUnits(member, units);
        if (agreement.isMemberConnected(address(pool), member)) return;
        bytes memory callData =
            abi.encodeCall(IDistributionAgreement.tryConnectPoolFor, (address(pool), member, new bytes(0)));
        // A member may have forbidden it, or have no free slot: then it claims by hand, and its money waits in the pool.
        try host.callAgreement(address(agreement), callData, new bytes(0)) {} catch {}
    }

    /// Pays out to the members by their units; `amountWei` must be a multiple of the units, or Superfluid rounds it down.
    function _distribute(uint256 amountWei) internal {
        bytes memory callData = abi.encodeCall(
            IDistributionAgreement.distribute,
            (address(usdcx), address(this), address(pool), amountWei, new bytes(0))
        );
        host.callAgreement(address(agreement), callData, new bytes(0));
        emit Distributed(amountWei);
    }

    /// What the account streams, and since when this is so.
    function _flowOf(address account) internal view returns (uint256 since, uint96 flowWei) {
        (uint256 lastUpdated, int96 rate,) = agreement.getFlow(address(usdcx), account, address(pool));
        return (lastUpdated, uint96(rate));
    }

    /// All that is the account's now, Superfluid's buffer included; below 0 once a stream outlived its money.
    function _holdings(address account) internal view returns (int256) {
        (int256 available, uint256 deposit,,) = usdcx.realtimeBalanceOfNow(account);
        return available + int256(deposit);
    }
}
