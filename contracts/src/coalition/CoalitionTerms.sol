// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICoalition} from "../interfaces/ICoalition.sol";

/// What terms say by themselves: whether they hold together, and what parties sign (EIP-712). It knows no coalition.
library CoalitionTerms {
    /// As many as may share a vault’s pool.
    uint256 internal constant MAX_PARTIES = 32;

    bytes32 private constant PARTY_TYPE =
        keccak256("Party(address operator,uint16 firstLayer,uint16 endLayer,uint32 units)");
    bytes32 private constant TERMS_TYPE = keccak256(
        "Terms(bytes32 modelDigest,uint16 layers,address pool,address vault,uint96 pricePerSecondAtomic,uint96 stakeAtomic,"
        "uint64 proposalEndsAt,uint64 endsAt,uint32 version,uint256 id,bytes32 salt,Party[] parties)"
        "Party(address operator,uint16 firstLayer,uint16 endLayer,uint32 units)"
    );

    /// Reverts unless these terms may begin now.
    function check(ICoalition.Terms calldata terms, uint256 maxTermSeconds) internal view {
        if (terms.stakeAtomic == 0) revert ICoalition.StakeZero();
        if (block.timestamp > terms.proposalEndsAt) revert ICoalition.TooLate(terms.proposalEndsAt);
        bool holds = terms.endsAt > terms.proposalEndsAt && terms.endsAt <= block.timestamp + maxTermSeconds
            && terms.pool != address(0) && terms.vault != address(0);
        if (!holds || !_areParties(terms.parties) || !_tile(terms)) revert ICoalition.TermsInvalid();
    }

    function structHash(ICoalition.Terms calldata terms) internal pure returns (bytes32) {
        bytes32[] memory parties = new bytes32[](terms.parties.length);
        for (uint256 i = 0; i < parties.length; i++) {
            ICoalition.Party calldata party = terms.parties[i];
            parties[i] = keccak256(
                abi.encode(PARTY_TYPE, party.operator, party.firstLayer, party.endLayer, party.units)
            );
        }
        return keccak256(
            abi.encode(
                TERMS_TYPE,
                terms.modelDigest,
                terms.layers,
                terms.pool,
                terms.vault,
                terms.pricePerSecondAtomic,
                terms.stakeAtomic,
                terms.proposalEndsAt,
                terms.endsAt,
                terms.version,
                terms.id,
                terms.salt,
                keccak256(abi.encodePacked(parties))
            )
        );
    }

    /// What a re-split must keep: with another vault the members could cheat a harmed payer, with another stake each other.
    function frameHash(ICoalition.Terms calldata terms) internal pure returns (bytes32) {
        return keccak256(abi.encode(terms.modelDigest, terms.layers, terms.pool, terms.vault, terms.stakeAtomic));
    }

    /// Its place among the parties; `MAX_PARTIES` where it is none.
    function indexOf(ICoalition.Party[] calldata parties, address operator) internal pure returns (uint256) {
        for (uint256 i = 0; i < parties.length; i++) if (parties[i].operator == operator) return i;
        return MAX_PARTIES;
    }

    function operatorsOf(ICoalition.Party[] calldata parties) internal pure returns (address[] memory operators) {
        operators = new address[](parties.length);
        for (uint256 i = 0; i < operators.length; i++) operators[i] = parties[i].operator;
    }

    function _areParties(ICoalition.Party[] calldata parties) private pure returns (bool) {
        if (parties.length == 0 || parties.length > MAX_PARTIES) return false;
        for (uint256 i = 0; i < parties.length; i++) {
            if (parties[i].operator == address(0) || parties[i].units == 0) return false;
            if (indexOf(parties, parties[i].operator) != i) return false;
        }
        return true;
    }

    /// Whether the spans, in whatever order, cover each layer once; parties that share one share all of it.
    function _tile(ICoalition.Terms calldata terms) private pure returns (bool) {
        uint256 first = 0;
        uint256 placed = 0;
        while (first < terms.layers) {
            uint256 end = 0;
            for (uint256 i = 0; i < terms.parties.length; i++) {
                ICoalition.Party calldata party = terms.parties[i];
                if (party.firstLayer != first) continue;
                if (end != 0 && party.endLayer != end) return false;
                end = party.endLayer;
                placed++;
            }
            if (end <= first) return false;
            first = end;
        }
        return first == terms.layers && placed == terms.parties.length;
    }
}
