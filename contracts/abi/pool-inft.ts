/**
 * PoolINFT as viem reads it, written by hand so that nothing need be compiled to talk to one; a test holds it equal to the compiler's
 * ABI. Times are Unix seconds of the chain; an expiry of 0 is none.
 *
 * Beyond the plain list: `transferFrom` and `safeTransferFrom` always revert. A token's sealed keys stand in the order of its data, and
 * each opens one entry for the owner. What goes wrong with a proof is told by the verifier's errors as well: decode with both lists.
 */
import { parseAbi } from 'viem'

const proofStructs = [
  'struct AccessProof { bytes32 oldDataHash; bytes32 newDataHash; bytes nonce; bytes encryptedPubKey; bytes proof; }',
  'struct OwnershipProof { uint8 oracleType; bytes32 oldDataHash; bytes32 newDataHash; bytes sealedKey; bytes encryptedPubKey; bytes nonce; bytes proof; }',
  'struct TransferValidityProof { AccessProof accessProof; OwnershipProof ownershipProof; }',
] as const

export const poolInftAbi = parseAbi([
  ...proofStructs,
  'struct IntelligentData { string dataDescription; bytes32 dataHash; }',
  'constructor(address verifier_)',

  // Owners'.
  'function mint(address to, IntelligentData[] data, bytes[] sealedKeys) returns (uint256 tokenId)',
  'function update(uint256 tokenId, IntelligentData[] data, bytes[] sealedKeys)',
  'function authorizeUsage(uint256 tokenId, address user)',
  'function authorizeUsage(uint256 tokenId, address user, uint64 expiresAt)',
  'function revokeAuthorization(uint256 tokenId, address user)',
  'function iTransfer(address to, uint256 tokenId, TransferValidityProof[] proofs)',
  'function iClone(address to, uint256 tokenId, TransferValidityProof[] proofs) returns (uint256 newTokenId)',
  'function approve(address to, uint256 tokenId)',
  'function setApprovalForAll(address operator, bool approved)',
  'function transferFrom(address, address, uint256) pure',
  'function safeTransferFrom(address from, address to, uint256 tokenId)',
  'function safeTransferFrom(address from, address to, uint256 tokenId, bytes data)',

  // Receivers'.
  'function delegateAccess(address assistant)',
  'function publishEncryptionKey(bytes key)',

  'function verifier() view returns (address)',
  'function name() view returns (string)',
  'function symbol() view returns (string)',
  'function tokenURI(uint256 tokenId) view returns (string)',
  'function balanceOf(address owner) view returns (uint256)',
  'function ownerOf(uint256 tokenId) view returns (address)',
  'function getApproved(uint256 tokenId) view returns (address)',
  'function isApprovedForAll(address owner, address operator) view returns (bool)',
  'function supportsInterface(bytes4 interfaceId) view returns (bool)',
  'function tokenCount() view returns (uint256)',
  'function versionOf(uint256 tokenId) view returns (uint64)',
  'function intelligentDataOf(uint256 tokenId) view returns (IntelligentData[])',
  'function sealedKeysOf(uint256 tokenId) view returns (bytes[])',
  'function isAuthorized(uint256 tokenId, address user) view returns (bool)',
  'function authorizationOf(uint256 tokenId, address user) view returns (bool isLive, uint64 expiresAt)',
  'function authorizedUsersOf(uint256 tokenId) view returns (address[])',
  'function getDelegateAccess(address user) view returns (address)',
  'function encryptionKeyOf(address account) view returns (bytes)',
  'function MAX_GRANTS() view returns (uint256)',

  'event Approval(address indexed owner, address indexed approved, uint256 indexed tokenId)',
  'event ApprovalForAll(address indexed owner, address indexed operator, bool approved)',
  'event Transfer(address indexed from, address indexed to, uint256 indexed tokenId)',
  'event Authorization(address indexed from, address indexed to, uint256 indexed tokenId)',
  'event AuthorizationRevoked(address indexed from, address indexed to, uint256 indexed tokenId)',
  'event AuthorizationExpiry(uint256 indexed tokenId, address indexed user, uint64 expiresAt)',
  'event Transferred(uint256 tokenId, address indexed from, address indexed to)',
  'event Cloned(uint256 indexed tokenId, uint256 indexed newTokenId, address from, address to)',
  'event PublishedSealedKey(address indexed to, uint256 indexed tokenId, bytes[] sealedKeys)',
  'event DelegateAccess(address indexed user, address indexed assistant)',
  'event Minted(uint256 indexed tokenId, address indexed owner, IntelligentData[] data)',
  'event Updated(uint256 indexed tokenId, IntelligentData[] oldData, IntelligentData[] newData)',
  'event EncryptionKeyPublished(address indexed account, bytes key)',

  'error UseITransfer()',
  'error NotOwner(uint256 tokenId, address account)',
  'error DataInvalid()',
  'error ProofCountWrong(uint256 given, uint256 needed)',
  'error DataHashWrong(uint256 at, bytes32 expected, bytes32 given)',
  'error DataNotReencrypted(uint256 at)',
  'error ProofForOther(uint256 at)',
  'error ProofNonceInvalid()',
  'error AccessSignerWrong(uint256 at, address signer)',
  'error SealedToOther(uint256 at)',
  'error GrantsFull(uint256 tokenId)',
  'error GrantUnknown(uint256 tokenId, address user)',
  'error GranteeInvalid(address user)',
  'error ExpiryPast(uint64 expiresAt)',
  'error EncryptionKeyInvalid()',
  'error ERC721IncorrectOwner(address sender, uint256 tokenId, address owner)',
  'error ERC721InsufficientApproval(address operator, uint256 tokenId)',
  'error ERC721InvalidApprover(address approver)',
  'error ERC721InvalidOperator(address operator)',
  'error ERC721InvalidOwner(address owner)',
  'error ERC721InvalidReceiver(address receiver)',
  'error ERC721InvalidSender(address sender)',
  'error ERC721NonexistentToken(uint256 tokenId)',
])

/** TeeDataVerifier, likewise. `takesSimulated` false: no simulated oracle can be registered there, by nobody. */
export const teeDataVerifierAbi = parseAbi([
  ...proofStructs,
  'struct TransferValidityProofOutput { bytes32 oldDataHash; bytes32 newDataHash; bytes sealedKey; bytes encryptedPubKey; bytes wantedKey; address accessAssistant; bytes accessProofNonce; bytes ownershipProofNonce; }',
  'struct Oracle { bytes32 measurement; string attestationUri; uint64 since; bool isSimulated; bool isRegistered; }',
  'constructor(address owner_, bool takesSimulated_)',

  'function setOracle(address signer, bytes32 measurement, string attestationUri, bool isSimulated)',
  'function removeOracle(address signer)',
  'function transferOwnership(address newOwner)',
  'function acceptOwnership()',
  'function renounceOwnership() view',
  'function verifyTransferValidity(TransferValidityProof[] proofs) returns (TransferValidityProofOutput[] outputs)',

  'function takesSimulated() view returns (bool)',
  'function oracleOf(address signer) view returns (Oracle)',
  'function reencryptionOf(address token, bytes32 dataHash) view returns (address signer, bytes32 measurement, bool isSimulated)',
  'function ownershipDigest(address token, OwnershipProof p) view returns (bytes32)',
  'function accessDigest(address token, AccessProof p) view returns (bytes32)',
  'function supportsInterface(bytes4 interfaceId) pure returns (bool)',
  'function owner() view returns (address)',
  'function pendingOwner() view returns (address)',
  'function eip712Domain() view returns (bytes1 fields, string name, string version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] extensions)',

  'event OracleSet(address indexed signer, bytes32 measurement, string attestationUri, bool isSimulated)',
  'event OracleRemoved(address indexed signer)',
  'event Reencrypted(address indexed token, uint256 indexed tokenId, address indexed oracle, bytes32 newDataHash, bool isSimulated)',
  'event OwnershipTransferStarted(address indexed previousOwner, address indexed newOwner)',
  'event OwnershipTransferred(address indexed previousOwner, address indexed newOwner)',
  'event EIP712DomainChanged()',

  'error OracleInvalid()',
  'error OracleFixed(address signer)',
  'error SimulatedRefused(address signer)',
  'error OracleUnknown(address signer)',
  'error OracleTypeUnsupported()',
  'error OwnerNeeded()',
  'error ProofsDiffer()',
  'error ProofExpired(uint256 deadline)',
  'error ProofUsed(address signer, bytes32 salt)',
  'error ProofNonceInvalid()',
  'error AccessSignatureInvalid()',
  'error OwnableInvalidOwner(address owner)',
  'error OwnableUnauthorizedAccount(address account)',
  'error InvalidShortString()',
  'error StringTooLong(string str)',
])
