/**
 * StreamVault as viem reads it, written by hand so that nothing need be compiled to talk to a vault; a test holds it equal to
 * the compiler's ABI. Amounts end in Atomic (USDC, 6 decimals) or Wei (USDCx, 18); times are Unix seconds of the chain.
 *
 * Beyond the plain list: `owedWei` is signed (above 0 the operators are owed it, below 0 they were prepaid it, see `prepaidWei`);
 * a refund that USDC refuses waits in `claimableAtomic`; `set`, `close` and `end` never fail on a session that is closed
 * already, and `set` with a lease that is over, or a cap that is spent, is a stop. A due outside the chain's bounds is cut to
 * them (`DueBounded`), so a retry cannot get stuck: read the due from `session(id)` or from `SessionClosed`.
 */
import { parseAbi } from 'viem'

/** `Session.state` as the contract counts it. */
export const vaultSessionStates = ['unknown', 'open', 'streaming', 'closed'] as const

export const streamVaultAbi = parseAbi([
  'struct Config { address usdcx; address owner; address settler; address keeper; uint256 pricePerSecondAtomic; uint32 maxLeaseSeconds; uint32 maxSessionSeconds; uint32 slackSeconds; }',
  'struct Voucher { address payer; uint256 value; uint256 validAfter; uint256 validBefore; bytes32 nonce; bytes signature; }',
  'struct Session { address payer; uint256 capAtomic; uint256 pricePerSecondAtomic; uint256 dueAtomic; uint256 refundedAtomic; uint96 rateWei; uint64 startedAt; uint64 leaseUntil; uint64 expiresAt; uint64 epoch; uint8 state; address account; }',
  'constructor(Config config)',

  // The settler's: one EIP-3009 authorization is one session.
  'function open(Voucher v) returns (bytes32 id)',
  'function adopt(Voucher v) returns (bytes32 id)',

  // The keeper's: absolute targets with an epoch.
  'function set(bytes32 id, uint64 epoch, uint96 rateWei, uint64 leaseUntil, uint256 dueAtomic)',
  'function close(bytes32 id, uint64 epoch, uint256 dueAtomic)',
  'function setUnits(uint64 epoch, address[] accounts, uint128[] units)',

  // Anyone's, within the rules; end before the lease is over is the payer's alone.
  'function end(bytes32 id)',
  'function reap(bytes32[] ids)',
  'function claimRefund(address to)',
  'function cover(bytes32 id)',
  'function fundReserve(uint256 amountAtomic)',

  // The owner's.
  'function withdrawReserve(uint256 amountAtomic, address to)',
  'function setPrice(uint256 priceAtomic)',
  'function setSettler(address account, bool allowed)',
  'function setKeeper(address account, bool allowed)',
  'function transferOwnership(address newOwner)',
  'function acceptOwnership()',
  'function renounceOwnership() view',

  'function session(bytes32 id) view returns (Session)',
  'function sessionIdOf(address payer, bytes32 nonce) pure returns (bytes32)',
  'function accountOf(bytes32 id) view returns (address)',
  'function expired(uint256 max) view returns (bytes32[] ids)',
  'function liveSessions(uint256 start, uint256 max) view returns (bytes32[] ids)',
  'function liveCount() view returns (uint256)',
  'function liveRateWei() view returns (uint256)',
  'function members() view returns (address[] accounts, uint128[] units)',
  'function unitsEpoch() view returns (uint64)',
  'function reserveWei() view returns (int256)',
  'function reserveLockedWei() view returns (uint256)',
  'function reserveFreeWei() view returns (uint256)',
  'function prepaidWei() view returns (uint256)',
  'function owedWei() view returns (int256)',
  'function debtWei() view returns (uint256)',
  'function bufferFor(uint96 rateWei) view returns (uint256)',
  'function lockFor(uint96 rateWei) view returns (uint256)',
  'function claimableAtomic(address payer) view returns (uint256)',
  'function unallocatedAtomic() view returns (uint256)',
  'function pricePerSecondAtomic() view returns (uint256)',
  'function maxLeaseSeconds() view returns (uint32)',
  'function maxSessionSeconds() view returns (uint32)',
  'function slackSeconds() view returns (uint32)',
  'function isSettler(address account) view returns (bool)',
  'function isKeeper(address account) view returns (bool)',
  'function owner() view returns (address)',
  'function pendingOwner() view returns (address)',
  'function pool() view returns (address)',
  'function usdc() view returns (address)',
  'function usdcx() view returns (address)',
  'function accountImplementation() view returns (address)',
  'function MAX_MEMBERS() view returns (uint256)',
  'function MAX_RUNNING() view returns (uint256)',
  'function MAX_UNITS() view returns (uint256)',

  'event SessionOpened(bytes32 indexed id, address indexed payer, uint256 capAtomic, uint256 pricePerSecondAtomic, bytes32 nonce, bool adopted)',
  'event StreamSet(bytes32 indexed id, uint64 epoch, uint96 rateWei, uint96 flowWei, uint64 leaseUntil, uint256 dueAtomic)',
  'event Superseded(bytes32 indexed id, uint64 epoch, uint64 currentEpoch)',
  'event DueBounded(bytes32 indexed id, uint256 askedAtomic, uint256 boundedAtomic)',
  'event SessionClosed(bytes32 indexed id, uint256 dueAtomic, uint256 refundedAtomic, address by)',
  'event Distributed(uint256 amountWei)',
  'event Overrun(bytes32 indexed id, uint256 amountWei)',
  'event AccountAdjusted(bytes32 indexed id, int256 amountWei)',
  'event DebtLeft(bytes32 indexed id, uint256 amountWei)',
  'event DebtCovered(bytes32 indexed id, uint256 amountWei)',
  'event RefundHeld(bytes32 indexed id, address indexed payer, uint256 amountAtomic)',
  'event RefundClaimed(address indexed payer, address to, uint256 amountAtomic)',
  'event ReapFailed(bytes32 indexed id)',
  'event UnitsSet(uint64 epoch, address[] members, uint128[] units)',
  'event ReserveFunded(address indexed from, uint256 amountAtomic)',
  'event ReserveWithdrawn(address indexed to, uint256 amountAtomic)',
  'event PriceSet(uint256 pricePerSecondAtomic)',
  'event SettlerSet(address indexed account, bool allowed)',
  'event KeeperSet(address indexed account, bool allowed)',
  'event OwnershipTransferStarted(address indexed previousOwner, address indexed newOwner)',
  'event OwnershipTransferred(address indexed previousOwner, address indexed newOwner)',

  'error AmountInvalid(uint256 amountAtomic)',
  'error AuthorizationUnused(address payer, bytes32 nonce)',
  'error ConfigInvalid()',
  'error GasTooLow()',
  'error NoUnits()',
  'error NotExpired(bytes32 id)',
  'error NotKeeper(address account)',
  'error NotSettler(address account)',
  'error OwnerNeeded()',
  'error PriceInvalid(uint256 pricePerSecondAtomic)',
  'error RateNotAllowed(uint96 rateWei, uint256 stepWei)',
  'error ReserveTooSmall(int256 freeWei)',
  'error SessionExists(bytes32 id)',
  'error SessionUnknown(bytes32 id)',
  'error SignatureInvalid()',
  'error TransferShort(uint256 expected, uint256 received)',
  'error UnallocatedTooSmall(uint256 unallocatedAtomic, uint256 wantedAtomic)',
  'error UnitsInvalid(address member)',
  'error OwnableInvalidOwner(address owner)',
  'error OwnableUnauthorizedAccount(address account)',
  'error ReentrancyGuardReentrantCall()',
  'error SafeERC20FailedOperation(address token)',
  'error FailedDeployment()',
  'error InsufficientBalance(uint256 balance, uint256 needed)',
  'error SafeCastOverflowedUintDowncast(uint8 bits, uint256 value)',
  'error SafeCastOverflowedIntDowncast(uint8 bits, int256 value)',
  'error SafeCastOverflowedIntToUint(int256 value)',
  'error SafeCastOverflowedUintToInt(uint256 value)',
])
