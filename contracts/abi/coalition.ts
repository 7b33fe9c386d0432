/**
 * Coalition as viem reads it, written by hand so that nothing need be compiled to talk to one; a test holds it equal to the
 * compiler's ABI. Amounts end in Atomic (USDC, 6 decimals); times are Unix seconds of the chain; `Until` is a window's last second.
 *
 * Beyond the plain list: anybody may send what others signed. Stakes and bonds are EIP-3009 ReceiveWithAuthorization, not Transfer.
 * A repeated consent of a proposal is passed over; every other command that is repeated is refused by name. `withdraw` of nothing
 * returns 0. `Consented` tells what a party brought along: their sum is all that was ever staked.
 */
import { parseAbi } from 'viem'

/** `State` as the contract counts it. */
export const coalitionStates = ['none', 'proposed', 'active', 'ended'] as const
/** `Verdict` as the contract counts it. */
export const coalitionVerdicts = ['open', 'guilty', 'innocent', 'undecided'] as const

export const coalitionAbi = parseAbi([
  'struct Config { address usdc; address owner; address treasury; uint16 quorum; uint96 bondAtomic; uint96 accuserCostAtomic; uint32 responseSeconds; uint32 voteSeconds; uint32 unbondingSeconds; uint32 maxTermSeconds; uint16[4] slashBps; }',
  'struct Party { address operator; uint16 firstLayer; uint16 endLayer; uint32 units; }',
  'struct Terms { bytes32 modelDigest; uint16 layers; address pool; address vault; uint96 pricePerSecondAtomic; uint96 stakeAtomic; uint64 proposalEndsAt; uint64 endsAt; uint32 version; uint256 id; bytes32 salt; Party[] parties; }',
  'struct Consent { address operator; bytes termsSignature; uint256 validAfter; uint256 validBefore; bytes stakeSignature; }',
  'struct Stake { uint96 amountAtomic; uint64 releasableAt; uint32 openDisputes; bool isMember; bool isGuilty; }',
  'struct Dispute { uint256 coalition; address accused; address accuser; uint8 reason; bytes32 session; bytes32 evidenceHash; bytes32 responseHash; uint96 bondAtomic; uint64 openedAt; uint64 respondUntil; uint64 voteUntil; uint32 version; uint16 quorum; uint16 guiltyVotes; uint16 innocentVotes; uint8 verdict; bool isSettled; }',
  'constructor(Config c)',

  // Parties'.
  'function propose(Terms terms, Consent[] consents) returns (uint256 id)',
  'function consent(uint256 id, Terms terms, Consent[] consents)',
  'function activate(uint256 id)',
  'function resplit(uint256 id, Terms terms, Consent[] consents)',
  'function leave(uint256 id, address operator, bytes signature)',
  'function end(uint256 id)',
  'function release(uint256 id, address operator)',
  'function withdraw(address account) returns (uint256 amountAtomic)',

  // Accusers', the accused's, auditors'.
  'function accuse(uint256 id, address accused, uint8 reason, bytes32 session, bytes32 evidenceHash, string evidenceUri, Consent bond, uint96 bondAtomic_) returns (uint256 dispute)',
  'function respond(uint256 dispute, bytes32 responseHash, string responseUri, bytes signature)',
  'function vote(uint256 dispute, bool isGuilty, address auditor, bytes signature)',
  'function close(uint256 dispute)',
  'function settle(uint256 dispute)',

  // The owner's.
  'function setAuditor(address auditor, bool isAllowed)',
  'function setQuorum(uint16 quorum_)',
  'function transferOwnership(address newOwner)',
  'function acceptOwnership()',
  'function renounceOwnership() view',

  'function termsHash(Terms terms) view returns (bytes32)',
  'function stakeNonce(bytes32 termsHash_, address operator) pure returns (bytes32)',
  'function bondNonce(uint256 id, address accused, uint8 reason, bytes32 session, bytes32 evidenceHash) pure returns (bytes32)',
  'function stateOf(uint256 id) view returns (uint8 state, uint32 version, bytes32 termsHash_, uint64 endsAt)',
  'function coalitionOf(bytes32 termsHash) view returns (uint256 id)',
  'function partiesOf(uint256 id) view returns (Party[])',
  'function stakeOf(uint256 id, address operator) view returns (Stake)',
  'function disputeOf(uint256 dispute) view returns (Dispute d)',
  'function creditOf(address account) view returns (uint256)',
  'function heldAtomic() view returns (uint256)',
  'function coalitionCount() view returns (uint256)',
  'function disputeCount() view returns (uint256)',
  'function config() view returns (Config c)',
  'function auditors() view returns (address[])',
  'function isAuditor(address account) view returns (bool)',
  'function quorum() view returns (uint16)',
  'function treasury() view returns (address)',
  'function usdc() view returns (address)',
  'function owner() view returns (address)',
  'function pendingOwner() view returns (address)',
  'function eip712Domain() view returns (bytes1 fields, string name, string version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] extensions)',

  'event Proposed(uint256 indexed id, bytes32 termsHash, address[] operators, uint96 stakeAtomic)',
  'event Consented(uint256 indexed id, address indexed operator, uint96 stakeAtomic)',
  'event Activated(uint256 indexed id)',
  'event Resplit(uint256 indexed id, uint32 version, bytes32 termsHash, address[] operators)',
  'event Left(uint256 indexed id, address indexed operator, uint64 releasableAt)',
  'event Released(uint256 indexed id, address indexed operator, uint96 amountAtomic)',
  'event Ended(uint256 indexed id)',
  'event Accused(uint256 indexed dispute, uint256 indexed id, address indexed accused, address accuser, uint8 reason, bytes32 session, bytes32 evidenceHash, string evidenceUri)',
  'event Responded(uint256 indexed dispute, bytes32 responseHash, string responseUri)',
  'event Voted(uint256 indexed dispute, address indexed auditor, bool isGuilty)',
  'event Decided(uint256 indexed dispute, uint8 verdict)',
  'event Slashed(uint256 indexed dispute, uint256 indexed id, address indexed accused, uint96 slashedAtomic, uint96 toPayerAtomic, uint96 toAccuserAtomic, uint96 toMembersAtomic, uint96 toTreasuryAtomic)',
  'event BondReturned(uint256 indexed dispute, address indexed accuser, uint96 amountAtomic)',
  'event BondForfeited(uint256 indexed dispute, uint96 toAccusedAtomic, uint96 toTreasuryAtomic)',
  'event Credited(address indexed account, uint256 amountAtomic)',
  'event Withdrawn(address indexed account, uint256 amountAtomic)',
  'event AuditorSet(address indexed auditor, bool isAuditor)',
  'event QuorumSet(uint16 quorum)',
  'event OwnershipTransferStarted(address indexed previousOwner, address indexed newOwner)',
  'event OwnershipTransferred(address indexed previousOwner, address indexed newOwner)',
  'event EIP712DomainChanged()',

  'error ConfigInvalid()',
  'error OwnerNeeded()',
  'error ProposalExists(uint256 id)',
  'error PartyGuilty(address operator)',
  'error MembersTooFew(uint256 id, uint256 staying, uint256 members)',
  'error TermsInvalid()',
  'error TermsVersionWrong(uint32 expected, uint32 given)',
  'error StakeZero()',
  'error StateWrong(uint256 id, uint8 state)',
  'error TooLate(uint64 until)',
  'error TooEarly(uint64 until)',
  'error SignatureInvalid(address signer)',
  'error ConsentMissing(address operator)',
  'error NotMember(uint256 id, address account)',
  'error NotParty(address account)',
  'error NotAuditor(address account)',
  'error AlreadyVoted(uint256 dispute, address auditor)',
  'error AuditorInvolved(uint256 dispute, address auditor)',
  'error DisputeUnknown(uint256 dispute)',
  'error DisputeDecided(uint256 dispute)',
  'error DisputeOpen(uint256 dispute)',
  'error DisputesOpen(uint256 id, address operator)',
  'error BondTooSmall(uint96 bondAtomic, uint96 leastAtomic)',
  'error SelfAccusation()',
  'error BreachPunished(uint256 dispute)',
  'error NothingToRelease(uint256 id, address operator)',
  'error TransferShort(uint256 expected, uint256 received)',
  'error OwnableInvalidOwner(address owner)',
  'error OwnableUnauthorizedAccount(address account)',
  'error ReentrancyGuardReentrantCall()',
  'error SafeERC20FailedOperation(address token)',
  'error InvalidShortString()',
  'error StringTooLong(string str)',
])
