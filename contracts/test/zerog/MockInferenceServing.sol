// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IMockServing, MockLedger} from "./MockLedger.sol";

/// Stands in for 0G Compute's serving contract in tests: its functions, events and errors to the selector, and the rules that a provider
/// meets. Written from its ABI; it is no copy, keeps its storage otherwise, and is never deployed where money is real.
contract MockInferenceServing is EIP712 {
    struct ServiceParams {
        string serviceType;
        string url;
        string model;
        string verifiability;
        uint256 inputPrice;
        uint256 outputPrice;
        string additionalInfo;
        address teeSignerAddress;
    }

    struct Service {
        address provider;
        string serviceType;
        string url;
        uint256 inputPrice;
        uint256 outputPrice;
        uint256 updatedAt;
        string model;
        string verifiability;
        string additionalInfo;
        address teeSignerAddress;
        bool teeSignerAcknowledged;
    }

    struct Refund {
        uint256 index;
        uint256 amount;
        uint256 createdAt;
        bool processed;
    }

    struct Account {
        address user;
        address provider;
        uint256 nonce;
        uint256 balance;
        uint256 pendingRefund;
        Refund[] refunds;
        string additionalInfo;
        bool acknowledged;
        uint256 validRefundsLength;
        uint256 generation;
        uint256 revokedBitmap;
    }

    struct TEESettlementData {
        address user;
        address provider;
        uint256 totalFee;
        bytes32 requestsHash;
        uint256 nonce;
        bytes signature;
    }

    enum SettlementStatus {
        SUCCESS,
        PARTIAL,
        PROVIDER_MISMATCH,
        NO_TEE_SIGNER,
        INVALID_NONCE,
        INVALID_SIGNATURE
    }

    event ServiceUpdated(
        address indexed service,
        string serviceType,
        string url,
        uint256 inputPrice,
        uint256 outputPrice,
        uint256 updatedAt,
        string model,
        string verifiability
    );
    event ServiceRemoved(address indexed service);
    event ProviderStaked(address indexed provider, uint256 amount);
    event ProviderStakeReturned(address indexed provider, uint256 amount);
    event ProviderTEESignerAcknowledged(address indexed provider, address indexed teeSignerAddress, bool acknowledged);
    event TEESettlementResult(address indexed user, SettlementStatus status, uint256 unsettledAmount);
    event BalanceUpdated(address indexed user, address indexed provider, uint256 amount, uint256 pendingRefund);
    event RefundRequested(address indexed user, address indexed provider, uint256 indexed index, uint256 timestamp);
    event TokenRevoked(address indexed user, address indexed provider, uint8 tokenId);
    event AllTokensRevoked(address indexed user, address indexed provider, uint256 newGeneration);

    error CallerNotLedger(address caller);
    error LimitTooLarge(uint256 limit, uint256 max);
    error TransferFailed();
    error CannotAddStakeWhenUpdating();
    error InsufficientStake(uint256 provided, uint256 required);
    error NoSettlementsProvided();
    error TooManySettlements(uint256 count, uint256 max);
    error ProviderCannotBeUser();
    error ServiceNotExist(address provider);
    error AdditionalInfoTooLong();
    error AccountNotExists(address user, address provider);
    error AccountExists(address user, address provider);
    error CannotRevokeWithNonZeroBalance(address user, address provider, uint256 balance);

    bytes32 private constant SETTLEMENT = keccak256(
        "TEESettlement(bytes32 requestsHash,uint256 nonce,address provider,address user,uint256 totalFee)"
    );
    uint256 public constant MIN_PROVIDER_STAKE = 100 ether;

    address public immutable owner;
    MockLedger public immutable ledger;
    uint256 public immutable lockTime;

    address[] private _providers;
    mapping(address provider => Service) private _services;
    mapping(address provider => uint256) private _stakes;
    mapping(address user => mapping(address provider => Account)) private _accounts;

    constructor(address owner_, uint256 lockTime_) EIP712("0G Inference Serving", "1") {
        owner = owner_;
        lockTime = lockTime_;
        ledger = new MockLedger(IMockServing(address(this)));
    }

    modifier onlyOwner() {
        require(msg.sender == owner, "Ownable: caller is not the owner");
        _;
    }

    modifier onlyLedger() {
        if (msg.sender != address(ledger)) revert CallerNotLedger(msg.sender);
        _;
    }

    // Providers'.

    function addOrUpdateService(ServiceParams calldata params) external payable {
        if (_stakes[msg.sender] > 0) {
            if (msg.value != 0) revert CannotAddStakeWhenUpdating();
        } else {
            if (msg.value < MIN_PROVIDER_STAKE) revert InsufficientStake(msg.value, MIN_PROVIDER_STAKE);
            _stakes[msg.sender] = msg.value;
            emit ProviderStaked(msg.sender, msg.value);
        }
        if (bytes(params.additionalInfo).length > 4096) revert AdditionalInfoTooLong();
        Service storage kept = _services[msg.sender];
        bool isNew = kept.provider == address(0);
        if (isNew) _providers.push(msg.sender);
        bool isKept = !isNew && kept.teeSignerAcknowledged && kept.teeSignerAddress == params.teeSignerAddress
            && _isSame(kept.serviceType, params.serviceType) && _isSame(kept.model, params.model)
            && _isSame(kept.verifiability, params.verifiability) && _isSame(kept.additionalInfo, params.additionalInfo);
        kept.provider = msg.sender;
        kept.serviceType = params.serviceType;
        kept.url = params.url;
        kept.inputPrice = params.inputPrice;
        kept.outputPrice = params.outputPrice;
        kept.updatedAt = block.timestamp;
        kept.model = params.model;
        kept.verifiability = params.verifiability;
        kept.additionalInfo = params.additionalInfo;
        kept.teeSignerAddress = params.teeSignerAddress;
        kept.teeSignerAcknowledged = isKept;
        emit ServiceUpdated(
            msg.sender,
            params.serviceType,
            params.url,
            params.inputPrice,
            params.outputPrice,
            block.timestamp,
            params.model,
            params.verifiability
        );
    }

    function removeService() external {
        _requireService(msg.sender);
        delete _services[msg.sender];
        for (uint256 i = 0; i < _providers.length; i++) {
            if (_providers[i] != msg.sender) continue;
            _providers[i] = _providers[_providers.length - 1];
            _providers.pop();
            break;
        }
        uint256 stake = _stakes[msg.sender];
        _stakes[msg.sender] = 0;
        emit ProviderStakeReturned(msg.sender, stake);
        emit ServiceRemoved(msg.sender);
        _pay(msg.sender, stake);
    }

    function settleFeesWithTEE(TEESettlementData[] calldata settlements) external returns (uint8[] memory statuses) {
        _requireBatch(settlements.length);
        statuses = new uint8[](settlements.length);
        uint256 total;
        for (uint256 i = 0; i < settlements.length; i++) {
            TEESettlementData calldata one = settlements[i];
            (SettlementStatus status, uint256 unsettled) = _judge(one);
            statuses[i] = uint8(status);
            emit TEESettlementResult(one.user, status, unsettled);
            if (status > SettlementStatus.PARTIAL) continue;
            Account storage account = _accounts[one.user][msg.sender];
            account.nonce = one.nonce;
            total += _spend(account, one.totalFee - unsettled);
        }
        if (total > 0) _pay(msg.sender, total);
    }

    function previewSettlementResults(TEESettlementData[] calldata settlements)
        external
        view
        returns (
            address[] memory failedUsers,
            SettlementStatus[] memory failureReasons,
            address[] memory partialUsers,
            uint256[] memory partialAmounts
        )
    {
        uint256 count = settlements.length;
        _requireBatch(count);
        (failedUsers, failureReasons) = (new address[](count), new SettlementStatus[](count));
        (partialUsers, partialAmounts) = (new address[](count), new uint256[](count));
        (uint256 failed, uint256 partials) = (0, 0);
        for (uint256 i = 0; i < count; i++) {
            (SettlementStatus status, uint256 unsettled) = _judge(settlements[i]);
            if (status == SettlementStatus.SUCCESS) continue;
            if (status == SettlementStatus.PARTIAL) {
                (partialUsers[partials], partialAmounts[partials]) = (settlements[i].user, unsettled);
                partials++;
                continue;
            }
            (failedUsers[failed], failureReasons[failed]) = (settlements[i].user, status);
            failed++;
        }
        assembly {
            mstore(failedUsers, failed)
            mstore(failureReasons, failed)
            mstore(partialUsers, partials)
            mstore(partialAmounts, partials)
        }
    }

    // 0G's team's.

    function acknowledgeTEESignerByOwner(address provider) external onlyOwner {
        _setAcknowledged(provider, true);
    }

    function revokeTEESignerAcknowledgement(address provider) external onlyOwner {
        _setAcknowledged(provider, false);
    }

    // Users'.

    function acknowledgeTEESigner(address provider, bool acknowledged) external {
        Account storage account = _account(msg.sender, provider);
        if (account.acknowledged && !acknowledged && account.balance != 0) {
            revert CannotRevokeWithNonZeroBalance(msg.sender, provider, account.balance);
        }
        account.acknowledged = acknowledged;
    }

    function revokeToken(address provider, uint8 tokenId) external {
        _account(msg.sender, provider).revokedBitmap |= uint256(1) << tokenId;
        emit TokenRevoked(msg.sender, provider, tokenId);
    }

    function revokeAllTokens(address provider) external {
        Account storage account = _account(msg.sender, provider);
        account.generation++;
        account.revokedBitmap = 0;
        emit AllTokensRevoked(msg.sender, provider, account.generation);
    }

    // The ledger's.

    function addAccount(address user, address provider, string calldata additionalInfo) external payable onlyLedger {
        if (user == provider) revert ProviderCannotBeUser();
        Account storage account = _accounts[user][provider];
        if (account.user != address(0)) revert AccountExists(user, provider);
        account.user = user;
        account.provider = provider;
        account.balance = msg.value;
        account.additionalInfo = additionalInfo;
        account.acknowledged = true;
        emit BalanceUpdated(user, provider, account.balance, 0);
    }

    function depositFund(address user, address provider, uint256) external payable onlyLedger {
        Account storage account = _account(user, provider);
        account.balance += msg.value;
        account.acknowledged = true;
        emit BalanceUpdated(user, provider, account.balance, account.pendingRefund);
    }

    function requestRefundAll(address user, address provider) external onlyLedger {
        Account storage account = _account(user, provider);
        uint256 amount = account.balance - account.pendingRefund;
        if (amount == 0) return;
        uint256 index = account.refunds.length;
        account.refunds.push(Refund(index, amount, block.timestamp, false));
        account.validRefundsLength = index + 1;
        account.pendingRefund += amount;
        emit RefundRequested(user, provider, index, block.timestamp);
    }

    function processRefund(address user, address provider)
        external
        onlyLedger
        returns (uint256 totalAmount, uint256 balance, uint256 pendingRefund)
    {
        Account storage account = _account(user, provider);
        for (uint256 i = 0; i < account.refunds.length; i++) {
            Refund storage refund = account.refunds[i];
            if (block.timestamp < refund.createdAt + lockTime) continue;
            totalAmount += refund.amount;
            refund.amount = 0;
        }
        account.balance -= totalAmount;
        account.pendingRefund -= totalAmount;
        (balance, pendingRefund) = (account.balance, account.pendingRefund);
        if (totalAmount == 0) return (0, balance, pendingRefund);
        emit BalanceUpdated(user, provider, balance, pendingRefund);
        _pay(msg.sender, totalAmount);
    }

    // Reading.

    function ledgerAddress() external view returns (address) {
        return address(ledger);
    }

    function getService(address provider) external view returns (Service memory) {
        _requireService(provider);
        return _services[provider];
    }

    function serviceExists(address provider) external view returns (bool) {
        return _services[provider].provider != address(0);
    }

    function getAllServices(uint256 offset, uint256 limit) external view returns (Service[] memory services, uint256 total) {
        if (limit > 50) revert LimitTooLarge(limit, 50);
        total = _providers.length;
        uint256 end = offset + (limit == 0 ? 50 : limit);
        if (end > total) end = total;
        if (offset >= end) return (new Service[](0), total);
        services = new Service[](end - offset);
        for (uint256 i = offset; i < end; i++) services[i - offset] = _services[_providers[i]];
    }

    function getAccount(address user, address provider) external view returns (Account memory) {
        return _account(user, provider);
    }

    function accountExists(address user, address provider) external view returns (bool) {
        return _accounts[user][provider].user != address(0);
    }

    function isTokenRevoked(address user, address provider, uint8 tokenId) external view returns (bool) {
        return _account(user, provider).revokedBitmap & (uint256(1) << tokenId) != 0;
    }

    /// Ours, for the test that holds TypeScript's digest to it.
    function settlementDigest(TEESettlementData calldata one) external view returns (bytes32) {
        return _digest(one);
    }

    function _judge(TEESettlementData calldata one) private view returns (SettlementStatus, uint256 unsettled) {
        Account storage account = _accounts[one.user][msg.sender];
        Service storage service = _services[msg.sender];
        uint256 all = one.totalFee;
        if (one.provider != msg.sender) return (SettlementStatus.PROVIDER_MISMATCH, all);
        if (account.user == address(0)) return (SettlementStatus.INVALID_SIGNATURE, all);
        if (service.provider == address(0)) return (SettlementStatus.PROVIDER_MISMATCH, all);
        address signer = service.teeSignerAddress;
        if (!account.acknowledged || !service.teeSignerAcknowledged || signer == address(0)) {
            return (SettlementStatus.NO_TEE_SIGNER, all);
        }
        if (account.nonce >= one.nonce) return (SettlementStatus.INVALID_NONCE, all);
        (address found, ECDSA.RecoverError problem,) = ECDSA.tryRecover(_digest(one), one.signature);
        if (problem != ECDSA.RecoverError.NoError || found != signer) return (SettlementStatus.INVALID_SIGNATURE, all);
        if (all <= account.balance) return (SettlementStatus.SUCCESS, 0);
        return (SettlementStatus.PARTIAL, all - account.balance);
    }

    function _digest(TEESettlementData calldata one) private view returns (bytes32) {
        bytes memory fields = abi.encode(SETTLEMENT, one.requestsHash, one.nonce, one.provider, one.user, one.totalFee);
        return _hashTypedDataV4(keccak256(fields));
    }

    /// A refund that was asked for and not paid out yet still pays fees, the newest first.
    function _spend(Account storage account, uint256 amount) private returns (uint256) {
        if (amount == 0) return 0;
        uint256 free = account.balance - account.pendingRefund;
        uint256 short = amount > free ? amount - free : 0;
        account.pendingRefund -= short;
        for (uint256 i = account.refunds.length; i > 0 && short > 0; i--) {
            Refund storage refund = account.refunds[i - 1];
            uint256 part = refund.amount < short ? refund.amount : short;
            refund.amount -= part;
            short -= part;
        }
        account.balance -= amount;
        ledger.spendFund(account.user, amount);
        emit BalanceUpdated(account.user, msg.sender, account.balance, account.pendingRefund);
        return amount;
    }

    function _setAcknowledged(address provider, bool isIt) private {
        _requireService(provider);
        _services[provider].teeSignerAcknowledged = isIt;
        emit ProviderTEESignerAcknowledged(provider, _services[provider].teeSignerAddress, isIt);
    }

    function _account(address user, address provider) private view returns (Account storage account) {
        account = _accounts[user][provider];
        if (account.user == address(0)) revert AccountNotExists(user, provider);
    }

    function _requireService(address provider) private view {
        if (_services[provider].provider == address(0)) revert ServiceNotExist(provider);
    }

    function _requireBatch(uint256 count) private pure {
        if (count == 0) revert NoSettlementsProvided();
        if (count > 50) revert TooManySettlements(count, 50);
    }

    function _isSame(string storage one, string calldata other) private pure returns (bool) {
        return keccak256(bytes(one)) == keccak256(bytes(other));
    }

    function _pay(address to, uint256 amount) private {
        (bool isPaid,) = to.call{value: amount}("");
        if (!isPaid) revert TransferFailed();
    }
}
