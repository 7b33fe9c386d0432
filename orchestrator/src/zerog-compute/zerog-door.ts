/**
 * Who may ask by 0G's key, and what the answer costs: a user with a good key, an account that the chain acknowledges, and money in it for the
 * longest answer that the request allows. The price is the chain's, by the token. It knows no x402 session and no body.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import { type Address, formatEther } from 'viem'
import type { Admission, PromptSize } from '../api/answer-response.ts'
import type { AccountCache } from './account-cache.ts'
import { readAppKey, refused } from './app-key.ts'
import type { FeeBook } from './fee-book.ts'
import type { ServiceOnChain, UserAccount } from './serving-client.ts'
import { problemOf } from './settle-fees.ts'
import type { Served } from './split-fee.ts'
import { countServed } from './who-served.ts'

export interface ZerogDoorOptions {
  readonly provider: Address
  readonly signer: () => Promise<{ readonly address: Address }>
  readonly accounts: AccountCache
  readonly book: Pick<FeeBook, 'owedNeuron' | 'add' | 'problem'>
  readonly clock: Pick<Clock, 'wallMs'>
  /** Who holds these seats, and how much of the work is theirs; never throws. Default: nobody is known. */
  readonly unitsOf?: (seats: readonly { readonly peer: string }[]) => Served
}

export interface ZerogTicket {
  readonly user: Address
  /** Sets the money for the longest answer aside. Errors: `payment_required`. */
  admit(size: PromptSize): Promise<Admission>
  /** Nothing more will be sent: what was answered is charged. Idempotent. */
  close(): void
}

export interface ZerogDoor {
  /** Errors: `peer_unauthenticated`, `payment_required`, `chain_unavailable` where nothing could be settled, `chain_unreachable`. */
  enter(request: Request): Promise<ZerogTicket>
}

const remedy = 'Lock more for this provider with 0G’s client (transfer-fund).'

export function createZerogDoor(options: ZerogDoorOptions): ZerogDoor {
  const { provider, signer, accounts, book, clock, unitsOf = () => [] } = options
  /** For answers that run, by user. */
  const aside = new Map<string, bigint>()
  const setAside = (user: string, changeNeuron: bigint): void => {
    const sum = (aside.get(user) ?? 0n) + changeNeuron
    if (sum === 0n) aside.delete(user)
    else aside.set(user, sum)
  }

  const accountOf = async (user: Address): Promise<UserAccount> => {
    const account = await accounts.account(user)
    if (account !== null) return account
    throw new ComputePoolError('payment_required', `${user} has locked nothing for this provider.`, { remedy })
  }

  const requireRoom = (user: Address, account: UserAccount, mostNeuron: bigint): void => {
    const key = user.toLowerCase()
    // What was asked back may be gone by the time that it is settled.
    const freeNeuron =
      account.balanceNeuron - account.pendingRefundNeuron - book.owedNeuron(key) - (aside.get(key) ?? 0n)
    if (freeNeuron >= mostNeuron) return
    const has = freeNeuron > 0n ? formatEther(freeNeuron) : '0'
    const message = `The answer may cost ${formatEther(mostNeuron)} 0G; ${has} of what ${user} locked here is free.`
    throw new ComputePoolError('payment_required', message, { remedy: `${remedy} Or ask for fewer tokens.` })
  }

  const ticketOf = (user: Address, service: ServiceOnChain): ZerogTicket => {
    const key = user.toLowerCase()
    const { inputPriceNeuron, outputPriceNeuron } = service
    let promptTokens = 0
    let heldNeuron: bigint | null = null
    let answerId = ''
    let tokens = 0
    let answered: { prompt_tokens: number; completion_tokens: number } | null = null
    let hasFlowed = false
    let hasFailed = false
    let isOver = false
    let isClosed = false
    let seats: () => readonly { readonly peer: string }[] = () => []
    const count = countServed()
    const settleUp = (): void => {
      if (!isOver || !isClosed || heldNeuron === null) return
      setAside(key, -heldNeuron)
      heldNeuron = null
      // An error is answered by nobody's money.
      if (!hasFlowed || hasFailed) return
      const input = BigInt(answered?.prompt_tokens ?? promptTokens) * inputPriceNeuron
      const output = BigInt(answered?.completion_tokens ?? tokens) * outputPriceNeuron
      book.add(key, input + output, answerId, count.served())
    }
    const end = (): void => {
      isOver = true
      settleUp()
    }
    return {
      user,
      admit: async size => {
        ;({ promptTokens } = size)
        const most = BigInt(size.promptTokens) * inputPriceNeuron + BigInt(size.maxTokens) * outputPriceNeuron
        // Again: while the body came, fees may have been settled out of it.
        requireRoom(user, await accountOf(user), most)
        setAside(key, most)
        heldNeuron = most
        return {
          sessionId: `0g:${key}`,
          payer: key,
          headers: {},
          request: {
            attach: live => {
              seats = live.seats
            },
            abandon: end,
            onAnswered: usage => {
              answered = usage
            },
            observer: {
              onFlowing: requestId => {
                hasFlowed = true
                if (answerId === '') answerId = requestId
                count.began(unitsOf(seats()))
              },
              onToken: () => {},
              onEnded: (_, ended) => {
                tokens += ended.tokens
                count.ended(ended.tokens)
                if (ended.outcome === 'moved') return
                hasFailed = ended.outcome === 'failed'
                end()
              },
            },
          },
        }
      },
      close: () => {
        isClosed = true
        settleUp()
      },
    }
  }

  return {
    enter: async request => {
      const { user, generation, tokenId } = await readAppKey(request, { provider, nowMs: clock.wallMs() })
      const [account, service, { address }] = await Promise.all([accountOf(user), accounts.service(), signer()])
      if (account.generation !== generation || (account.revokedBitmap >> BigInt(tokenId)) & 1n) {
        throw refused('Its user has taken it back.')
      }
      // What could not be settled is not served: it would be lost.
      const problem = book.problem() ?? problemOf(service, address)
      if (problem !== null || service === null) {
        throw new ComputePoolError('chain_unavailable', `This provider cannot be paid by 0G now. ${problem}`, {
          remedy: 'Pay by x402 at /v1/chat/completions, or ask again when it is acknowledged.',
        })
      }
      if (!account.isAcknowledged) {
        const message = `${user} has not acknowledged this provider’s signer.`
        throw new ComputePoolError('payment_required', message, { remedy: 'Acknowledge it with 0G’s client.' })
      }
      return ticketOf(user, service)
    },
  }
}
