// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Creates contracts at addresses known beforehand and finishes them in the same call: what a constructor leaves to its deployer
/// (an owner, an initialiser that anyone may call) is done before anybody else gets a turn. Only the owner may use it, and its
/// own address names that owner, so an address below it says who deployed. It knows nothing of what it creates.
contract DeployFactory {
    struct Creation {
        bytes32 salt;
        bytes initCode;
    }

    struct Call {
        address target;
        bytes data;
    }

    error OnlyOwner(address caller);
    error AlreadyCreated(address created);
    error CreationFailed(uint256 index);
    error NothingThere(address target);

    event Created(address indexed created, bytes32 indexed salt);

    address public immutable owner;

    constructor(address owner_) {
        owner = owner_;
    }

    /// Creates all, then calls all, or does nothing at all. Contracts that are created here see this factory as their deployer;
    /// the calls are where it hands over what that gave it.
    function deploy(Creation[] calldata creations, Call[] calldata calls) external {
        if (msg.sender != owner) revert OnlyOwner(msg.sender);
        for (uint256 i; i < creations.length; ++i) _create(i, creations[i].salt, creations[i].initCode);
        for (uint256 i; i < calls.length; ++i) _call(calls[i].target, calls[i].data);
    }

    /// Where CREATE2 puts `initCode` (with its constructor's arguments) under `salt`.
    function addressOf(bytes32 salt, bytes32 initCodeHash) public view returns (address) {
        return address(uint160(uint256(keccak256(abi.encodePacked(bytes1(0xff), address(this), salt, initCodeHash)))));
    }

    function _create(uint256 index, bytes32 salt, bytes memory initCode) private {
        address target = addressOf(salt, keccak256(initCode));
        if (target.code.length != 0) revert AlreadyCreated(target);
        address created;
        assembly ("memory-safe") {
            created := create2(0, add(initCode, 0x20), mload(initCode), salt)
            if iszero(created) {
                // The constructor's own reason, where it gave one.
                if returndatasize() {
                    let reason := mload(0x40)
                    returndatacopy(reason, 0, returndatasize())
                    revert(reason, returndatasize())
                }
            }
        }
        if (created == address(0)) revert CreationFailed(index);
        emit Created(created, salt);
    }

    /// A call to an address without code succeeds and does nothing, which here would leave a contract half made.
    function _call(address target, bytes memory data) private {
        if (target.code.length == 0) revert NothingThere(target);
        (bool done, bytes memory answer) = target.call(data);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }
}
