/**
 * What the plugin calls of the Coalition contract, and every error that it can refuse with, as a JSON ABI. A lone output goes without a
 * name: then a read's `result` is the value itself. A test holds it equal to the contract's own.
 */

interface Parameter {
  readonly name: string
  readonly type: string
  readonly components?: readonly Parameter[]
}

const structs: Record<string, string> = {
  Party: 'address operator, uint16 firstLayer, uint16 endLayer, uint32 units',
  Terms:
    'bytes32 modelDigest, uint16 layers, address pool, address vault, uint96 pricePerSecondAtomic, uint96 stakeAtomic, ' +
    'uint64 proposalEndsAt, uint64 endsAt, uint32 version, uint256 id, bytes32 salt, Party[] parties',
  Consent: 'address operator, bytes termsSignature, uint256 validAfter, uint256 validBefore, bytes stakeSignature',
  Stake: 'uint96 amountAtomic, uint64 releasableAt, uint32 openDisputes, bool isMember, bool isGuilty',
  Dispute:
    'uint256 coalition, address accused, address accuser, uint8 reason, bytes32 session, bytes32 evidenceHash, bytes32 responseHash, ' +
    'uint96 bondAtomic, uint64 openedAt, uint64 respondUntil, uint64 voteUntil, uint32 version, uint16 quorum, uint16 guiltyVotes, ' +
    'uint16 innocentVotes, uint8 verdict, bool isSettled',
}

function parameters(text: string): Parameter[] {
  if (text === '') return []
  return text.split(', ').map(each => {
    const [type = '', name = ''] = each.split(' ')
    const fields = structs[type.replace('[]', '')]
    if (fields === undefined) return { name, type }
    return { name, type: type.endsWith('[]') ? 'tuple[]' : 'tuple', components: parameters(fields) }
  })
}

const call = (stateMutability: string) => (name: string, inputs: string, outputs: string) =>
  ({ type: 'function', name, stateMutability, inputs: parameters(inputs), outputs: parameters(outputs) }) as const
const write = call('nonpayable')
const view = call('view')
const pure = call('pure')
const error = (name: string, inputs = '') => ({ type: 'error', name, inputs: parameters(inputs) }) as const

export const coalitionAbi = [
  write('propose', 'Terms terms, Consent[] consents', 'uint256'),
  write('consent', 'uint256 id, Terms terms, Consent[] consents', ''),
  write('activate', 'uint256 id', ''),
  write('leave', 'uint256 id, address operator, bytes signature', ''),
  write(
    'accuse',
    'uint256 id, address accused, uint8 reason, bytes32 session, bytes32 evidenceHash, string evidenceUri, Consent bond, uint96 bondAtomic_',
    'uint256',
  ),
  write('respond', 'uint256 dispute, bytes32 responseHash, string responseUri, bytes signature', ''),
  write('vote', 'uint256 dispute, bool isGuilty, address auditor, bytes signature', ''),
  write('close', 'uint256 dispute', ''),
  write('settle', 'uint256 dispute', ''),

  view('termsHash', 'Terms terms', 'bytes32'),
  pure('stakeNonce', 'bytes32 termsHash_, address operator', 'bytes32'),
  pure('bondNonce', 'uint256 id, address accused, uint8 reason, bytes32 session, bytes32 evidenceHash', 'bytes32'),
  view('coalitionOf', 'bytes32 termsHash', 'uint256'),
  view('stateOf', 'uint256 id', 'uint8 state, uint32 version, bytes32 termsHash_, uint64 endsAt'),
  view('partiesOf', 'uint256 id', 'Party[]'),
  view('stakeOf', 'uint256 id, address operator', 'Stake'),
  view('disputeOf', 'uint256 dispute', 'Dispute'),
  view('disputeCount', '', 'uint256'),

  error('ConfigInvalid'),
  error('OwnerNeeded'),
  error('ProposalExists', 'uint256 id'),
  error('PartyGuilty', 'address operator'),
  error('MembersTooFew', 'uint256 id, uint256 staying, uint256 members'),
  error('TermsInvalid'),
  error('TermsVersionWrong', 'uint32 expected, uint32 given'),
  error('StakeZero'),
  error('StateWrong', 'uint256 id, uint8 state'),
  error('TooLate', 'uint64 until'),
  error('TooEarly', 'uint64 until'),
  error('SignatureInvalid', 'address signer'),
  error('ConsentMissing', 'address operator'),
  error('NotMember', 'uint256 id, address account'),
  error('NotParty', 'address account'),
  error('NotAuditor', 'address account'),
  error('AlreadyVoted', 'uint256 dispute, address auditor'),
  error('AuditorInvolved', 'uint256 dispute, address auditor'),
  error('DisputeUnknown', 'uint256 dispute'),
  error('DisputeDecided', 'uint256 dispute'),
  error('DisputeOpen', 'uint256 dispute'),
  error('DisputesOpen', 'uint256 id, address operator'),
  error('BondTooSmall', 'uint96 bondAtomic, uint96 leastAtomic'),
  error('SelfAccusation'),
  error('BreachPunished', 'uint256 dispute'),
  error('NothingToRelease', 'uint256 id, address operator'),
  error('TransferShort', 'uint256 expected, uint256 received'),
  error('OwnableInvalidOwner', 'address owner'),
  error('OwnableUnauthorizedAccount', 'address account'),
  error('ReentrancyGuardReentrantCall'),
  error('SafeERC20FailedOperation', 'address token'),
  error('InvalidShortString'),
  error('StringTooLong', 'string str'),
]
