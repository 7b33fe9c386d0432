// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IUsdc} from "../interfaces/IUsdc.sol";
import {CoalitionBooks} from "./CoalitionBooks.sol";
import {CoalitionTerms} from "./CoalitionTerms.sol";

/// Who belongs to a coalition, by which terms, and whose stake lies here how long. It knows of disputes only that a stake is held
/// while one is open.
abstract contract Membership is CoalitionBooks {
    bytes32 private constant LEAVE_TYPE = keccak256("Leave(uint256 id,address operator,uint32 version)");

    struct Record {
        State state;
        uint32 version;
        uint64 proposalEndsAt;
        uint64 endsAt;
        /// When `end` was called; 0 before.
        uint64 endedAt;
        uint96 stakeAtomic;
        address vault;
        bytes32 termsHash;
        bytes32 frameHash;
        /// Kept for good: a slash is shared among the parties of the terms that were in force.
        mapping(uint32 version => Party[]) parties;
    }

    uint32 internal immutable unbondingSeconds;
    uint32 internal immutable maxTermSeconds;
    mapping(uint256 id => Record) internal records;
    /// When a re-split brought the operator in; 0 for founders.
    mapping(uint256 id => mapping(address operator => uint256)) internal joinedAt;
    mapping(bytes32 termsHash => uint256 id) public coalitionOf;
    uint256 public coalitionCount;

    constructor(uint32 unbondingSeconds_, uint32 maxTermSeconds_, IUsdc usdc_) CoalitionBooks(usdc_) {
        unbondingSeconds = unbondingSeconds_;
        maxTermSeconds = maxTermSeconds_;
    }

    // ── proposed ─────────────────────────────────────────────────────────────────────────────────────────────────────

    function propose(Terms calldata terms, Consent[] calldata consents) external nonReentrant returns (uint256 id) {
        CoalitionTerms.check(terms, maxTermSeconds);
        if (terms.id != 0) revert TermsInvalid();
        if (terms.version != 0) revert TermsVersionWrong(0, terms.version);
        bytes32 hash = termsHash(terms);
        // Else somebody could propose a copy first and have parties stake on different ones.
        if (coalitionOf[hash] != 0) revert ProposalExists(coalitionOf[hash]);
        id = ++coalitionCount;
        coalitionOf[hash] = id;
        Record storage c = records[id];
        c.state = State.Proposed;
        c.stakeAtomic = terms.stakeAtomic;
        c.vault = terms.vault;
        c.frameHash = CoalitionTerms.frameHash(terms);
        _write(c, terms, hash);
        emit Proposed(id, hash, CoalitionTerms.operatorsOf(terms.parties), terms.stakeAtomic);
        _take(id, hash, terms, consents);
    }

    function consent(uint256 id, Terms calldata terms, Consent[] calldata consents) external nonReentrant {
        Record storage c = _in(id, State.Proposed);
        if (block.timestamp > c.proposalEndsAt) revert TooLate(c.proposalEndsAt);
        bytes32 hash = termsHash(terms);
        if (hash != c.termsHash) revert TermsInvalid();
        _take(id, hash, terms, consents);
    }

    function activate(uint256 id) external nonReentrant {
        Record storage c = _in(id, State.Proposed);
        if (block.timestamp > c.proposalEndsAt) revert TooLate(c.proposalEndsAt);
        Party[] storage parties = c.parties[0];
        for (uint256 i = 0; i < parties.length; i++) {
            address operator = parties[i].operator;
            if (!stakes[id][operator].isMember) revert ConsentMissing(operator);
        }
        c.state = State.Active;
        emit Activated(id);
    }

    // ── active ───────────────────────────────────────────────────────────────────────────────────────────────────────

    function resplit(uint256 id, Terms calldata terms, Consent[] calldata consents) external nonReentrant {
        Record storage c = _in(id, State.Active);
        if (block.timestamp >= c.endsAt) revert TooLate(c.endsAt);
        if (terms.version != c.version + 1) revert TermsVersionWrong(c.version + 1, terms.version);
        CoalitionTerms.check(terms, maxTermSeconds);
        if (terms.id != id || CoalitionTerms.frameHash(terms) != c.frameHash) revert TermsInvalid();

        _leaveOut(id, c, terms);
        bytes32 hash = termsHash(terms);
        _write(c, terms, hash);
        emit Resplit(id, terms.version, hash, CoalitionTerms.operatorsOf(terms.parties));
        uint256 signed = _take(id, hash, terms, consents);
        for (uint256 i = 0; i < terms.parties.length; i++) {
            if (signed & (1 << i) == 0) revert ConsentMissing(terms.parties[i].operator);
        }
    }

    function leave(uint256 id, address operator, bytes calldata signature) external nonReentrant {
        Record storage c = _in(id, State.Active);
        if (!stakes[id][operator].isMember) revert NotMember(id, operator);
        bytes32 structHash = keccak256(abi.encode(LEAVE_TYPE, id, operator, c.version));
        _requireSigned(operator, _hashTypedDataV4(structHash), signature);
        _unbond(id, operator, block.timestamp + unbondingSeconds);
    }

    // ── over ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    function end(uint256 id) external nonReentrant {
        Record storage c = records[id];
        uint256 releasableAt = block.timestamp;
        if (c.state == State.Proposed) {
            if (block.timestamp <= c.proposalEndsAt) revert TooEarly(c.proposalEndsAt);
        } else if (c.state == State.Active) {
            if (block.timestamp < c.endsAt) revert TooEarly(c.endsAt);
            releasableAt += unbondingSeconds;
        } else {
            revert StateWrong(id, c.state);
        }
        c.state = State.Ended;
        c.endedAt = uint64(block.timestamp);
        Party[] storage parties = c.parties[c.version];
        for (uint256 i = 0; i < parties.length; i++) {
            address operator = parties[i].operator;
            if (stakes[id][operator].isMember) _unbond(id, operator, releasableAt);
        }
        emit Ended(id);
    }

    function release(uint256 id, address operator) external nonReentrant {
        Stake storage s = stakes[id][operator];
        uint96 amount = s.amountAtomic;
        if (amount == 0 || s.isMember) revert NothingToRelease(id, operator);
        if (block.timestamp < s.releasableAt) revert TooEarly(s.releasableAt);
        if (s.openDisputes != 0) revert DisputesOpen(id, operator);
        s.amountAtomic = 0;
        emit Released(id, operator, amount);
        _credit(operator, amount);
    }

    // ── views ────────────────────────────────────────────────────────────────────────────────────────────────────────

    function termsHash(Terms calldata terms) public view returns (bytes32) {
        return _hashTypedDataV4(CoalitionTerms.structHash(terms));
    }

    function stakeNonce(bytes32 termsHash_, address operator) public pure returns (bytes32) {
        return keccak256(abi.encode("stake", termsHash_, operator));
    }

    function stateOf(uint256 id)
        external
        view
        returns (State state, uint32 version, bytes32 termsHash_, uint64 endsAt)
    {
        Record storage c = records[id];
        return (c.state, c.version, c.termsHash, c.endsAt);
    }

    function partiesOf(uint256 id) external view returns (Party[] memory) {
        Record storage c = records[id];
        return c.parties[c.version];
    }

    // ── one coalition ────────────────────────────────────────────────────────────────────────────────────────────────

    function _in(uint256 id, State state) private view returns (Record storage c) {
        c = records[id];
        if (c.state != state) revert StateWrong(id, c.state);
    }

    function _write(Record storage c, Terms calldata terms, bytes32 hash) private {
        c.version = terms.version;
        c.proposalEndsAt = terms.proposalEndsAt;
        c.endsAt = terms.endsAt;
        c.termsHash = hash;
        Party[] storage parties = c.parties[terms.version];
        for (uint256 i = 0; i < terms.parties.length; i++) parties.push(terms.parties[i]);
    }

    /// Members that are no party of these terms leave. At least half must be: else a stranger, or one cheat with friends of his,
    /// could take a coalition over. Half is enough, so that of two the one who is still there can go on with another.
    function _leaveOut(uint256 id, Record storage c, Terms calldata terms) private {
        Party[] storage parties = c.parties[c.version];
        uint256 members = 0;
        uint256 staying = 0;
        for (uint256 i = 0; i < parties.length; i++) {
            address operator = parties[i].operator;
            if (!stakes[id][operator].isMember) continue;
            // One that was found guilty is as good as gone, and must not be what keeps the others from going on.
            if (!stakes[id][operator].isGuilty) members++;
            if (CoalitionTerms.indexOf(terms.parties, operator) < CoalitionTerms.MAX_PARTIES) staying++;
            else _unbond(id, operator, block.timestamp + unbondingSeconds);
        }
        if (staying == 0 || 2 * staying < members) revert MembersTooFew(id, staying, members);
    }

    /// Takes these consents and draws the stakes that are not here yet. Returns which parties signed, one bit each.
    function _take(uint256 id, bytes32 hash, Terms calldata terms, Consent[] calldata consents)
        private
        returns (uint256 signed)
    {
        for (uint256 i = 0; i < consents.length; i++) {
            Consent calldata one = consents[i];
            address operator = one.operator;
            uint256 index = CoalitionTerms.indexOf(terms.parties, operator);
            if (index == CoalitionTerms.MAX_PARTIES) revert NotParty(operator);
            Stake storage s = stakes[id][operator];
            // A proposal's party that has consented; refusing would let one consent sent ahead undo a list of them.
            bool isRepeated = signed & (1 << index) != 0 || (terms.version == 0 && s.isMember);
            if (isRepeated) continue;
            signed |= 1 << index;
            if (s.isGuilty) revert PartyGuilty(operator);
            _requireSigned(operator, hash, one.termsSignature);

            if (terms.version > 0 && !s.isMember) joinedAt[id][operator] = block.timestamp;
            s.isMember = true;
            s.releasableAt = 0;
            if (s.amountAtomic > 0) {
                emit Consented(id, operator, 0);
                continue;
            }
            s.amountAtomic = terms.stakeAtomic;
            emit Consented(id, operator, terms.stakeAtomic);
            _draw(one, terms.stakeAtomic, stakeNonce(hash, operator), one.stakeSignature);
        }
    }

    function _unbond(uint256 id, address operator, uint256 releasableAt) internal {
        Stake storage s = stakes[id][operator];
        s.isMember = false;
        s.releasableAt = uint64(releasableAt);
        emit Left(id, operator, uint64(releasableAt));
    }
}
