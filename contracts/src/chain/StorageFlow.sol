// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Stands in for 0G Storage's flow contract, and for its market, on a chain of one's own: the same functions and the same event for whoever
/// submits a file, at a fixed price. It keeps no tree, pays no miner, and no data come here.
contract StorageFlow {
    struct SubmissionNode {
        bytes32 root;
        uint256 height;
    }

    struct SubmissionData {
        uint256 length;
        bytes tags;
        SubmissionNode[] nodes;
    }

    struct Submission {
        SubmissionData data;
        address submitter;
    }

    event Submit(
        address indexed sender,
        bytes32 indexed identity,
        uint256 submissionIndex,
        uint256 startPos,
        uint256 length,
        SubmissionData submission
    );

    error SubmissionInvalid();
    error PaidTooLittle(uint256 paid, uint256 price);

    uint256 private constant SECTOR = 256;
    uint256 private constant MAX_HEIGHT = 40;
    /// About what 0G's test network asked: 0.145 of its coin for a GiB.
    uint256 public constant pricePerSector = 34_570_000_000;
    uint256 public numSubmissions;
    /// In sectors. The first is taken, as on 0G.
    uint256 private currentLength = 1;

    function market() external view returns (address) {
        return address(this);
    }

    function submit(Submission calldata submission)
        external
        payable
        returns (uint256 index, bytes32 digest, uint256 startIndex, uint256 length)
    {
        SubmissionData calldata data = submission.data;
        if (data.length == 0 || data.nodes.length == 0) revert SubmissionInvalid();
        uint256 last = MAX_HEIGHT + 1;
        for (uint256 i = 0; i < data.nodes.length; i++) {
            uint256 height = data.nodes[i].height;
            // Each smaller than the one before it.
            if (height >= last) revert SubmissionInvalid();
            last = height;
            length += 1 << height;
        }
        if (length * SECTOR < data.length) revert SubmissionInvalid();
        if (msg.value < length * pricePerSector) revert PaidTooLittle(msg.value, length * pricePerSector);

        uint256 unit = 1 << data.nodes[0].height;
        // Up, to a multiple of the largest tree.
        startIndex = (currentLength + unit - 1) / unit * unit;
        currentLength = startIndex + length;
        index = numSubmissions++;
        digest = keccak256(abi.encode(data));
        emit Submit(msg.sender, digest, index, startIndex, length, data);
    }
}
