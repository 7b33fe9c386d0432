// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IStreamVault} from "../../src/interfaces/IStreamVault.sol";

/// A vault that parties agreed on and that lies, or breaks, when it is asked who was harmed.
contract HostileVault {
    enum Way {
        Tells,
        Reverts,
        BurnsGas,
        Floods,
        FloodsAndReverts,
        AnswersShort,
        AnswersDirt
    }

    Way public way;
    IStreamVault.Session private told;

    function behave(Way way_, address payer, uint256 dueAtomic) external {
        way = way_;
        told.payer = payer;
        told.dueAtomic = dueAtomic;
    }

    function session(bytes32) external view returns (IStreamVault.Session memory) {
        if (way == Way.Reverts) revert("No.");
        if (way == Way.BurnsGas) {
            assembly {
                invalid()
            }
        }
        if (way == Way.Floods || way == Way.FloodsAndReverts) {
            bool fails = way == Way.FloodsAndReverts;
            // As much memory as the gas that came along pays for, less what copying it takes: the caller is to choke on it.
            assembly {
                let size := 500000
                mstore(size, 1)
                if fails { revert(0, size) }
                return(0, size)
            }
        }
        if (way == Way.AnswersShort) {
            assembly {
                mstore(0, 1)
                return(0, 32)
            }
        }
        if (way == Way.AnswersDirt) {
            // Every word full: no address, no enum, no uint64 that a decoder would take.
            assembly {
                for { let i := 0 } lt(i, 384) { i := add(i, 32) } { mstore(i, not(0)) }
                return(0, 384)
            }
        }
        return told;
    }
}
