// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IUsdc} from "./interfaces/IUsdc.sol";
import {OperatorPool} from "./OperatorPool.sol";
import {SessionAccount} from "./SessionAccount.sol";
import {Vouchers} from "./Vouchers.sol";

/// One coalition's till: a voucher comes in, operators are streamed to by the second, the rest goes back to the payer.
///
/// Whose money is where:
/// - a session's cap less its due is the payer's. Nobody can spend it but by a larger due, and that is bounded here by the
///   cap, and by rate x seconds streamed within leases plus `slackSeconds` for every command;
/// - the reserve is the owner's. It lends Superfluid's buffers and bears what was streamed beyond the due (a stream that
///   stopped late); such overruns are `prepaidWei`, which later dues repay. What live streams may still cost is locked;
/// - `owedWei` above zero is the operators', not yet paid out: rounding, or a time without units.
/// The books hold: vault + accounts = reserve + sum of (cap - due) + owed + held refunds, to the wei.
///
/// Who can do what with whose money:
/// - settler: turn a payer's signed voucher into that payer's session. Nothing else;
/// - keeper: charge sessions within the bounds above, choose the operators and their units, and spend the reserve by letting
///   streams run that nobody is charged for. It can never take a payer's refund, nor send money to any other place;
/// - owner: withdraw the free reserve, set the price of sessions to come, name settlers and keepers. No session's money;
/// - payer: end its session at any time, and be refunded; - anyone: end a session whose lease or life is over.
contract StreamVault is OperatorPool, Ownable2Step, ReentrancyGuardTransient {
    using EnumerableSet for EnumerableSet.Bytes32Set;
    using SafeCast for uint256;
    using SafeCast for int256;
    using SafeERC20 for IUsdc;

    /// Requests that one session may run at once; a rate is the session's price times at most this.
    uint256 public constant MAX_RUNNING = 16;
    /// 1,000 USDC a second and a billion USDC a session: far above use, far below what could overflow.
    uint256 private constant MAX_PRICE_ATOMIC = 1e9;
    uint256 private constant MAX_CAP_ATOMIC = 1e15;
    uint256 private constant WEI_PER_ATOMIC = 1e12;
    /// Gas that the ending of one session must find while reaping. Without it a gas estimate would settle on the least with which
    /// that call is cut short and its failure swallowed.
    uint256 private constant REAP_GAS = 1_500_000;

    struct Record {
        address payer;
        uint64 epoch;
        State state;
        uint96 capAtomic;
        uint96 dueAtomic;
        uint64 priceAtomic;
        /// Upper bound of the due so far; saturates at the cap.
        uint96 allowedAtomic;
        uint96 rateWei;
        uint64 unitsEpoch;
        uint96 flowWei;
        uint40 startedAt;
        /// Time of the last command that counted.
        uint40 settledAt;
        uint40 leaseUntil;
        /// What the account held then, by these books; below 0 where a stream outlived its money.
        int128 accountWei;
        uint128 lockedWei;
    }

    struct Books {
        /// The owner's deposits, less withdrawals and lost buffers, plus gifts.
        int128 reserveWei;
        /// Above 0 the operators are owed it, below 0 they have it in advance.
        int128 owedWei;
        uint128 lockedWei;
        uint128 liveRateWei;
        /// USDCx that the vault itself should hold.
        uint128 vaultWei;
        /// What accounts of stopped streams lack.
        uint128 debtWei;
    }

    IUsdc public immutable usdc;
    uint32 public immutable maxLeaseSeconds;
    uint32 public immutable maxSessionSeconds;
    uint32 public immutable slackSeconds;

    uint256 public pricePerSecondAtomic;
    mapping(address account => bool) public isSettler;
    mapping(address account => bool) public isKeeper;
    /// Refunds that USDC would not deliver; the payer claims them to where it likes.
    mapping(address payer => uint256) public claimableAtomic;

    Books private books;
    mapping(bytes32 id => Record) private records;
    EnumerableSet.Bytes32Set private live;
    /// Every session in order of opening, which is the order of expiry; those before the head are closed.
    bytes32[] private opened;
    uint256 private openedHead;

    constructor(Config memory config) OperatorPool(config.usdcx) Ownable(config.owner) {
        usdc = IUsdc(usdcx.getUnderlyingToken());
        if (
            usdc.decimals() != 6 || config.maxLeaseSeconds == 0 || config.maxSessionSeconds < config.maxLeaseSeconds
                || config.slackSeconds > config.maxLeaseSeconds
        ) revert ConfigInvalid();
        maxLeaseSeconds = config.maxLeaseSeconds;
        maxSessionSeconds = config.maxSessionSeconds;
        slackSeconds = config.slackSeconds;
        _setPrice(config.pricePerSecondAtomic);
        _setSettler(config.settler, true);
        _setKeeper(config.keeper, true);
    }

    modifier onlySettler() {
        if (!isSettler[msg.sender]) revert NotSettler(msg.sender);
        _;
    }

    modifier onlyKeeper() {
        if (!isKeeper[msg.sender]) revert NotKeeper(msg.sender);
        _;
    }

    // ── settler ──────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Draws the voucher and opens its session in one step, so a voucher is one session and a session is paid for.
    function open(Voucher calldata v) external nonReentrant onlySettler returns (bytes32 id) {
        id = _open(v, false);
        Vouchers.draw(usdc, v);
        _wrap(v.value);
    }

    /// Opens the session of a voucher that somebody else redeemed at the token: the value lies here as plain USDC then. A spent
    /// nonce may also be a cancelled one, so the settler must have seen this voucher's transfer; the vault makes sure only
    /// that the payer signed, that the voucher has no session yet, and that USDC nobody owns covers it.
    function adopt(Voucher calldata v) external nonReentrant onlySettler returns (bytes32 id) {
        id = _open(v, true);
        Vouchers.checkSpent(usdc, v);
        uint256 unallocated = unallocatedAtomic();
        if (unallocated < v.value) revert UnallocatedTooSmall(unallocated, v.value);
        _wrap(v.value);
    }

    // ── keeper ───────────────────────────────────────────────────────────────────────────────────────────────────────

    /// The session's target: this rate until this time, and owing this much in total. Absolute, so that it may be repeated and
    /// come late: an epoch at or below the session's, or a closed session, is left alone. The lease is cut to
    /// `maxLeaseSeconds`, to the session's life, and to what the cap still pays; where nothing is left of it, this is a stop.
    function set(bytes32 id, uint64 epoch, uint96 rateWei, uint64 leaseUntil, uint256 dueAtomic)
        external
        nonReentrant
        onlyKeeper
    {
        Record storage s = _known(id);
        if (_isSuperseded(id, s, epoch)) return;
        uint256 step = s.priceAtomic * WEI_PER_ATOMIC;
        if (rateWei % step != 0 || rateWei > step * MAX_RUNNING) revert RateNotAllowed(rateWei, step);
        s.epoch = epoch;

        uint96 chainFlowWei = _settle(id, s, _boundDue(id, s, rateWei, dueAtomic));
        uint256 until = _leaseOf(s, rateWei, leaseUntil);
        if (until <= block.timestamp) (rateWei, until) = (0, block.timestamp);
        _stream(id, s, rateWei, until, chainFlowWei);
        if (rateWei == 0) _payOperators();
        else if (_freeWei() < 0) revert ReserveTooSmall(_freeWei());
        emit StreamSet(id, epoch, rateWei, s.flowWei, uint64(until), s.dueAtomic);
    }

    /// Stops, pays the operators up to the due, and refunds the rest of the cap. Final. Late or repeated: left alone, as `set`.
    function close(bytes32 id, uint64 epoch, uint256 dueAtomic) external nonReentrant onlyKeeper {
        Record storage s = _known(id);
        if (_isSuperseded(id, s, epoch)) return;
        s.epoch = epoch;
        _close(id, s, _boundDue(id, s, 0, dueAtomic));
    }

    /// The operators and their units, absolute: who is not listed has none from now on. Connects new members, so that their
    /// balance ticks without a transaction of their own. Live streams follow at once; see `OperatorPool` for bounds.
    function setUnits(uint64 epoch, address[] calldata accounts, uint128[] calldata units)
        external
        nonReentrant
        onlyKeeper
    {
        if (_setUnits(epoch, accounts, units)) _payOperators();
    }

    // ── anyone ───────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Ends a session without the keeper: its payer at any time, anyone once its lease (while streaming) or its life is over.
    /// Charged are the seconds streamed within the lease since the last command. A closed session is left alone.
    function end(bytes32 id) external nonReentrant {
        Record storage s = _known(id);
        if (s.state == State.Closed) return;
        if (msg.sender != s.payer && !_isExpired(s)) revert NotExpired(id);
        uint256 due = s.dueAtomic + s.rateWei * _leasedSeconds(s) / WEI_PER_ATOMIC;
        _close(id, s, due < s.capAtomic ? due : s.capAtomic);
    }

    /// Ends those of the sessions that are over and skips the others; one that cannot be ended does not hold up the rest.
    function reap(bytes32[] calldata ids) external {
        for (uint256 i = 0; i < ids.length; i++) {
            Record storage s = records[ids[i]];
            if (!_isExpired(s)) continue;
            if (gasleft() < REAP_GAS) revert GasTooLow();
            try this.end(ids[i]) {}
            catch {
                emit ReapFailed(ids[i]);
            }
        }
    }

    /// Takes a refund that USDC refused to deliver; only its payer can, to any address.
    function claimRefund(address to) external nonReentrant {
        uint256 amount = claimableAtomic[msg.sender];
        if (amount == 0) revert AmountInvalid(0);
        claimableAtomic[msg.sender] = 0;
        _unwrapTo(to, amount);
        emit RefundClaimed(msg.sender, to, amount);
    }

    /// Makes good, out of the free reserve, what a stopped stream paid beyond its account's money (nobody stopped it, and nobody
    /// liquidated it, for longer than the buffer lasted).
    function cover(bytes32 id) external nonReentrant {
        Record storage s = _known(id);
        if (s.state == State.Streaming || s.accountWei >= 0) revert AmountInvalid(0);
        int256 held = _holdings(accountOf(id));
        int256 change = held - s.accountWei;
        if (change != 0) {
            books.reserveWei += change.toInt128();
            emit AccountAdjusted(id, change);
        }
        uint256 missing = held < 0 ? uint256(-held) : 0;
        // The debt is part of what was prepaid, which the free reserve has written off already.
        int256 free = _freeWei() + int256(uint256(books.debtWei));
        uint256 paid = free <= 0 ? 0 : _min(missing, uint256(free));
        books.debtWei = books.debtWei - uint256(-int256(s.accountWei)).toUint128() + (missing - paid).toUint128();
        s.accountWei = (held + int256(paid)).toInt128();
        if (paid > 0) _sendToAccount(accountOf(id), paid);
        if (s.accountWei > 0) _takeFromAccount(id, s, 0);
        emit DebtCovered(id, paid);
    }

    /// Adds the caller's USDC to the reserve; from then on it is the owner's.
    function fundReserve(uint256 amountAtomic) external nonReentrant {
        if (amountAtomic == 0 || amountAtomic > MAX_CAP_ATOMIC) revert AmountInvalid(amountAtomic);
        uint256 before = usdc.balanceOf(address(this));
        usdc.safeTransferFrom(msg.sender, address(this), amountAtomic);
        uint256 received = usdc.balanceOf(address(this)) - before;
        if (received != amountAtomic) revert TransferShort(amountAtomic, received);
        _wrap(amountAtomic);
        books.reserveWei += (amountAtomic * WEI_PER_ATOMIC).toInt256().toInt128();
        emit ReserveFunded(msg.sender, amountAtomic);
    }

    // ── owner ────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Only what no live stream may still cost and no overrun has used.
    function withdrawReserve(uint256 amountAtomic, address to) external nonReentrant onlyOwner {
        if (amountAtomic == 0 || amountAtomic > MAX_CAP_ATOMIC) revert AmountInvalid(amountAtomic);
        int256 amountWei = (amountAtomic * WEI_PER_ATOMIC).toInt256();
        if (amountWei > _freeWei()) revert ReserveTooSmall(_freeWei());
        books.reserveWei -= amountWei.toInt128();
        _unwrapTo(to, amountAtomic);
        emit ReserveWithdrawn(to, amountAtomic);
    }

    /// For sessions to come; an open session keeps the price it was opened at.
    function setPrice(uint256 priceAtomic) external onlyOwner {
        _setPrice(priceAtomic);
    }

    function setSettler(address account, bool allowed) external onlyOwner {
        _setSettler(account, allowed);
    }

    function setKeeper(address account, bool allowed) external onlyOwner {
        _setKeeper(account, allowed);
    }

    /// Refused: without an owner the reserve would be lost.
    function renounceOwnership() public view override onlyOwner {
        revert OwnerNeeded();
    }

    // ── views ────────────────────────────────────────────────────────────────────────────────────────────────────────

    function session(bytes32 id) external view returns (Session memory) {
        Record storage s = records[id];
        return Session({
            payer: s.payer,
            capAtomic: s.capAtomic,
            pricePerSecondAtomic: s.priceAtomic,
            dueAtomic: s.dueAtomic,
            refundedAtomic: s.state == State.Closed ? s.capAtomic - s.dueAtomic : 0,
            rateWei: s.rateWei,
            startedAt: s.startedAt,
            leaseUntil: s.leaseUntil,
            expiresAt: s.state == State.Unknown ? 0 : uint64(_expiryOf(s)),
            epoch: s.epoch,
            state: s.state,
            account: accountOf(id)
        });
    }

    function sessionIdOf(address payer, bytes32 nonce) public pure returns (bytes32) {
        return keccak256(abi.encode(payer, nonce));
    }

    function accountOf(bytes32 id) public view returns (address) {
        return Clones.predictDeterministicAddress(accountImplementation, id);
    }

    /// Up to `max` sessions that anyone may end now: streams past their lease first, then idle ones past their life.
    function expired(uint256 max) external view returns (bytes32[] memory ids) {
        ids = new bytes32[](_min(max, live.length() + opened.length - openedHead));
        uint256 count = 0;
        for (uint256 i = 0; i < live.length() && count < ids.length; i++) {
            if (_isExpired(records[live.at(i)])) ids[count++] = live.at(i);
        }
        for (uint256 i = openedHead; i < opened.length && count < ids.length; i++) {
            Record storage s = records[opened[i]];
            if (_expiryOf(s) > block.timestamp) break;
            if (s.state == State.Open) ids[count++] = opened[i];
        }
        assembly {
            mstore(ids, count)
        }
    }

    function liveSessions(uint256 start, uint256 max) external view returns (bytes32[] memory ids) {
        uint256 count = live.length();
        ids = new bytes32[](start >= count ? 0 : _min(max, count - start));
        for (uint256 i = 0; i < ids.length; i++) ids[i] = live.at(start + i);
    }

    function liveCount() external view returns (uint256) {
        return live.length();
    }

    /// Sum of the rates asked for; the pool's own is smaller by less than its units for each stream.
    function liveRateWei() external view returns (uint256) {
        return books.liveRateWei;
    }

    /// The owner's money, what operators have in advance taken off; below 0 after overruns that the reserve could not bear.
    function reserveWei() public view returns (int256) {
        return books.reserveWei - int256(prepaidWei());
    }

    function reserveLockedWei() external view returns (uint256) {
        return books.lockedWei;
    }

    function reserveFreeWei() external view returns (uint256) {
        int256 free = _freeWei();
        return free > 0 ? uint256(free) : 0;
    }

    /// What the operators received beyond all dues so far.
    function prepaidWei() public view returns (uint256) {
        return books.owedWei < 0 ? uint256(-int256(books.owedWei)) : 0;
    }

    function owedWei() external view returns (int256) {
        return books.owedWei;
    }

    /// What accounts of stopped streams lack; part of `prepaidWei` until `cover` paid it.
    function debtWei() external view returns (uint256) {
        return books.debtWei;
    }

    /// What the reserve sets aside while a stream of this rate runs: its buffer, and a whole lease for which no due may come.
    function lockFor(uint96 rateWei) public view returns (uint256) {
        return bufferFor(rateWei) + uint256(rateWei) * maxLeaseSeconds;
    }

    /// USDC that lies here unwrapped: redeemed by strangers, or sent by mistake. All that is anybody's is wrapped.
    function unallocatedAtomic() public view returns (uint256) {
        return usdc.balanceOf(address(this));
    }

    // ── one session ──────────────────────────────────────────────────────────────────────────────────────────────────

    function _open(Voucher calldata v, bool adopted) private returns (bytes32 id) {
        id = sessionIdOf(v.payer, v.nonce);
        Record storage s = records[id];
        if (s.state != State.Unknown) revert SessionExists(id);
        if (v.value < pricePerSecondAtomic || v.value > MAX_CAP_ATOMIC) revert AmountInvalid(v.value);
        s.payer = v.payer;
        s.state = State.Open;
        s.capAtomic = uint96(v.value);
        s.priceAtomic = uint64(pricePerSecondAtomic);
        s.startedAt = uint40(block.timestamp);
        s.settledAt = uint40(block.timestamp);

        opened.push(id);
        uint256 head = openedHead;
        // Each opening leaves at most four closed ones behind it, so the head keeps up and no call has to walk far.
        for (uint256 i = 0; i < 4 && records[opened[head]].state == State.Closed; i++) head++;
        if (head != openedHead) openedHead = head;
        emit SessionOpened(id, v.payer, v.value, s.priceAtomic, v.nonce, adopted);
    }

    function _known(bytes32 id) private view returns (Record storage s) {
        s = records[id];
        if (s.state == State.Unknown) revert SessionUnknown(id);
    }

    function _isSuperseded(bytes32 id, Record storage s, uint64 epoch) private returns (bool) {
        if (s.state != State.Closed && epoch > s.epoch) return false;
        emit Superseded(id, epoch, s.epoch);
        return true;
    }

    function _expiryOf(Record storage s) private view returns (uint256) {
        return uint256(s.startedAt) + maxSessionSeconds;
    }

    function _isExpired(Record storage s) private view returns (bool) {
        if (s.state == State.Streaming) return block.timestamp >= s.leaseUntil;
        return s.state == State.Open && block.timestamp >= _expiryOf(s);
    }

    /// Seconds streamed under a lease since the last command.
    function _leasedSeconds(Record storage s) private view returns (uint256) {
        if (s.state != State.Streaming) return 0;
        return _min(block.timestamp, s.leaseUntil) - s.settledAt;
    }

    function _leaseOf(Record storage s, uint96 rateWei, uint256 asked) private view returns (uint256) {
        if (rateWei == 0) return 0;
        // Rounded down to whole seconds: the last part of a second is paid by the true-up.
        uint256 paidFor = (s.capAtomic - s.dueAtomic) * WEI_PER_ATOMIC / rateWei;
        return _min(_min(asked, _expiryOf(s)), block.timestamp + _min(maxLeaseSeconds, paidFor));
    }

    /// The due that counts: never below the last one, above the cap, or above what the chain saw run plus the slack. Cut and not
    /// refused, because a command that reverts would be sent again for ever while the stream runs on.
    function _boundDue(bytes32 id, Record storage s, uint96 newRateWei, uint256 askedAtomic)
        private
        returns (uint96 due)
    {
        uint256 highest = s.priceAtomic * WEI_PER_ATOMIC;
        if (s.rateWei > highest) highest = s.rateWei;
        if (newRateWei > highest) highest = newRateWei;
        // Exact: rates are whole atomic units a second.
        uint256 added = (s.rateWei * _leasedSeconds(s) + highest * slackSeconds) / WEI_PER_ATOMIC;
        uint96 allowed = uint96(_min(s.allowedAtomic + added, s.capAtomic));
        s.allowedAtomic = allowed;
        due = uint96(_min(askedAtomic, allowed));
        if (due < s.dueAtomic) due = s.dueAtomic;
        if (due != askedAtomic) emit DueBounded(id, askedAtomic, due);
    }

    /// Books what was streamed and what is due since the last command. Returns what the account streams by the chain.
    function _settle(bytes32 id, Record storage s, uint256 dueAtomic) private returns (uint96 chainFlowWei) {
        int256 owed = int256((dueAtomic - s.dueAtomic) * WEI_PER_ATOMIC);
        if (s.state == State.Streaming) {
            address account = accountOf(id);
            uint256 until = block.timestamp;
            uint256 since;
            (since, chainFlowWei) = _flowOf(account);
            // Only a liquidation stops a flow behind our back: it streamed until then, and its buffer is gone.
            if (chainFlowWei == 0) until = since;
            uint256 streamed = uint256(s.flowWei) * (until - s.settledAt);
            if (until > s.leaseUntil) {
                uint256 leaseEnd = s.leaseUntil > s.settledAt ? s.leaseUntil : s.settledAt;
                emit Overrun(id, uint256(s.flowWei) * (until - leaseEnd));
            }
            owed -= int256(streamed);
            int256 held = _holdings(account);
            int256 difference = held - (int256(s.accountWei) - int256(streamed));
            if (difference != 0) {
                books.reserveWei += difference.toInt128();
                emit AccountAdjusted(id, difference);
            }
            s.accountWei = held.toInt128();
        }
        books.owedWei += owed.toInt128();
        s.dueAtomic = uint96(dueAtomic);
        s.settledAt = uint40(block.timestamp);
    }

    /// Brings the account's flow and money to this rate until this time; rate 0 empties it.
    function _stream(bytes32 id, Record storage s, uint96 rateWei, uint256 until, uint96 chainFlowWei) private {
        bool wasStreaming = s.state == State.Streaming;
        if (!wasStreaming && rateWei == 0) return;
        address account = accountOf(id);
        uint256 target = 0;
        if (rateWei > 0) {
            if (pool.getTotalUnits() == 0) revert NoUnits();
            if (account.code.length == 0) Clones.cloneDeterministic(accountImplementation, id);
            uint256 buffer = bufferFor(rateWei);
            target = buffer + uint256(rateWei) * (until - block.timestamp);
            _lock(s, rateWei, buffer + uint256(rateWei) * maxLeaseSeconds);
        } else {
            _lock(s, 0, 0);
        }

        if (!wasStreaming) {
            live.add(id);
            s.state = State.Streaming;
            if (s.accountWei < 0) books.debtWei -= uint256(-int256(s.accountWei)).toUint128();
        }
        int256 lacking = int256(target) - s.accountWei;
        if (rateWei > 0 && lacking > 0) {
            _sendToAccount(account, uint256(lacking));
            s.accountWei = int256(target).toInt128();
        }
        _flow(s, account, rateWei, chainFlowWei);
        _takeFromAccount(id, s, target);
        s.rateWei = rateWei;
        s.leaseUntil = uint40(until);

        if (rateWei == 0) {
            live.remove(id);
            s.state = State.Open;
            if (s.accountWei < 0) {
                uint256 debt = uint256(-int256(s.accountWei));
                books.debtWei += debt.toUint128();
                emit DebtLeft(id, debt);
            }
        }
    }

    function _flow(Record storage s, address account, uint96 rateWei, uint96 chainFlowWei) private {
        bool isSame = rateWei == s.rateWei && chainFlowWei == s.flowWei;
        // After a change of units the rate is spread anew, so that what rounding, or a moment without units, turned away from
        // the pool comes back to it.
        if (rateWei > 0 ? !isSame || s.unitsEpoch != unitsEpoch : chainFlowWei > 0) {
            SessionAccount(account).setFlow(int96(rateWei));
            s.unitsEpoch = unitsEpoch;
            (, chainFlowWei) = _flowOf(account);
        }
        s.flowWei = rateWei == 0 ? 0 : chainFlowWei;
    }

    function _close(bytes32 id, Record storage s, uint256 dueAtomic) private {
        uint96 chainFlowWei = _settle(id, s, dueAtomic);
        _stream(id, s, 0, block.timestamp, chainFlowWei);
        s.state = State.Closed;
        _payOperators();
        uint256 refund = s.capAtomic - s.dueAtomic;
        emit SessionClosed(id, s.dueAtomic, refund, msg.sender);
        if (refund == 0) return;
        // USDC may refuse this payer (a blocked address); that must not keep the session, nor the reaper, from ending. Want of gas
        // cannot pass for a refusal: the 64th part that a call cut short leaves is too little to write the refund down.
        try usdcx.downgradeTo(s.payer, refund * WEI_PER_ATOMIC) {
            books.vaultWei -= (refund * WEI_PER_ATOMIC).toUint128();
        } catch {
            claimableAtomic[s.payer] += refund;
            emit RefundHeld(id, s.payer, refund);
        }
    }

    // ── money ────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Pays the operators what they are owed, less what units would round away; that, and less than one atomic unit, waits.
    function _payOperators() private {
        // Anything here beyond the books came back from the pool (rounding, no units) or was given to the vault.
        int256 held = _holdings(address(this));
        books.owedWei += (held - int256(uint256(books.vaultWei))).toInt128();
        books.vaultWei = held.toUint256().toUint128();
        if (books.owedWei < int256(WEI_PER_ATOMIC)) return;
        uint256 units = pool.getTotalUnits();
        if (units == 0) return;
        uint256 owed = uint256(int256(books.owedWei));
        uint256 amount = owed - owed % units;
        books.owedWei -= int256(amount).toInt128();
        books.vaultWei -= amount.toUint128();
        _distribute(amount);
    }

    function _freeWei() private view returns (int256) {
        return reserveWei() - int256(uint256(books.lockedWei));
    }

    function _lock(Record storage s, uint96 rateWei, uint256 lockWei) private {
        books.lockedWei = books.lockedWei - s.lockedWei + lockWei.toUint128();
        books.liveRateWei = books.liveRateWei - s.rateWei + rateWei;
        s.lockedWei = lockWei.toUint128();
    }

    function _sendToAccount(address account, uint256 amountWei) private {
        books.vaultWei -= amountWei.toUint128();
        usdcx.transfer(account, amountWei);
    }

    /// Takes back all that the account holds above `keepWei`.
    function _takeFromAccount(bytes32 id, Record storage s, uint256 keepWei) private {
        int256 above = int256(s.accountWei) - int256(keepWei);
        if (above <= 0) return;
        s.accountWei = int256(keepWei).toInt128();
        books.vaultWei += uint256(above).toUint128();
        SessionAccount(accountOf(id)).giveBack(uint256(above));
    }

    function _wrap(uint256 amountAtomic) private {
        books.vaultWei += (amountAtomic * WEI_PER_ATOMIC).toUint128();
        usdc.forceApprove(address(usdcx), amountAtomic);
        usdcx.upgrade(amountAtomic * WEI_PER_ATOMIC);
    }

    function _unwrapTo(address to, uint256 amountAtomic) private {
        books.vaultWei -= (amountAtomic * WEI_PER_ATOMIC).toUint128();
        usdcx.downgradeTo(to, amountAtomic * WEI_PER_ATOMIC);
    }

    // ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────────

    function _setPrice(uint256 price) private {
        if (price == 0 || price > MAX_PRICE_ATOMIC) revert PriceInvalid(price);
        pricePerSecondAtomic = price;
        emit PriceSet(price);
    }

    function _setSettler(address account, bool allowed) private {
        isSettler[account] = allowed;
        emit SettlerSet(account, allowed);
    }

    function _setKeeper(address account, bool allowed) private {
        isKeeper[account] = allowed;
        emit KeeperSet(account, allowed);
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
