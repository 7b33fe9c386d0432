// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721Utils} from "@openzeppelin/contracts/token/ERC721/utils/ERC721Utils.sol";
import {AccessKeys} from "./inft/AccessKeys.sol";
import {ProofContext, ProofContexts} from "./inft/ProofContexts.sol";
import {UsageGrants} from "./inft/UsageGrants.sol";
import {
    IERC7857,
    IERC7857DataVerifier,
    IERC7857Metadata,
    IntelligentData,
    TransferValidityProof,
    TransferValidityProofOutput
} from "./interfaces/IERC7857.sol";
import {IPoolINFT} from "./interfaces/IPoolINFT.sol";

/// Pools as tokens: what makes a pool lies encrypted elsewhere (its Merkle root is the data hash), the key to it lies here, sealed to
/// the owner, and whoever the owner authorises may use it. ERC-721 with the final ERC-7857; no owner of the contract, no fee.
///
/// Who can do what:
/// - anybody: mint a token of its own. That a token says something does not make it true: only data of that hash do;
/// - owner: put a new version, authorise users, hand over or clone with proofs;
/// - approved accounts and operators (ERC-721): hand over or clone with proofs;
/// - the verifier's oracles: say that data were encrypted anew for a receiver. Alone they move nothing.
///
/// What it cannot do: make a former owner forget. It saw what the old key opened.
contract PoolINFT is ERC721, IERC7857, IERC7857Metadata, IPoolINFT, UsageGrants, AccessKeys {
    uint256 private constant MAX_ENTRIES = 16;
    uint256 private constant MAX_DESCRIPTION = 256;
    uint256 private constant MAX_SEALED_KEY = 512;

    struct Intelligence {
        /// 1 at first, then 1 more for each new version, transfer included.
        uint64 version;
        IntelligentData[] data;
        bytes[] sealedKeys;
    }

    IERC7857DataVerifier public immutable verifier;
    uint256 public tokenCount;
    mapping(uint256 tokenId => Intelligence) private intelligenceOf;

    constructor(IERC7857DataVerifier verifier_) ERC721("ComputePool", "POOL") {
        verifier = verifier_;
    }

    // ── owner ────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// `sealedKeys[i]` opens `data[i]` for `to`.
    function mint(address to, IntelligentData[] calldata data, bytes[] calldata sealedKeys)
        external
        returns (uint256 tokenId)
    {
        _checkData(data, sealedKeys);
        tokenId = ++tokenCount;
        _mint(to, tokenId);
        emit Minted(tokenId, to, data);
        _write(to, tokenId, data, sealedKeys);
        ERC721Utils.checkOnERC721Received(msg.sender, address(0), to, tokenId, "");
    }

    /// Puts the next version in place of this one. Authorisations stay: they are for the pool, not for a version.
    function update(uint256 tokenId, IntelligentData[] calldata data, bytes[] calldata sealedKeys) external {
        address owner = _requireOwner(tokenId);
        _checkData(data, sealedKeys);
        emit Updated(tokenId, intelligenceOf[tokenId].data, data);
        _write(owner, tokenId, data, sealedKeys);
    }

    function authorizeUsage(uint256 tokenId, address user) external {
        _authorize(tokenId, user, 0);
    }

    /// Until the second `expiresAt`, which is not in it; 0: until it is revoked. Asked again, the new end holds.
    function authorizeUsage(uint256 tokenId, address user, uint64 expiresAt) external {
        _authorize(tokenId, user, expiresAt);
    }

    function revokeAuthorization(uint256 tokenId, address user) external {
        address owner = _requireOwner(tokenId);
        _revoke(tokenId, user);
        emit AuthorizationRevoked(owner, user, tokenId);
    }

    // ── owner and approved ───────────────────────────────────────────────────────────────────────────────────────────

    /// One proof for each entry, in their order. Authorisations and the approval end here.
    function iTransfer(address to, uint256 tokenId, TransferValidityProof[] calldata proofs) external {
        address from = ownerOf(tokenId);
        _checkAuthorized(from, msg.sender, tokenId);
        (IntelligentData[] memory data, bytes[] memory sealedKeys) = _reencrypted(from, to, tokenId, proofs, false);
        // Refuses the zero address.
        _transfer(from, to, tokenId);
        _clearGrants(tokenId);
        emit Transferred(tokenId, from, to);
        emit Updated(tokenId, intelligenceOf[tokenId].data, data);
        _write(to, tokenId, data, sealedKeys);
        // Last: whoever is called here finds the token as it stays.
        ERC721Utils.checkOnERC721Received(msg.sender, from, to, tokenId, "");
    }

    /// A token of its own for `to`, with the same content under another key; this one stays as it is.
    function iClone(address to, uint256 tokenId, TransferValidityProof[] calldata proofs)
        external
        returns (uint256 newTokenId)
    {
        address from = ownerOf(tokenId);
        _checkAuthorized(from, msg.sender, tokenId);
        (IntelligentData[] memory data, bytes[] memory sealedKeys) = _reencrypted(from, to, tokenId, proofs, true);
        newTokenId = ++tokenCount;
        _mint(to, newTokenId);
        emit Cloned(tokenId, newTokenId, from, to);
        emit Minted(newTokenId, to, data);
        _write(to, newTokenId, data, sealedKeys);
        ERC721Utils.checkOnERC721Received(msg.sender, address(0), to, newTokenId, "");
    }

    /// Refused, and with it both forms of safeTransferFrom, which end here.
    function transferFrom(address, address, uint256) public pure override {
        revert UseITransfer();
    }

    // ── receiver ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Lets `assistant` sign access proofs for the caller; the zero address ends it.
    function delegateAccess(address assistant) external {
        assistantOf[msg.sender] = assistant;
        emit DelegateAccess(msg.sender, assistant);
    }

    // ── views ────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// True for the owner and for whom it authorised, until that ends.
    function isAuthorized(uint256 tokenId, address user) external view returns (bool) {
        if (_requireOwned(tokenId) == user) return true;
        (bool isLive,) = _grantOf(tokenId, user);
        return isLive;
    }

    function authorizationOf(uint256 tokenId, address user) external view returns (bool isLive, uint64 expiresAt) {
        _requireOwned(tokenId);
        return _grantOf(tokenId, user);
    }

    /// Without those whose time is over, and without the owner.
    function authorizedUsersOf(uint256 tokenId) external view returns (address[] memory) {
        _requireOwned(tokenId);
        return _liveGrants(tokenId);
    }

    function intelligentDataOf(uint256 tokenId) external view returns (IntelligentData[] memory) {
        _requireOwned(tokenId);
        return intelligenceOf[tokenId].data;
    }

    function sealedKeysOf(uint256 tokenId) external view returns (bytes[] memory) {
        _requireOwned(tokenId);
        return intelligenceOf[tokenId].sealedKeys;
    }

    function versionOf(uint256 tokenId) external view returns (uint64) {
        _requireOwned(tokenId);
        return intelligenceOf[tokenId].version;
    }

    function getDelegateAccess(address user) external view returns (address) {
        return assistantOf[user];
    }

    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return interfaceId == type(IERC7857).interfaceId || interfaceId == type(IERC7857Metadata).interfaceId
            || super.supportsInterface(interfaceId);
    }

    // ── shared by ERC-721 and ERC-7857 ───────────────────────────────────────────────────────────────────────────────

    function name() public view override(ERC721, IERC7857Metadata) returns (string memory) {
        return super.name();
    }

    function symbol() public view override(ERC721, IERC7857Metadata) returns (string memory) {
        return super.symbol();
    }

    function approve(address to, uint256 tokenId) public override(ERC721, IERC7857) {
        super.approve(to, tokenId);
    }

    function setApprovalForAll(address operator, bool approved) public override(ERC721, IERC7857) {
        super.setApprovalForAll(operator, approved);
    }

    function ownerOf(uint256 tokenId) public view override(ERC721, IERC7857) returns (address) {
        return super.ownerOf(tokenId);
    }

    function getApproved(uint256 tokenId) public view override(ERC721, IERC7857) returns (address) {
        return super.getApproved(tokenId);
    }

    function isApprovedForAll(address owner, address operator) public view override(ERC721, IERC7857) returns (bool) {
        return super.isApprovedForAll(owner, operator);
    }

    // ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

    function _requireOwner(uint256 tokenId) private view returns (address owner) {
        owner = ownerOf(tokenId);
        if (msg.sender != owner) revert NotOwner(tokenId, msg.sender);
    }

    function _authorize(uint256 tokenId, address user, uint64 expiresAt) private {
        address owner = _requireOwner(tokenId);
        if (user == owner) revert GranteeInvalid(user);
        _grant(tokenId, user, expiresAt);
        emit Authorization(owner, user, tokenId);
        emit AuthorizationExpiry(tokenId, user, expiresAt);
    }

    /// What lies at the token after the proofs: the same descriptions, the new hashes and keys.
    function _reencrypted(
        address from,
        address to,
        uint256 tokenId,
        TransferValidityProof[] calldata proofs,
        bool isClone
    ) private returns (IntelligentData[] memory data, bytes[] memory sealedKeys) {
        data = intelligenceOf[tokenId].data;
        if (proofs.length != data.length) revert ProofCountWrong(proofs.length, data.length);
        TransferValidityProofOutput[] memory outputs = verifier.verifyTransferValidity(proofs);
        if (outputs.length != data.length) revert ProofCountWrong(outputs.length, data.length);
        sealedKeys = new bytes[](outputs.length);
        for (uint256 i = 0; i < outputs.length; i++) {
            TransferValidityProofOutput memory output = outputs[i];
            _requireFor(i, output.ownershipProofNonce, tokenId, from, to, isClone);
            _requireFor(i, output.accessProofNonce, tokenId, from, to, isClone);
            if (output.oldDataHash != data[i].dataHash) {
                revert DataHashWrong(i, data[i].dataHash, output.oldDataHash);
            }
            if (output.newDataHash == output.oldDataHash || output.newDataHash == 0) revert DataNotReencrypted(i);
            _requireAccess(i, to, output);
            if (output.sealedKey.length == 0 || output.sealedKey.length > MAX_SEALED_KEY) revert DataInvalid();
            data[i].dataHash = output.newDataHash;
            sealedKeys[i] = output.sealedKey;
        }
    }

    function _requireFor(uint256 at, bytes memory nonce, uint256 tokenId, address from, address to, bool isClone)
        private
        pure
    {
        ProofContext memory c = ProofContexts.decode(nonce);
        if (c.tokenId != tokenId || c.from != from || c.to != to || c.isClone != isClone) revert ProofForOther(at);
    }

    function _requireAccess(uint256 at, address to, TransferValidityProofOutput memory output) private view {
        address signer = output.accessAssistant;
        if (signer == address(0) || (signer != to && signer != assistantOf[to])) revert AccessSignerWrong(at, signer);
        bytes memory sealedTo = output.encryptedPubKey;
        bool isWanted = output.wantedKey.length == 0
            // An address is the end of the hash of its public key's 64 bytes.
            ? sealedTo.length == 64 && address(uint160(uint256(keccak256(sealedTo)))) == to
            : keccak256(sealedTo) == keccak256(output.wantedKey);
        if (!isWanted) revert SealedToOther(at);
    }

    function _checkData(IntelligentData[] calldata data, bytes[] calldata sealedKeys) private pure {
        if (data.length == 0 || data.length > MAX_ENTRIES || sealedKeys.length != data.length) revert DataInvalid();
        for (uint256 i = 0; i < data.length; i++) {
            if (
                data[i].dataHash == 0 || bytes(data[i].dataDescription).length > MAX_DESCRIPTION
                    || sealedKeys[i].length == 0 || sealedKeys[i].length > MAX_SEALED_KEY
            ) revert DataInvalid();
        }
    }

    function _write(address owner, uint256 tokenId, IntelligentData[] memory data, bytes[] memory sealedKeys) private {
        Intelligence storage it = intelligenceOf[tokenId];
        it.version++;
        delete it.data;
        for (uint256 i = 0; i < data.length; i++) it.data.push(data[i]);
        it.sealedKeys = sealedKeys;
        emit PublishedSealedKey(owner, tokenId, sealedKeys);
    }
}
