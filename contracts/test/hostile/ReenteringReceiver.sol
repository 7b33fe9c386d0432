// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Receives a token and at once calls its contract again, with what the test gave it, while the transfer is still under way.
contract ReenteringReceiver {
    bytes[] private calls;
    bytes[] private answers;
    bool[] private successes;

    function prepare(bytes[] calldata calls_) external {
        for (uint256 i = 0; i < calls_.length; i++) calls.push(calls_[i]);
    }

    function outcome() external view returns (bool[] memory, bytes[] memory) {
        return (successes, answers);
    }

    function isValidSignature(bytes32, bytes calldata signature) external pure returns (bytes4) {
        return keccak256(signature) == keccak256("open sesame") ? bytes4(0x1626ba7e) : bytes4(0);
    }

    function onERC721Received(address, address, uint256, bytes calldata) external returns (bytes4) {
        for (uint256 i = 0; i < calls.length; i++) {
            (bool success, bytes memory answer) = msg.sender.call(calls[i]);
            successes.push(success);
            answers.push(answer);
        }
        return this.onERC721Received.selector;
    }
}
