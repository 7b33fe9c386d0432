/**
 * What we use of 0G Compute's serving contract, as viem reads it, written by hand from its deployed ABI: true of 0G's own and of the mock
 * that tests deploy. Money is in neuron (1e-18 0G); a price is for one token.
 *
 * `getService` and `getAccount` revert where there is none. A settlement's status is told per item and reverts nothing: see
 * `settlementStatuses`. A nonce counts for one user and one provider, and grows.
 */
import { parseAbi } from 'viem'

export const inferenceServingAbi = parseAbi([
  'struct ServiceParams { string serviceType; string url; string model; string verifiability; uint256 inputPrice; uint256 outputPrice; string additionalInfo; address teeSignerAddress; }',
  'struct Service { address provider; string serviceType; string url; uint256 inputPrice; uint256 outputPrice; uint256 updatedAt; string model; string verifiability; string additionalInfo; address teeSignerAddress; bool teeSignerAcknowledged; }',
  'struct Refund { uint256 index; uint256 amount; uint256 createdAt; bool processed; }',
  'struct Account { address user; address provider; uint256 nonce; uint256 balance; uint256 pendingRefund; Refund[] refunds; string additionalInfo; bool acknowledged; uint256 validRefundsLength; uint256 generation; uint256 revokedBitmap; }',
  'struct TEESettlementData { address user; address provider; uint256 totalFee; bytes32 requestsHash; uint256 nonce; bytes signature; }',

  // Providers'.
  'function addOrUpdateService(ServiceParams params) payable',
  'function removeService()',
  'function settleFeesWithTEE(TEESettlementData[] settlements) returns (uint8[] statuses)',
  'function previewSettlementResults(TEESettlementData[] settlements) view returns (address[] failedUsers, uint8[] failureReasons, address[] partialUsers, uint256[] partialAmounts)',

  // 0G's team's.
  'function acknowledgeTEESignerByOwner(address provider)',
  'function revokeTEESignerAcknowledgement(address provider)',

  // Users'.
  'function acknowledgeTEESigner(address provider, bool acknowledged)',
  'function revokeToken(address provider, uint8 tokenId)',
  'function revokeAllTokens(address provider)',

  // Reading.
  'function getService(address provider) view returns (Service)',
  'function getAllServices(uint256 offset, uint256 limit) view returns (Service[] services, uint256 total)',
  'function serviceExists(address provider) view returns (bool)',
  'function getAccount(address user, address provider) view returns (Account)',
  'function accountExists(address user, address provider) view returns (bool)',
  'function isTokenRevoked(address user, address provider, uint8 tokenId) view returns (bool)',
  'function MIN_PROVIDER_STAKE() view returns (uint256)',
  'function ledgerAddress() view returns (address)',

  'event ServiceUpdated(address indexed service, string serviceType, string url, uint256 inputPrice, uint256 outputPrice, uint256 updatedAt, string model, string verifiability)',
  'event ServiceRemoved(address indexed service)',
  'event ProviderStaked(address indexed provider, uint256 amount)',
  'event ProviderStakeReturned(address indexed provider, uint256 amount)',
  'event ProviderTEESignerAcknowledged(address indexed provider, address indexed teeSignerAddress, bool acknowledged)',
  'event TEESettlementResult(address indexed user, uint8 status, uint256 unsettledAmount)',
  'event BalanceUpdated(address indexed user, address indexed provider, uint256 amount, uint256 pendingRefund)',
  'event TokenRevoked(address indexed user, address indexed provider, uint8 tokenId)',
  'event AllTokensRevoked(address indexed user, address indexed provider, uint256 newGeneration)',

  'error LimitTooLarge(uint256 limit, uint256 max)',
  'error TransferFailed()',
  'error CannotAddStakeWhenUpdating()',
  'error InsufficientStake(uint256 provided, uint256 required)',
  'error NoSettlementsProvided()',
  'error TooManySettlements(uint256 count, uint256 max)',
  'error ProviderCannotBeUser()',
  'error ServiceNotExist(address provider)',
  'error AdditionalInfoTooLong()',
  'error AccountNotExists(address user, address provider)',
  'error CannotRevokeWithNonZeroBalance(address user, address provider, uint256 balance)',
])

/** By the contract's numbers. `partial` took what the user had, and used the nonce; of the four others nothing moved. */
export const settlementStatuses = [
  'success',
  'partial',
  'provider-mismatch',
  'no-tee-signer',
  'invalid-nonce',
  'invalid-signature',
] as const
