// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {ProofContext, ProofContexts} from "./inft/ProofContexts.sol";
import {
    AccessProof,
    IERC7857DataVerifier,
    OracleType,
    OwnershipProof,
    TransferValidityProof,
    TransferValidityProofOutput
} from "./interfaces/IERC7857.sol";

/// Checks the two words of a transfer: an oracle's, that data were encrypted anew for the receiver, and the receiver's, that it can
/// fetch them. Both are EIP-712 and bound to chain, verifier, token contract, token, sender, receiver and a deadline, and good once.
///
/// The owner says which oracles count. It says on the chain what they measured and whether their attestation was simulated; neither
/// can be changed for a key afterwards, so that what a simulated oracle did never looks attested later. No chain checks a quote:
/// whoever wants to know fetches the quote and does it.
contract TeeDataVerifier is IERC7857DataVerifier, IERC165, EIP712, Ownable2Step {
    bytes32 private constant OWNERSHIP_TYPE = keccak256(
        "OwnershipProof(uint8 oracleType,address token,uint256 tokenId,address from,address to,bool isClone,bytes32 oldDataHash,"
        "bytes32 newDataHash,bytes sealedKey,bytes encryptedPubKey,bytes32 salt,uint256 deadline)"
    );
    bytes32 private constant ACCESS_TYPE = keccak256(
        "AccessProof(address token,uint256 tokenId,address from,address to,bool isClone,bytes32 oldDataHash,bytes32 newDataHash,"
        "bytes encryptedPubKey,bytes32 salt,uint256 deadline)"
    );
    uint256 private constant MAX_URI = 400;

    struct Oracle {
        /// Of its code; what a quote of it must show.
        bytes32 measurement;
        /// Where its quote can be fetched.
        string attestationUri;
        uint64 since;
        bool isSimulated;
        bool isRegistered;
    }

    /// Where false, no simulated oracle can be registered, by nobody.
    bool public immutable takesSimulated;
    mapping(address signer => Oracle) private oracles;
    mapping(address token => mapping(address signer => mapping(bytes32 salt => bool))) private isUsed;
    /// Whose word it was that `dataHash` is a fresh encryption.
    mapping(address token => mapping(bytes32 dataHash => address)) private reencryptedBy;

    event OracleSet(address indexed signer, bytes32 measurement, string attestationUri, bool isSimulated);
    event OracleRemoved(address indexed signer);
    event Reencrypted(
        address indexed token, uint256 indexed tokenId, address indexed oracle, bytes32 newDataHash, bool isSimulated
    );

    error OracleInvalid();
    /// A key's measurement, and whether it was simulated, stay for good: use another key.
    error OracleFixed(address signer);
    error SimulatedRefused(address signer);
    error OracleUnknown(address signer);
    error OracleTypeUnsupported();
    error OwnerNeeded();
    error ProofsDiffer();
    error ProofExpired(uint256 deadline);
    error ProofUsed(address signer, bytes32 salt);
    error AccessSignatureInvalid();

    constructor(address owner_, bool takesSimulated_) EIP712("ComputePool INFT Verifier", "1") Ownable(owner_) {
        takesSimulated = takesSimulated_;
    }

    // ── owner ────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Registers an oracle, or brings back one that was removed, as it was. Only the address of its quote may change.
    function setOracle(address signer, bytes32 measurement, string calldata attestationUri, bool isSimulated)
        external
        onlyOwner
    {
        if (signer == address(0) || measurement == 0 || bytes(attestationUri).length > MAX_URI) revert OracleInvalid();
        if (isSimulated && !takesSimulated) revert SimulatedRefused(signer);
        Oracle storage o = oracles[signer];
        if (o.since == 0) {
            o.measurement = measurement;
            o.isSimulated = isSimulated;
            o.since = uint64(block.timestamp);
        } else if (o.measurement != measurement || o.isSimulated != isSimulated) {
            revert OracleFixed(signer);
        }
        o.attestationUri = attestationUri;
        o.isRegistered = true;
        emit OracleSet(signer, measurement, attestationUri, isSimulated);
    }

    /// From now on its proofs are worth nothing, those not used yet included.
    function removeOracle(address signer) external onlyOwner {
        if (!oracles[signer].isRegistered) revert OracleUnknown(signer);
        oracles[signer].isRegistered = false;
        emit OracleRemoved(signer);
    }

    /// Refused: without an owner no oracle whose key leaked could be removed.
    function renounceOwnership() public view override onlyOwner {
        revert OwnerNeeded();
    }

    // ── tokens ───────────────────────────────────────────────────────────────────────────────────────────────────────

    /// For the calling token contract: proofs name it, and are marked used for it alone, so that nobody else can use them up.
    function verifyTransferValidity(TransferValidityProof[] calldata proofs)
        external
        returns (TransferValidityProofOutput[] memory outputs)
    {
        outputs = new TransferValidityProofOutput[](proofs.length);
        for (uint256 i = 0; i < proofs.length; i++) {
            outputs[i] = _verify(proofs[i].accessProof, proofs[i].ownershipProof);
        }
    }

    // ── views ────────────────────────────────────────────────────────────────────────────────────────────────────────

    function oracleOf(address signer) external view returns (Oracle memory) {
        return oracles[signer];
    }

    /// Who encrypted the data of this hash for a receiver; the zero address where that was nobody here, as for minted data.
    function reencryptionOf(address token, bytes32 dataHash)
        external
        view
        returns (address signer, bytes32 measurement, bool isSimulated)
    {
        signer = reencryptedBy[token][dataHash];
        return (signer, oracles[signer].measurement, oracles[signer].isSimulated);
    }

    /// What the oracle signs for `token`.
    function ownershipDigest(address token, OwnershipProof calldata p) public view returns (bytes32) {
        ProofContext memory c = ProofContexts.decode(p.nonce);
        // In two parts, each a multiple of 32 bytes, so that together they are as encoded in one: the stack is too small for that.
        bytes memory head = abi.encode(OWNERSHIP_TYPE, p.oracleType, token, c.tokenId, c.from, c.to, c.isClone);
        bytes memory tail = abi.encode(
            p.oldDataHash, p.newDataHash, keccak256(p.sealedKey), keccak256(p.encryptedPubKey), c.salt, c.deadline
        );
        return _hashTypedDataV4(keccak256(bytes.concat(head, tail)));
    }

    /// What the receiver, or its assistant, signs for `token`.
    function accessDigest(address token, AccessProof calldata p) public view returns (bytes32) {
        ProofContext memory c = ProofContexts.decode(p.nonce);
        bytes memory head = abi.encode(ACCESS_TYPE, token, c.tokenId, c.from, c.to, c.isClone);
        bytes memory tail = abi.encode(p.oldDataHash, p.newDataHash, keccak256(p.encryptedPubKey), c.salt, c.deadline);
        return _hashTypedDataV4(keccak256(bytes.concat(head, tail)));
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC7857DataVerifier).interfaceId || interfaceId == type(IERC165).interfaceId;
    }

    // ── one pair of proofs ───────────────────────────────────────────────────────────────────────────────────────────

    function _verify(AccessProof calldata access, OwnershipProof calldata ownership)
        private
        returns (TransferValidityProofOutput memory output)
    {
        if (ownership.oracleType != OracleType.TEE) revert OracleTypeUnsupported();
        ProofContext memory theirs = ProofContexts.decode(access.nonce);
        ProofContext memory c = ProofContexts.decode(ownership.nonce);
        if (
            access.oldDataHash != ownership.oldDataHash || access.newDataHash != ownership.newDataHash
                || theirs.tokenId != c.tokenId || theirs.from != c.from || theirs.to != c.to
                || theirs.isClone != c.isClone
        ) revert ProofsDiffer();
        if (block.timestamp > c.deadline) revert ProofExpired(c.deadline);
        if (block.timestamp > theirs.deadline) revert ProofExpired(theirs.deadline);

        address oracle = _recover(ownershipDigest(msg.sender, ownership), ownership.proof);
        if (!oracles[oracle].isRegistered) revert OracleUnknown(oracle);
        _use(oracle, c.salt);
        address signer = _accessSigner(c.to, accessDigest(msg.sender, access), access.proof);
        _use(signer, theirs.salt);

        reencryptedBy[msg.sender][ownership.newDataHash] = oracle;
        emit Reencrypted(msg.sender, c.tokenId, oracle, ownership.newDataHash, oracles[oracle].isSimulated);
        output.oldDataHash = ownership.oldDataHash;
        output.newDataHash = ownership.newDataHash;
        output.sealedKey = ownership.sealedKey;
        output.encryptedPubKey = ownership.encryptedPubKey;
        output.wantedKey = access.encryptedPubKey;
        output.accessAssistant = signer;
        output.accessProofNonce = access.nonce;
        output.ownershipProofNonce = ownership.nonce;
    }

    /// The receiver itself, also where it is a contract that answers for its signatures (ERC-1271); else whose key it was.
    function _accessSigner(address to, bytes32 digest, bytes calldata proof) private view returns (address signer) {
        signer = _recover(digest, proof);
        if (signer == to) return to;
        if (to.code.length > 0 && SignatureChecker.isValidERC1271SignatureNow(to, digest, proof)) return to;
        if (signer == address(0)) revert AccessSignatureInvalid();
    }

    /// The zero address where that is no signature.
    function _recover(bytes32 digest, bytes calldata signature) private pure returns (address signer) {
        (signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
    }

    function _use(address signer, bytes32 salt) private {
        if (isUsed[msg.sender][signer][salt]) revert ProofUsed(signer, salt);
        isUsed[msg.sender][signer][salt] = true;
    }
}
