// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EnumerableMap} from "@openzeppelin/contracts/utils/structs/EnumerableMap.sol";

/// Who may use a token's intelligence beside its owner, and until when. A list for whoever runs the intelligence to ask: it gates
/// nothing on the chain. It knows no owner.
abstract contract UsageGrants {
    using EnumerableMap for EnumerableMap.AddressToUintMap;

    /// Walked through when full, and by whoever reads the list.
    uint256 public constant MAX_GRANTS = 100;

    error GrantsFull(uint256 tokenId);
    error GrantUnknown(uint256 tokenId, address user);
    error GranteeInvalid(address user);
    error ExpiryPast(uint64 expiresAt);

    /// A clearing starts the next list: to empty this one would cost its last owner for each who was on it.
    mapping(uint256 tokenId => uint256) private listOf;
    /// User to the second at which it ends; 0 for never.
    mapping(uint256 tokenId => mapping(uint256 list => EnumerableMap.AddressToUintMap)) private grants;

    function _grant(uint256 tokenId, address user, uint64 expiresAt) internal {
        if (user == address(0)) revert GranteeInvalid(user);
        if (expiresAt != 0 && expiresAt <= block.timestamp) revert ExpiryPast(expiresAt);
        EnumerableMap.AddressToUintMap storage list = _list(tokenId);
        if (!list.contains(user) && list.length() >= MAX_GRANTS) {
            _sweep(list);
            if (list.length() >= MAX_GRANTS) revert GrantsFull(tokenId);
        }
        list.set(user, expiresAt);
    }

    function _revoke(uint256 tokenId, address user) internal {
        if (!_list(tokenId).remove(user)) revert GrantUnknown(tokenId, user);
    }

    function _clearGrants(uint256 tokenId) internal {
        listOf[tokenId]++;
    }

    /// `isLive` is false where there is none, and from the second `expiresAt` on.
    function _grantOf(uint256 tokenId, address user) internal view returns (bool isLive, uint64 expiresAt) {
        (bool exists, uint256 until) = _list(tokenId).tryGet(user);
        return (exists && _isLive(until), uint64(until));
    }

    function _liveGrants(uint256 tokenId) internal view returns (address[] memory users) {
        EnumerableMap.AddressToUintMap storage list = _list(tokenId);
        uint256 length = list.length();
        users = new address[](length);
        uint256 count = 0;
        for (uint256 i = 0; i < length; i++) {
            (address user, uint256 until) = list.at(i);
            if (_isLive(until)) users[count++] = user;
        }
        assembly ("memory-safe") {
            mstore(users, count)
        }
    }

    function _sweep(EnumerableMap.AddressToUintMap storage list) private {
        // From the end: what is removed is replaced by the last.
        for (uint256 i = list.length(); i > 0; i--) {
            (address user, uint256 until) = list.at(i - 1);
            if (!_isLive(until)) list.remove(user);
        }
    }

    function _list(uint256 tokenId) private view returns (EnumerableMap.AddressToUintMap storage) {
        return grants[tokenId][listOf[tokenId]];
    }

    function _isLive(uint256 until) private view returns (bool) {
        return until == 0 || block.timestamp < until;
    }
}
