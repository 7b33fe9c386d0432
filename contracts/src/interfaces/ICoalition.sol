// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Coalitions' data, events and refusals. Atomic is USDC's smallest unit (6 decimals); times are Unix seconds of the chain;
/// basis points (bps) are ten-thousandths.
interface ICoalition {
    struct Config {
        address usdc;
        address owner;
        /// Gets dust, and what a slash leaves where nobody else is owed it.
        address treasury;
        /// How many of the registered auditors must agree.
        uint16 quorum;
        /// A bond is at least this; an accuser who is wrong loses it.
        uint96 bondAtomic;
        /// What an accuser who was right gets out of the slash, beside the bond: its cost.
        uint96 accuserCostAtomic;
        /// How long the accused may answer before auditors vote, and how long they may vote after that.
        uint32 responseSeconds;
        uint32 voteSeconds;
        /// How long a stake stays after its owner left: at least response + vote, so that nobody leaves before a verdict.
        uint32 unbondingSeconds;
        /// Longest term of a coalition.
        uint32 maxTermSeconds;
        /// Share of the stake that a verdict takes, by `Reason`; each above 0, at most 10,000.
        uint16[4] slashBps;
    }

    /// One operator's part of the terms.
    struct Party {
        address operator;
        /// Layers [firstLayer, endLayer).
        uint16 firstLayer;
        uint16 endLayer;
        uint32 units;
    }

    /// What every party signs (EIP-712, domain "ComputePool Coalition", version "1"). Spans tile [0, layers); several parties
    /// may hold the same span. A re-split keeps model, layers, pool, vault and stake; price, end, parties, spans and units may
    /// change.
    struct Terms {
        /// SHA-256 of the pack's manifest.
        bytes32 modelDigest;
        uint16 layers;
        /// Superfluid pool that the units are of, and the vault that pays it.
        address pool;
        address vault;
        uint96 pricePerSecondAtomic;
        uint96 stakeAtomic;
        /// Until when all must have signed; until when the coalition lasts.
        uint64 proposalEndsAt;
        uint64 endsAt;
        /// 0 for a proposal, then 1 more for each re-split.
        uint32 version;
        /// 0 for a proposal; the coalition that is re-split.
        uint256 id;
        /// Makes two proposals of the same content two.
        bytes32 salt;
        Party[] parties;
    }

    /// One party's word: its signature over the terms, and an EIP-3009 ReceiveWithAuthorization of `stakeAtomic` to this contract
    /// whose nonce is `stakeNonce(termsHash, operator)`. Receive and not Transfer: a transfer could be handed to the token by
    /// anybody who sees it, and would then lie here as nobody's. `stakeSignature` is empty where the stake lies here already.
    struct Consent {
        address operator;
        bytes termsSignature;
        uint256 validAfter;
        uint256 validBefore;
        bytes stakeSignature;
    }

    enum State {
        None,
        Proposed,
        Active,
        Ended
    }

    /// Why a party is accused; the order of `Config.slashBps`.
    enum Reason {
        WrongOutput,
        BrokenReceipts,
        Withheld,
        FalseWitness
    }

    enum Verdict {
        Open,
        Guilty,
        Innocent,
        /// No quorum in time: the bond goes back, nobody is slashed.
        Undecided
    }

    struct Stake {
        uint96 amountAtomic;
        /// 0 while the operator is a member; then when the stake may be released.
        uint64 releasableAt;
        /// Accusations that are not settled.
        uint32 openDisputes;
        bool isMember;
        /// Found guilty in this coalition; never again its member.
        bool isGuilty;
    }

    struct Dispute {
        uint256 coalition;
        address accused;
        address accuser;
        Reason reason;
        /// Session of the vault whose payer was harmed; 0 where none was.
        bytes32 session;
        bytes32 evidenceHash;
        /// 0 where nobody has answered.
        bytes32 responseHash;
        uint96 bondAtomic;
        uint64 openedAt;
        /// The last second of each window. An answer ends the first at once, so that votes may be cast from the next second on.
        uint64 respondUntil;
        uint64 voteUntil;
        /// Terms in force when accused; whoever was a member by them shares in the slash.
        uint32 version;
        /// Votes that a verdict takes, as it was set when accused.
        uint16 quorum;
        /// Votes of accounts that are auditors still: a removed auditor's fall away until there is a verdict.
        uint16 guiltyVotes;
        uint16 innocentVotes;
        Verdict verdict;
        bool isSettled;
    }

    event Proposed(uint256 indexed id, bytes32 termsHash, address[] operators, uint96 stakeAtomic);
    /// `stakeAtomic` is what it brought along; 0 where its stake lay here already.
    event Consented(uint256 indexed id, address indexed operator, uint96 stakeAtomic);
    event Activated(uint256 indexed id);
    event Resplit(uint256 indexed id, uint32 version, bytes32 termsHash, address[] operators);
    event Left(uint256 indexed id, address indexed operator, uint64 releasableAt);
    event Released(uint256 indexed id, address indexed operator, uint96 amountAtomic);
    event Ended(uint256 indexed id);
    event Accused(
        uint256 indexed dispute,
        uint256 indexed id,
        address indexed accused,
        address accuser,
        Reason reason,
        bytes32 session,
        bytes32 evidenceHash,
        string evidenceUri
    );
    event Responded(uint256 indexed dispute, bytes32 responseHash, string responseUri);
    event Voted(uint256 indexed dispute, address indexed auditor, bool isGuilty);
    event Decided(uint256 indexed dispute, Verdict verdict);
    event Slashed(
        uint256 indexed dispute,
        uint256 indexed id,
        address indexed accused,
        uint96 slashedAtomic,
        uint96 toPayerAtomic,
        uint96 toAccuserAtomic,
        uint96 toMembersAtomic,
        uint96 toTreasuryAtomic
    );
    event BondReturned(uint256 indexed dispute, address indexed accuser, uint96 amountAtomic);
    event BondForfeited(uint256 indexed dispute, uint96 toAccusedAtomic, uint96 toTreasuryAtomic);
    event Credited(address indexed account, uint256 amountAtomic);
    event Withdrawn(address indexed account, uint256 amountAtomic);
    event AuditorSet(address indexed auditor, bool isAuditor);
    event QuorumSet(uint16 quorum);

    error ConfigInvalid();
    error OwnerNeeded();
    /// These very terms were proposed before, as this coalition.
    error ProposalExists(uint256 id);
    error PartyGuilty(address operator);
    /// A re-split that fewer than half of the present members are part of.
    error MembersTooFew(uint256 id, uint256 staying, uint256 members);
    error TermsInvalid();
    error TermsVersionWrong(uint32 expected, uint32 given);
    error StakeZero();
    error StateWrong(uint256 id, State state);
    error TooLate(uint64 until);
    error TooEarly(uint64 until);
    error SignatureInvalid(address signer);
    error ConsentMissing(address operator);
    error NotMember(uint256 id, address account);
    error NotParty(address account);
    error NotAuditor(address account);
    error AlreadyVoted(uint256 dispute, address auditor);
    error AuditorInvolved(uint256 dispute, address auditor);
    error DisputeUnknown(uint256 dispute);
    error DisputeDecided(uint256 dispute);
    error DisputeOpen(uint256 dispute);
    error DisputesOpen(uint256 id, address operator);
    error BondTooSmall(uint96 bondAtomic, uint96 leastAtomic);
    error SelfAccusation();
    /// The accused was found guilty on this evidence already.
    error BreachPunished(uint256 dispute);
    error NothingToRelease(uint256 id, address operator);
    error TransferShort(uint256 expected, uint256 received);

    // Anyone may relay: authority lies in the signatures.

    /// A coalition of these terms, with whatever consents come along. Returns the id, from 1. The same terms are proposed once.
    function propose(Terms calldata terms, Consent[] calldata consents) external returns (uint256 id);
    /// Takes consents, and their stakes; each party's counts once, a repeated one is passed over.
    function consent(uint256 id, Terms calldata terms, Consent[] calldata consents) external;
    /// Proposed, and every party has consented: active.
    function activate(uint256 id) external;
    /// Active: new spans, units and parties by terms of the next version, which everybody who stays or comes has signed; at
    /// least half of the members stay. Whoever is left out leaves, and its stake unbonds; who comes back while it does brings
    /// no new one.
    function resplit(uint256 id, Terms calldata terms, Consent[] calldata consents) external;
    /// A member leaves by its own signature over Leave(uint256 id,address operator,uint32 version), the version being that of
    /// the terms in force, so that the signature is worth nothing against a member that came back; its stake unbonds.
    function leave(uint256 id, address operator, bytes calldata signature) external;
    /// Proposed and too late, or active and its term over: ended. Stakes of a proposal may be released at once.
    function end(uint256 id) external;
    /// Credits a stake that unbonded, has no open dispute, and is not a member's.
    function release(uint256 id, address operator) external;

    /// Opens a dispute against whoever has a stake, a member or one that unbonds. The bond is a ReceiveWithAuthorization
    /// (EIP-3009) of the accuser's, `bond.operator`, whose nonce is `bondNonce(id, accused, reason, session, evidenceHash)`;
    /// `bond.termsSignature` is not read. The URI is nobody's word, only where to look first: evidence is what has the hash.
    /// Auditors judge `session` with the rest.
    function accuse(
        uint256 id,
        address accused,
        Reason reason,
        bytes32 session,
        bytes32 evidenceHash,
        string calldata evidenceUri,
        Consent calldata bond,
        uint96 bondAtomic
    ) external returns (uint256 dispute);
    /// The accused's answer, by its signature over Respond(uint256 dispute,bytes32 responseHash). Once; of the URI holds what
    /// holds of the accusation's.
    function respond(uint256 dispute, bytes32 responseHash, string calldata responseUri, bytes calldata signature) external;
    /// An auditor's vote, by its signature over Vote(uint256 dispute,bool isGuilty,bytes32 evidenceHash). After the response
    /// window, or after the response.
    function vote(uint256 dispute, bool isGuilty, address auditor, bytes calldata signature) external;
    /// After the vote's time without a quorum: undecided.
    function close(uint256 dispute) external;
    /// Pays out what a verdict says, once: the harmed payer, the accuser's cost, the honest members, the treasury. The slash is
    /// the reason's share of the stake by the terms, at most what is left of it; where another dispute on the same evidence
    /// found the party guilty first, there is none. A payer who voted here is not paid as one. Honest are those who were
    /// members when this party was accused (founders, or come by a re-split at least an unbonding before) and were not found
    /// guilty; who left since then shares, unless a re-split brought it back: that counts from when it did.
    function settle(uint256 dispute) external;
    /// Sends what an account was credited to that account.
    function withdraw(address account) external returns (uint256 amountAtomic);

    function setAuditor(address auditor, bool isAllowed) external;
    /// For disputes to come; an open one keeps the quorum that it was opened at.
    function setQuorum(uint16 quorum) external;

    function termsHash(Terms calldata terms) external view returns (bytes32);
    function stakeNonce(bytes32 termsHash_, address operator) external pure returns (bytes32);
    function bondNonce(uint256 id, address accused, Reason reason, bytes32 session, bytes32 evidenceHash)
        external
        pure
        returns (bytes32);
    function stateOf(uint256 id) external view returns (State state, uint32 version, bytes32 termsHash_, uint64 endsAt);
    /// The coalition that these terms were proposed as; 0 where they were not.
    function coalitionOf(bytes32 termsHash_) external view returns (uint256 id);
    /// Parties of the terms in force, those among them that have left included: whether one is a member `stakeOf` says.
    function partiesOf(uint256 id) external view returns (Party[] memory parties);
    function stakeOf(uint256 id, address operator) external view returns (Stake memory stake);
    function disputeOf(uint256 dispute) external view returns (Dispute memory);
    function creditOf(address account) external view returns (uint256 amountAtomic);
    /// Stakes + bonds + credits: what the contract must hold.
    function heldAtomic() external view returns (uint256);
    /// As constructed, with today's owner and quorum.
    function config() external view returns (Config memory);
    function auditors() external view returns (address[] memory);
    function isAuditor(address account) external view returns (bool);
    function coalitionCount() external view returns (uint256);
    function disputeCount() external view returns (uint256);
}
