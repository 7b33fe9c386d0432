// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {ICoalition} from "../interfaces/ICoalition.sol";

/// Who may vote, and how many must agree. The owner's only powers; it knows no dispute.
abstract contract Auditors is ICoalition, Ownable2Step {
    using EnumerableSet for EnumerableSet.AddressSet;

    /// Votes are counted by walking through all auditors.
    uint256 private constant MAX_AUDITORS = 32;

    uint16 public quorum;
    EnumerableSet.AddressSet private set;

    constructor(address owner_, uint16 quorum_) Ownable(owner_) {
        _setQuorum(quorum_);
    }

    function setAuditor(address auditor, bool isAllowed) external onlyOwner {
        if (isAllowed) set.add(auditor);
        else set.remove(auditor);
        if (set.length() > MAX_AUDITORS) revert ConfigInvalid();
        emit AuditorSet(auditor, isAllowed);
    }

    function setQuorum(uint16 quorum_) external onlyOwner {
        _setQuorum(quorum_);
    }

    /// Refused: without an owner no auditor that lies or is lost could ever be replaced.
    function renounceOwnership() public view override onlyOwner {
        revert OwnerNeeded();
    }

    function isAuditor(address account) public view returns (bool) {
        return set.contains(account);
    }

    function auditors() public view returns (address[] memory) {
        return set.values();
    }

    function _setQuorum(uint16 quorum_) private {
        if (quorum_ == 0 || quorum_ > MAX_AUDITORS) revert ConfigInvalid();
        quorum = quorum_;
        emit QuorumSet(quorum_);
    }
}
