// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

interface IMockServing {
    function addAccount(address user, address provider, string calldata additionalInfo) external payable;
    function depositFund(address user, address provider, uint256 cancelRetrievingAmount) external payable;
    function requestRefundAll(address user, address provider) external;
    function processRefund(address user, address provider)
        external
        returns (uint256 totalAmount, uint256 balance, uint256 pendingRefund);
    function accountExists(address user, address provider) external view returns (bool);
}

/// Stands in for the purse of 0G's users, as far as a provider meets it: what a user locks for a provider, and asks back. Its functions are
/// ours; only those of the serving contract that it calls are 0G's.
contract MockLedger {
    IMockServing public immutable serving;
    mapping(address user => uint256) public spentOf;

    error NotServing();
    error NotPaidOut();

    constructor(IMockServing serving_) {
        serving = serving_;
    }

    /// What is sent along is locked for `provider`, which the user acknowledges by it.
    function lockFor(address provider) external payable {
        if (serving.accountExists(msg.sender, provider)) {
            serving.depositFund{value: msg.value}(msg.sender, provider, 0);
        } else {
            serving.addAccount{value: msg.value}(msg.sender, provider, "");
        }
    }

    /// Asks everything back; what was asked for a lock time ago is paid out.
    function retrieveFrom(address provider) external {
        (uint256 amount,,) = serving.processRefund(msg.sender, provider);
        serving.requestRefundAll(msg.sender, provider);
        (bool isPaid,) = msg.sender.call{value: amount}("");
        if (!isPaid) revert NotPaidOut();
    }

    /// The serving contract says what it paid to a provider.
    function spendFund(address user, uint256 amount) external {
        if (msg.sender != address(serving)) revert NotServing();
        spentOf[user] += amount;
    }

    receive() external payable {}
}
