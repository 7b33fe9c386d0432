/**
 * The payer's sessions of this tab: opening one with one signature, following it, ending it, its receipt. It knows the API and the
 * wallet as functions; tokens and vouchers never reach its snapshot.
 */
import { asComputePoolError, ComputePoolError, type ErrorData } from '@computepool/shared/errors'
import type { OpenedSession, PaidTerms, PayerSessions, Receipt, SessionView } from '@computepool/shared/money'
import { createExternalStore, type ReadableStore } from '../ui/stores/external-store.ts'
import type { PayerWallet } from '../wallet/payer-wallet.ts'
import { isDefiniteRefusal } from './api-door.ts'
import { followSession } from './follow-session.ts'
import type { MoneyClient } from './money-client.ts'
import { checkChallenge } from './payment-challenge.ts'
import { type SignedVoucher, signVoucher } from './payment-voucher.ts'
import { proveWallet } from './prove-wallet.ts'
import type { SeenSession } from './session-meter.ts'
import type { SessionVault } from './session-vault.ts'

export type OpeningStep = 'idle' | 'asking' | 'signing' | 'opening'

export interface SessionEntry extends SeenSession {
  /** Its end was asked for. */
  readonly isEnding: boolean
  readonly receipt: Receipt | null
}

export interface SessionsView {
  readonly step: OpeningStep
  /** A voucher that was signed and sent, with no answer yet: sending it again opens the same session. */
  readonly unansweredCapAtomic: bigint | null
  /** The session that chat requests go by. */
  readonly live: SessionEntry | null
  /** The newest session that is ending or over, until it is dismissed. */
  readonly past: SessionEntry | null
  /** The newest open session of the wallet whose token this tab does not have; its cap. */
  readonly foundCapAtomic: bigint | null
  /** Another price a second than the one that was shown: nothing is signed until it is agreed to. */
  readonly priceChange: PriceChange | null
  readonly error: ErrorData | null
}

export interface PriceChange {
  readonly wasAtomic: bigint
  readonly isAtomic: bigint
}

export interface SessionStore extends ReadableStore<SessionsView> {
  /** Goes on with what a reload of the tab left behind. */
  resume(): void
  /** Opens a session with this cap: one signature. Ignored while another opens or lives, and while a new price is not agreed to. */
  open(capAtomic: bigint): Promise<void>
  agreeToPrice(): void
  /** Sends the unanswered voucher again: no second signature, no second session. */
  sendAgain(): Promise<void>
  /** Looks whether the wallet has open sessions that this tab knows nothing of. */
  look(payer: string): Promise<void>
  /** Gets their tokens back: one signature, and nothing is paid. */
  takeUp(): Promise<void>
  /** Stops what runs and asks for the refund. */
  end(): Promise<void>
  /** Forgets the receipt of the session that is over. */
  dismiss(): void
  /** What goes as Bearer with a chat request; null without a live session. */
  token(): string | null
  close(): void
}

export interface SessionStoreParts {
  readonly client: MoneyClient
  readonly vault: SessionVault
  terms(): PaidTerms | null
  /** Asks for the terms anew, so that `terms` tells what holds now; false where nobody answered. */
  refreshTerms(): Promise<boolean>
  wallet(): PayerWallet | null
  /** Of this page. */
  readonly origin: string
  /** The wallet's balance may have changed. */
  onMoved(): void
  /** Monotonic. */
  nowMs(): number
  wallSeconds(): number
  randomBytes(length: number): Uint8Array
  wait(delayMs: number, signal: AbortSignal): Promise<void>
}

interface Track {
  readonly token: string
  entry: SessionEntry
  readonly controller: AbortController
}

const pickUpEveryMs = 5_000
const mostTries = 20
const mostKept = 4

export function createSessionStore(parts: SessionStoreParts): SessionStore {
  const { client, vault } = parts
  let step: OpeningStep = 'idle'
  let error: ErrorData | null = null
  let voucher: SignedVoucher | null = null
  let tracks: readonly Track[] = []
  /** Tokens of before a reload whose first view has not come. */
  let unseen: readonly string[] = []
  let found: PayerSessions['sessions'] = []
  let priceChange: PriceChange | null = null
  const pickingUp = new Set<AbortController>()
  const opening = new AbortController()
  const store = createExternalStore<SessionsView>(viewNow())

  function viewNow(): SessionsView {
    return {
      step,
      unansweredCapAtomic: step === 'opening' ? null : (voucher?.capAtomic ?? null),
      live: tracks.find(track => !isOver(track.entry))?.entry ?? null,
      past: tracks.findLast(track => isOver(track.entry))?.entry ?? null,
      foundCapAtomic: found.find(({ id }) => !tracks.some(({ entry }) => entry.view.id === id))?.capAtomic ?? null,
      priceChange,
      error,
    }
  }

  function publish(): void {
    store.set(viewNow())
  }

  function keep(): void {
    const kept = voucher === null ? null : { ...voucher, capAtomic: String(voucher.capAtomic) }
    vault.write({ tokens: [...unseen, ...tracks.map(track => track.token)].slice(-mostKept), voucher: kept })
  }

  function change(track: Track, next: Partial<SessionEntry>): void {
    track.entry = { ...track.entry, ...next }
    publish()
  }

  /** Views may overtake each other: an older one says nothing new. */
  function see(track: Track, view: SessionView): void {
    if (view.atMs < track.entry.view.atMs) change(track, { connection: 'live' })
    else change(track, { view, seenAtMs: parts.nowMs(), connection: 'live' })
  }

  function follow(token: string, first: SessionView): Track {
    const entry: SessionEntry = {
      view: first,
      seenAtMs: parts.nowMs(),
      connection: 'live',
      isEnding: false,
      receipt: null,
    }
    const track: Track = { token, entry, controller: new AbortController() }
    tracks = [...tracks.filter(other => other.token !== token), track]
    void watch(track)
    keep()
    return track
  }

  async function watch(track: Track): Promise<void> {
    try {
      const receipt = await followSession({
        client,
        token: track.token,
        signal: track.controller.signal,
        wait: parts.wait,
        onView: view => see(track, view),
        onLost: () => change(track, { connection: 'lost' }),
      })
      if (receipt === null) return
      parts.onMoved()
      change(track, { receipt, view: receipt.session, seenAtMs: parts.nowMs(), connection: 'live' })
    } catch (thrown) {
      // The server does not know the session any more: there is nothing left to follow.
      drop(track)
      error = asComputePoolError(thrown).toJSON()
      publish()
    }
  }

  function drop(track: Track): void {
    track.controller.abort()
    tracks = tracks.filter(other => other !== track)
    keep()
  }

  function requireWallet(): { terms: PaidTerms; wallet: PayerWallet } {
    const terms = parts.terms()
    const wallet = parts.wallet()
    if (terms !== null && wallet !== null) return { terms, wallet }
    throw new ComputePoolError('payment_wallet_failed', 'No wallet is connected.', { remedy: 'Connect a wallet.' })
  }

  async function proveAndFollow(): Promise<void> {
    const { origin } = parts
    const proof = await proveWallet({ ...requireWallet(), origin, nowSeconds: parts.wallSeconds() })
    const recovered = await client.recover(proof)
    found = []
    // The tab keeps few tokens; newest first.
    for (const { token, session } of recovered.slice(0, mostKept)) follow(token, session)
  }

  /**
   * Whether the price is still the one that was shown. A voucher names its amount, not what a second costs: once it is signed, the vault
   * takes the price of that moment.
   */
  async function isPriceAsShown(shown: PaidTerms): Promise<boolean> {
    if (!(await parts.refreshTerms())) {
      throw new ComputePoolError('peer_unreachable', 'The price could not be read again before paying.', {
        remedy: 'Nothing was signed. Try again in a moment.',
      })
    }
    const now = parts.terms()
    // Free by now: the page says so, and there is nothing to pay.
    if (now === null) return false
    const wasAtomic = shown.pricePerSecondAtomic
    const isAtomic = now.pricePerSecondAtomic
    if (isAtomic !== wasAtomic) priceChange = { wasAtomic, isAtomic }
    return isAtomic === wasAtomic
  }

  /** Null where the person has to look at another price first. */
  async function challengeAndSign(capAtomic: bigint): Promise<SignedVoucher | null> {
    const { terms, wallet } = requireWallet()
    if (!(await isPriceAsShown(terms))) return null
    const challenge = checkChallenge(await client.challenge(capAtomic), terms, capAtomic)
    step = 'signing'
    publish()
    const nonceBytes = parts.randomBytes(32)
    const keyBytes = parts.randomBytes(32)
    return signVoucher({ challenge, terms, capAtomic, wallet, nowSeconds: parts.wallSeconds(), nonceBytes, keyBytes })
  }

  /** Sends the voucher; only the server's own refusal makes it void here, for a lost answer may hide an open session. */
  async function spend(signed: SignedVoucher): Promise<void> {
    voucher = signed
    step = 'opening'
    keep()
    publish()
    try {
      const { session, token } = await openPatiently(signed)
      voucher = null
      follow(token, session)
      parts.onMoved()
    } catch (thrown) {
      if (isDefiniteRefusal(thrown)) voucher = null
      keep()
      throw thrown
    }
  }

  /** A slow chain is not a refusal: the same voucher is sent again until it is told what became of it. */
  async function openPatiently(signed: SignedVoucher): Promise<OpenedSession> {
    for (let tries = 1; ; tries++) {
      try {
        return await client.open(signed)
      } catch (thrown) {
        const { code, context } = asComputePoolError(thrown)
        if (code !== 'payment_session_opening' || tries >= mostTries) throw thrown
        await parts.wait(Number(context.retryAfterSeconds ?? 5) * 1_000, opening.signal)
      }
    }
  }

  /** One at a time: a second call while one runs does nothing, whoever makes it. */
  async function attempt(first: OpeningStep, task: () => Promise<void>): Promise<void> {
    if (step !== 'idle' || viewNow().live !== null) return
    step = first
    error = null
    publish()
    try {
      await task()
    } catch (thrown) {
      error = asComputePoolError(thrown).toJSON()
    } finally {
      step = 'idle'
      publish()
    }
  }

  const sendAgain = () => {
    const signed = voucher
    return signed === null ? Promise.resolve() : attempt('opening', () => spend(signed))
  }

  return {
    getSnapshot: store.getSnapshot,
    subscribe: store.subscribe,
    resume() {
      const kept = vault.read()
      if (kept.voucher !== null) voucher = { ...kept.voucher, capAtomic: BigInt(kept.voucher.capAtomic) }
      unseen = kept.tokens
      publish()
      for (const token of kept.tokens) void pickUp(token)
    },
    async open(capAtomic) {
      // What was signed may be spent already: it is settled first.
      if (voucher !== null) return sendAgain()
      if (priceChange !== null) return
      await attempt('asking', async () => {
        const signed = await challengeAndSign(capAtomic)
        if (signed !== null) await spend(signed)
      })
    },
    agreeToPrice() {
      priceChange = null
      publish()
    },
    sendAgain,
    async look(payer) {
      // Not knowing costs nothing: a session can be opened as ever.
      const seen = await client.sessionsOf(payer).catch(() => [])
      if (parts.wallet()?.address !== payer) return
      found = seen
      publish()
    },
    takeUp: () => attempt('signing', proveAndFollow),
    async end() {
      const track = tracks.find(other => !isOver(other.entry))
      if (track === undefined) return
      error = null
      change(track, { isEnding: true })
      try {
        see(track, await client.close(track.token))
      } catch (thrown) {
        error = asComputePoolError(thrown).toJSON()
        change(track, { isEnding: false })
      }
    },
    dismiss() {
      for (const track of tracks.filter(other => other.entry.receipt !== null)) drop(track)
      error = null
      publish()
    },
    token: () => tracks.find(track => !isOver(track.entry))?.token ?? null,
    close() {
      opening.abort()
      for (const controller of pickingUp) controller.abort()
      for (const track of tracks) track.controller.abort()
    },
  }

  /** A token of before the reload: its first view comes over the stream. */
  async function pickUp(token: string): Promise<void> {
    const controller = new AbortController()
    pickingUp.add(controller)
    while (!controller.signal.aborted) {
      try {
        for await (const view of client.events(token, controller.signal)) {
          unseen = unseen.filter(other => other !== token)
          follow(token, view)
          publish()
          return
        }
      } catch (thrown) {
        if (isDefiniteRefusal(thrown)) break
      }
      await parts.wait(pickUpEveryMs, controller.signal)
    }
    if (controller.signal.aborted) return
    unseen = unseen.filter(other => other !== token)
    keep()
  }
}

/** Over for chat requests: ending, closed, or never opened. */
export function isOver({ isEnding, view }: Pick<SessionEntry, 'isEnding' | 'view'>): boolean {
  return isEnding || view.status === 'closing' || view.status === 'closed' || view.status === 'refused'
}
