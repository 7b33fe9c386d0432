// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// The vault's data, events and refusals. Atomic is USDC's smallest unit (6 decimals), wei is USDCx's (18 decimals).
interface IStreamVault {
    struct Config {
        /// The wrapped USDC; host, agreement and USDC are read from it.
        address usdcx;
        address owner;
        address settler;
        address keeper;
        uint256 pricePerSecondAtomic;
        /// Longest time a stream runs without being renewed.
        uint32 maxLeaseSeconds;
        /// Longest life of a session; afterwards anyone may end it.
        uint32 maxSessionSeconds;
        /// Seconds a command that changes a stream may be late without the operators losing them.
        uint32 slackSeconds;
    }

    /// An EIP-3009 TransferWithAuthorization to this vault.
    struct Voucher {
        address payer;
        uint256 value;
        uint256 validAfter;
        uint256 validBefore;
        bytes32 nonce;
        bytes signature;
    }

    enum State {
        Unknown,
        Open,
        Streaming,
        Closed
    }

    struct Session {
        address payer;
        uint256 capAtomic;
        uint256 pricePerSecondAtomic;
        /// What the session owes the operators in total, as of the last command.
        uint256 dueAtomic;
        uint256 refundedAtomic;
        /// Rate that was asked for; Superfluid's own is smaller by less than the pool's units.
        uint96 rateWei;
        uint64 startedAt;
        uint64 leaseUntil;
        uint64 expiresAt;
        uint64 epoch;
        State state;
        /// Where the session's clone lies, or will lie once it streams.
        address account;
    }

    event SessionOpened(
        bytes32 indexed id,
        address indexed payer,
        uint256 capAtomic,
        uint256 pricePerSecondAtomic,
        bytes32 nonce,
        bool adopted
    );
    /// `flowWei` is the rate that Superfluid really pays, `rateWei` the one asked for.
    event StreamSet(
        bytes32 indexed id,
        uint64 epoch,
        uint96 rateWei,
        uint96 flowWei,
        uint64 leaseUntil,
        uint256 dueAtomic
    );
    /// A command came too late and did nothing. `id` is zero for units.
    event Superseded(bytes32 indexed id, uint64 epoch, uint64 currentEpoch);
    /// A command asked for a due outside the chain's own bounds; `boundedAtomic` is what counts.
    event DueBounded(bytes32 indexed id, uint256 askedAtomic, uint256 boundedAtomic);
    /// `by` is the vault itself where the session was reaped.
    event SessionClosed(bytes32 indexed id, uint256 dueAtomic, uint256 refundedAtomic, address by);
    event Distributed(uint256 amountWei);
    /// Streamed after the lease was over: the reserve's, never the payer's.
    event Overrun(bytes32 indexed id, uint256 amountWei);
    /// A session's account held more (a gift) or less (a liquidation) than the books; the reserve takes either.
    event AccountAdjusted(bytes32 indexed id, int256 amountWei);
    event DebtLeft(bytes32 indexed id, uint256 amountWei);
    event DebtCovered(bytes32 indexed id, uint256 amountWei);
    event RefundHeld(bytes32 indexed id, address indexed payer, uint256 amountAtomic);
    event RefundClaimed(address indexed payer, address to, uint256 amountAtomic);
    event ReapFailed(bytes32 indexed id);
    event UnitsSet(uint64 epoch, address[] members, uint128[] units);
    event ReserveFunded(address indexed from, uint256 amountAtomic);
    event ReserveWithdrawn(address indexed to, uint256 amountAtomic);
    event PriceSet(uint256 pricePerSecondAtomic);
    event SettlerSet(address indexed account, bool allowed);
    event KeeperSet(address indexed account, bool allowed);

    error AmountInvalid(uint256 amountAtomic);
    error AuthorizationUnused(address payer, bytes32 nonce);
    error ConfigInvalid();
    error GasTooLow();
    error NoUnits();
    error NotExpired(bytes32 id);
    error NotKeeper(address account);
    error NotSettler(address account);
    error OwnerNeeded();
    error PriceInvalid(uint256 pricePerSecondAtomic);
    error RateNotAllowed(uint96 rateWei, uint256 stepWei);
    error ReserveTooSmall(int256 freeWei);
    error SessionExists(bytes32 id);
    error SessionUnknown(bytes32 id);
    error SignatureInvalid();
    error TransferShort(uint256 expected, uint256 received);
    error UnallocatedTooSmall(uint256 unallocatedAtomic, uint256 wantedAtomic);
    error UnitsInvalid(address member);
}
