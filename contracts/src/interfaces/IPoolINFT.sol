// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IntelligentData} from "./IERC7857.sol";

/// What PoolINFT has beyond ERC-721 and ERC-7857: minting, new versions, authorisations that end, sealed keys to read, refusals.
interface IPoolINFT {
    event Minted(uint256 indexed tokenId, address indexed owner, IntelligentData[] data);
    event Updated(uint256 indexed tokenId, IntelligentData[] oldData, IntelligentData[] newData);
    /// Beside `Authorization`; 0: it does not end by itself.
    event AuthorizationExpiry(uint256 indexed tokenId, address indexed user, uint64 expiresAt);

    /// A token changes hands by `iTransfer` alone: otherwise its owner would hold what it cannot open.
    error UseITransfer();
    error NotOwner(uint256 tokenId, address account);
    error DataInvalid();
    error ProofCountWrong(uint256 given, uint256 needed);
    /// The proof is about other data than lie at this place.
    error DataHashWrong(uint256 at, bytes32 expected, bytes32 given);
    /// The same data under the same key: whoever had it would go on reading.
    error DataNotReencrypted(uint256 at);
    /// The proof is for another token, sender, receiver, or for a clone instead of a transfer.
    error ProofForOther(uint256 at);
    error AccessSignerWrong(uint256 at, address signer);
    /// Not the key that the receiver wants it sealed to.
    error SealedToOther(uint256 at);

    function mint(address to, IntelligentData[] calldata data, bytes[] calldata sealedKeys)
        external
        returns (uint256 tokenId);
    function update(uint256 tokenId, IntelligentData[] calldata data, bytes[] calldata sealedKeys) external;
    function authorizeUsage(uint256 tokenId, address user, uint64 expiresAt) external;
    function isAuthorized(uint256 tokenId, address user) external view returns (bool);
    function authorizationOf(uint256 tokenId, address user) external view returns (bool isLive, uint64 expiresAt);
    function sealedKeysOf(uint256 tokenId) external view returns (bytes[] memory);
    function versionOf(uint256 tokenId) external view returns (uint64);
    function tokenCount() external view returns (uint256);
}
