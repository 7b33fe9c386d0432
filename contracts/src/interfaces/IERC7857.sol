// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

// ERC-7857 as it became final on 2025-11-04: names, types and so interface ids are the standard's. Left out are its two approval
// events, which are ERC-721's too and would be declared twice; ids do not depend on events.

enum OracleType {
    TEE,
    ZKP
}

/// The receiver's word (or its assistant's): it can fetch the new data, and wants their key sealed to `encryptedPubKey`.
struct AccessProof {
    bytes32 oldDataHash;
    bytes32 newDataHash;
    bytes nonce;
    /// Empty: sealed to the public key of the receiver's address.
    bytes encryptedPubKey;
    bytes proof;
}

/// The oracle's word: it opened the old data, encrypted them anew under a fresh key, and sealed that to `encryptedPubKey`.
struct OwnershipProof {
    OracleType oracleType;
    bytes32 oldDataHash;
    bytes32 newDataHash;
    bytes sealedKey;
    bytes encryptedPubKey;
    bytes nonce;
    bytes proof;
}

struct TransferValidityProof {
    AccessProof accessProof;
    OwnershipProof ownershipProof;
}

struct TransferValidityProofOutput {
    bytes32 oldDataHash;
    bytes32 newDataHash;
    bytes sealedKey;
    bytes encryptedPubKey;
    bytes wantedKey;
    address accessAssistant;
    bytes accessProofNonce;
    bytes ownershipProofNonce;
}

struct IntelligentData {
    string dataDescription;
    bytes32 dataHash;
}

interface IERC7857DataVerifier {
    /// Takes the proofs of one transfer or clone and marks them used. Reverts where one is not good.
    function verifyTransferValidity(TransferValidityProof[] calldata proofs)
        external
        returns (TransferValidityProofOutput[] memory);
}

interface IERC7857Metadata {
    function name() external view returns (string memory);

    function symbol() external view returns (string memory);

    function intelligentDataOf(uint256 tokenId) external view returns (IntelligentData[] memory);
}

interface IERC7857 {
    event Authorization(address indexed from, address indexed to, uint256 indexed tokenId);
    event AuthorizationRevoked(address indexed from, address indexed to, uint256 indexed tokenId);
    event Transferred(uint256 tokenId, address indexed from, address indexed to);
    event Cloned(uint256 indexed tokenId, uint256 indexed newTokenId, address from, address to);
    event PublishedSealedKey(address indexed to, uint256 indexed tokenId, bytes[] sealedKeys);
    event DelegateAccess(address indexed user, address indexed assistant);

    function verifier() external view returns (IERC7857DataVerifier);

    function iTransfer(address to, uint256 tokenId, TransferValidityProof[] calldata proofs) external;

    function iClone(address to, uint256 tokenId, TransferValidityProof[] calldata proofs)
        external
        returns (uint256 newTokenId);

    function authorizeUsage(uint256 tokenId, address user) external;

    function revokeAuthorization(uint256 tokenId, address user) external;

    function approve(address to, uint256 tokenId) external;

    function setApprovalForAll(address operator, bool approved) external;

    function delegateAccess(address assistant) external;

    function ownerOf(uint256 tokenId) external view returns (address);

    function authorizedUsersOf(uint256 tokenId) external view returns (address[] memory);

    function getApproved(uint256 tokenId) external view returns (address);

    function isApprovedForAll(address owner, address operator) external view returns (bool);

    function getDelegateAccess(address user) external view returns (address);
}
