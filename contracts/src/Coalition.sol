// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICoalition} from "./interfaces/ICoalition.sol";
import {IUsdc} from "./interfaces/IUsdc.sol";
import {Auditors} from "./coalition/Auditors.sol";
import {HarmedPayer} from "./coalition/HarmedPayer.sol";
import {Membership} from "./coalition/Membership.sol";

/// Coalitions of strangers with a stake each, accusations with a bond, verdicts by a quorum of auditors, and slashes that make the
/// harmed payer whole first. One contract for many coalitions; USDC only.
///
/// Whose money is where: a stake is its party's until a verdict takes a part of it; a bond is the accuser's until a verdict says
/// that the accused was innocent; a credit is its account's, whom `withdraw` pays. Nothing else lies here, and there is no fee.
///
/// Who can do what with whose money:
/// - a relayer, or anybody: send what others have signed, and call what is due. Nothing by its own word;
/// - a party: bind itself and its stake, leave, answer. It gets its stake after `unbondingSeconds`, and no earlier than all
///   accusations against it are settled;
/// - an accuser: put its own bond at stake. Nobody is slashed by being accused;
/// - a quorum of auditors: have the reason's share of one party's stake taken, and that alone. They cannot say who gets it, but for
///   the payer, whose session the accuser names and whom they so vouch for; the vault is the one that all parties signed;
/// - the owner: name auditors and the quorum, and through auditors of its own what a quorum can. It can move no money by itself.
///
/// A vote counts while its auditor is registered: a removed one's falls away in every open dispute, back with it should it be named
/// again. A verdict that was reached stands.
contract Coalition is Membership, Auditors {
    bytes32 private constant RESPOND_TYPE = keccak256("Respond(uint256 dispute,bytes32 responseHash)");
    bytes32 private constant VOTE_TYPE = keccak256("Vote(uint256 dispute,bool isGuilty,bytes32 evidenceHash)");
    uint256 private constant BPS = 10_000;

    enum Ballot {
        None,
        Guilty,
        Innocent
    }

    address public immutable treasury;
    uint96 private immutable bondAtomic;
    uint96 private immutable accuserCostAtomic;
    uint32 private immutable responseSeconds;
    uint32 private immutable voteSeconds;
    /// 16 bits for each reason.
    uint64 private immutable slashBps;

    uint256 public disputeCount;
    mapping(uint256 dispute => Dispute) private disputes;
    mapping(uint256 dispute => mapping(address auditor => Ballot)) private ballots;
    /// What payers were paid out of slashes: no session's more than it owes, however many are guilty of harming it.
    mapping(address vault => mapping(bytes32 session => uint256)) private repaidAtomic;
    /// The dispute in which a party was found guilty on this evidence: one breach is one slash, however many accuse.
    mapping(address accused => mapping(bytes32 evidenceHash => uint256 dispute)) private punishedIn;

    constructor(Config memory c)
        Membership(c.unbondingSeconds, c.maxTermSeconds, IUsdc(c.usdc))
        Auditors(c.owner, c.quorum)
    {
        if (
            IUsdc(c.usdc).decimals() != 6 || c.treasury == address(0) || c.bondAtomic == 0 || c.responseSeconds == 0
                || c.voteSeconds == 0 || c.maxTermSeconds == 0
                || uint256(c.unbondingSeconds) < uint256(c.responseSeconds) + c.voteSeconds
        ) revert ConfigInvalid();
        uint64 packed = 0;
        for (uint256 i = 0; i < 4; i++) {
            if (c.slashBps[i] == 0 || c.slashBps[i] > BPS) revert ConfigInvalid();
            packed |= uint64(c.slashBps[i]) << uint64(16 * i);
        }
        slashBps = packed;
        treasury = c.treasury;
        bondAtomic = c.bondAtomic;
        accuserCostAtomic = c.accuserCostAtomic;
        responseSeconds = c.responseSeconds;
        voteSeconds = c.voteSeconds;
    }

    // ── accuser and accused ──────────────────────────────────────────────────────────────────────────────────────────

    function accuse(
        uint256 id,
        address accused,
        Reason reason,
        bytes32 session,
        bytes32 evidenceHash,
        string calldata evidenceUri,
        Consent calldata bond,
        uint96 bondAtomic_
    ) external nonReentrant returns (uint256 dispute) {
        Record storage c = records[id];
        if (c.state != State.Active && c.state != State.Ended) revert StateWrong(id, c.state);
        Stake storage s = stakes[id][accused];
        // A stake that nobody has fetched yet is free from the second on at which it could have been.
        bool isLiable = s.amountAtomic > 0 && (s.isMember || block.timestamp < s.releasableAt);
        if (!isLiable) revert NotMember(id, accused);
        if (bond.operator == accused) revert SelfAccusation();
        if (bondAtomic_ < bondAtomic) revert BondTooSmall(bondAtomic_, bondAtomic);
        uint256 earlier = punishedIn[accused][evidenceHash];
        if (earlier != 0) revert BreachPunished(earlier);
        s.openDisputes++;

        dispute = ++disputeCount;
        Dispute storage d = disputes[dispute];
        d.coalition = id;
        d.accused = accused;
        d.accuser = bond.operator;
        d.reason = reason;
        d.session = session;
        d.evidenceHash = evidenceHash;
        d.bondAtomic = bondAtomic_;
        d.openedAt = uint64(block.timestamp);
        d.respondUntil = uint64(block.timestamp + responseSeconds);
        d.voteUntil = uint64(block.timestamp + responseSeconds + voteSeconds);
        d.version = c.version;
        d.quorum = quorum;
        emit Accused(dispute, id, accused, bond.operator, reason, session, evidenceHash, evidenceUri);
        _draw(bond, bondAtomic_, bondNonce(id, accused, reason, session, evidenceHash), bond.stakeSignature);
    }

    function respond(uint256 dispute, bytes32 responseHash, string calldata responseUri, bytes calldata signature)
        external
        nonReentrant
    {
        Dispute storage d = _open(dispute);
        if (block.timestamp > d.respondUntil) revert TooLate(d.respondUntil);
        bytes32 structHash = keccak256(abi.encode(RESPOND_TYPE, dispute, responseHash));
        _requireSigned(d.accused, _hashTypedDataV4(structHash), signature);
        d.responseHash = responseHash;
        // The answer ends the window; how long votes may be cast stays as it was told.
        d.respondUntil = uint64(block.timestamp);
        emit Responded(dispute, responseHash, responseUri);
    }

    // ── auditors ─────────────────────────────────────────────────────────────────────────────────────────────────────

    function vote(uint256 dispute, bool isGuilty, address auditor, bytes calldata signature) external nonReentrant {
        Dispute storage d = _open(dispute);
        if (!isAuditor(auditor)) revert NotAuditor(auditor);
        // Whoever has, or had, a stake in the coalition would share in the slash, or be spared it next time.
        Stake storage s = stakes[d.coalition][auditor];
        bool isParty = s.isMember || s.amountAtomic > 0 || s.releasableAt > 0;
        if (isParty || auditor == d.accuser) revert AuditorInvolved(dispute, auditor);
        if (block.timestamp <= d.respondUntil) revert TooEarly(d.respondUntil);
        if (block.timestamp > d.voteUntil) revert TooLate(d.voteUntil);
        if (ballots[dispute][auditor] != Ballot.None) revert AlreadyVoted(dispute, auditor);
        bytes32 structHash = keccak256(abi.encode(VOTE_TYPE, dispute, isGuilty, d.evidenceHash));
        _requireSigned(auditor, _hashTypedDataV4(structHash), signature);

        ballots[dispute][auditor] = isGuilty ? Ballot.Guilty : Ballot.Innocent;
        emit Voted(dispute, auditor, isGuilty);
        (d.guiltyVotes, d.innocentVotes) = _count(dispute);
        if (d.guiltyVotes >= d.quorum) {
            // At once, and not when it is settled: until then it could be signed into new terms, or share in another's slash.
            stakes[d.coalition][d.accused].isGuilty = true;
            if (punishedIn[d.accused][d.evidenceHash] == 0) punishedIn[d.accused][d.evidenceHash] = dispute;
            _decide(dispute, d, Verdict.Guilty);
        } else if (d.innocentVotes >= d.quorum) {
            _decide(dispute, d, Verdict.Innocent);
        }
    }

    // ── anyone ───────────────────────────────────────────────────────────────────────────────────────────────────────

    function close(uint256 dispute) external nonReentrant {
        Dispute storage d = _open(dispute);
        if (block.timestamp <= d.voteUntil) revert TooEarly(d.voteUntil);
        (d.guiltyVotes, d.innocentVotes) = _count(dispute);
        _decide(dispute, d, Verdict.Undecided);
    }

    function settle(uint256 dispute) external nonReentrant {
        Dispute storage d = _known(dispute);
        if (d.verdict == Verdict.Open) revert DisputeOpen(dispute);
        if (d.isSettled) revert DisputeDecided(dispute);
        d.isSettled = true;
        stakes[d.coalition][d.accused].openDisputes--;
        // Accused by several at once: whoever came second was right, and gets the bond back and no more.
        if (d.verdict == Verdict.Guilty && punishedIn[d.accused][d.evidenceHash] == dispute) _slash(dispute, d);
        if (d.verdict == Verdict.Innocent) {
            emit BondForfeited(dispute, d.bondAtomic, 0);
            _credit(d.accused, d.bondAtomic);
        } else {
            emit BondReturned(dispute, d.accuser, d.bondAtomic);
            _credit(d.accuser, d.bondAtomic);
        }
    }

    // ── views ────────────────────────────────────────────────────────────────────────────────────────────────────────

    function bondNonce(uint256 id, address accused, Reason reason, bytes32 session, bytes32 evidenceHash)
        public
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode("bond", id, accused, reason, session, evidenceHash));
    }

    function disputeOf(uint256 dispute) external view returns (Dispute memory d) {
        d = disputes[dispute];
        if (d.verdict == Verdict.Open) (d.guiltyVotes, d.innocentVotes) = _count(dispute);
    }

    function config() external view returns (Config memory c) {
        c.usdc = address(usdc);
        c.owner = owner();
        c.treasury = treasury;
        c.quorum = quorum;
        c.bondAtomic = bondAtomic;
        c.accuserCostAtomic = accuserCostAtomic;
        c.responseSeconds = responseSeconds;
        c.voteSeconds = voteSeconds;
        c.unbondingSeconds = unbondingSeconds;
        c.maxTermSeconds = maxTermSeconds;
        for (uint256 i = 0; i < 4; i++) c.slashBps[i] = _slashBpsOf(i);
    }

    // ── one dispute ──────────────────────────────────────────────────────────────────────────────────────────────────

    function _known(uint256 dispute) private view returns (Dispute storage d) {
        d = disputes[dispute];
        if (d.accused == address(0)) revert DisputeUnknown(dispute);
    }

    function _open(uint256 dispute) private view returns (Dispute storage d) {
        d = _known(dispute);
        if (d.verdict != Verdict.Open) revert DisputeDecided(dispute);
    }

    function _decide(uint256 dispute, Dispute storage d, Verdict verdict) private {
        d.verdict = verdict;
        emit Decided(dispute, verdict);
    }

    function _count(uint256 dispute) private view returns (uint16 guilty, uint16 innocent) {
        address[] memory all = auditors();
        for (uint256 i = 0; i < all.length; i++) {
            Ballot ballot = ballots[dispute][all[i]];
            if (ballot == Ballot.Guilty) guilty++;
            else if (ballot == Ballot.Innocent) innocent++;
        }
    }

    function _slashBpsOf(uint256 reason) private view returns (uint16) {
        return uint16(slashBps >> (16 * reason));
    }

    function _slash(uint256 dispute, Dispute storage d) private {
        Stake storage s = stakes[d.coalition][d.accused];
        if (s.isMember) _unbond(d.coalition, d.accused, block.timestamp + unbondingSeconds);
        // Down. Of the stake by the terms: a second breach harms no less because a first was punished.
        uint256 slashed = uint256(records[d.coalition].stakeAtomic) * _slashBpsOf(uint256(d.reason)) / BPS;
        if (slashed > s.amountAtomic) slashed = s.amountAtomic;
        s.amountAtomic -= uint96(slashed);

        uint256 toPayer = _repay(dispute, d, slashed);
        uint256 rest = slashed - toPayer;
        uint256 toAccuser = rest < accuserCostAtomic ? rest : accuserCostAtomic;
        rest -= toAccuser;
        _credit(d.accuser, toAccuser);
        uint256 toMembers = _share(d, rest);
        rest -= toMembers;
        _credit(treasury, rest);
        emit Slashed(
            dispute,
            d.coalition,
            d.accused,
            uint96(slashed),
            uint96(toPayer),
            uint96(toAccuser),
            uint96(toMembers),
            uint96(rest)
        );
    }

    /// What of the slash makes the harmed payer whole. Nothing where that is the guilty one itself, or who voted here: refusing
    /// its vote would let a vault that lies name each auditor in turn. Nor this contract, which could never withdraw.
    function _repay(uint256 dispute, Dispute storage d, uint256 slashed) private returns (uint256 amount) {
        if (d.session == 0 || slashed == 0) return 0;
        address vault = records[d.coalition].vault;
        (address payer, uint256 owed) = HarmedPayer.find(vault, d.session);
        uint256 repaid = repaidAtomic[vault][d.session];
        bool isBarred = payer == d.accused || payer == address(this) || ballots[dispute][payer] != Ballot.None;
        if (isBarred || owed <= repaid) return 0;
        amount = owed - repaid < slashed ? owed - repaid : slashed;
        repaidAtomic[vault][d.session] = repaid + amount;
        _credit(payer, amount);
    }

    /// Equal parts, rounded down, for those who were members when this party was accused, or when the coalition ended if that was
    /// before. Members of today would be the wrong ones, and so would those whom a re-split brought in less than an unbonding
    /// before: the guilty one could have its friends come just in time.
    function _share(Dispute storage d, uint256 amount) private returns (uint256 shared) {
        Record storage c = records[d.coalition];
        uint256 since = d.openedAt;
        if (c.endedAt != 0 && c.endedAt < since) since = c.endedAt;
        Party[] storage parties = c.parties[d.version];
        address[] memory honest = new address[](parties.length);
        uint256 count = 0;
        for (uint256 i = 0; i < honest.length; i++) {
            address operator = parties[i].operator;
            Stake storage s = stakes[d.coalition][operator];
            bool wasMember = s.isMember || s.releasableAt >= since + unbondingSeconds;
            uint256 joined = joinedAt[d.coalition][operator];
            bool isNew = joined != 0 && joined + unbondingSeconds > since;
            if (wasMember && !isNew && !s.isGuilty && operator != d.accused) honest[count++] = operator;
        }
        if (count == 0) return 0;
        uint256 each = amount / count;
        for (uint256 i = 0; i < count; i++) _credit(honest[i], each);
        return each * count;
    }
}
