/**
 * A stranger with a key of their own: takes test money from the faucet, pays with the unmodified x402 client, asks with the session's
 * token, and waits for what the API and the chain say. It knows addresses and HTTP only, nothing inside the orchestrator.
 */
import { superfluidPoolAbi, usdcAbi } from '@computepool/contracts/abi'
import {
  moneyTermsSchema,
  openedSessionSchema,
  type PaidTerms,
  type Receipt,
  receiptSchema,
  type SessionView,
  sessionViewSchema,
} from '@computepool/shared/money'
import { ExactEvmScheme } from '@x402/evm/exact/client'
import { wrapFetchWithPayment, x402Client } from '@x402/fetch'
import { createPublicClient, type Hex, http, type PublicClient } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { readEvents } from './read-events.ts'

export interface PayingClient {
  readonly address: Hex
  readonly terms: PaidTerms
  /** Reads the chain where the terms say that pages may. */
  readonly chain: PublicClient
  usdcAtomic(): Promise<bigint>
  /** Test money for this key; errors where there is no faucet, or it has given enough. */
  askFaucet(): Promise<void>
  /** Signs one voucher and opens a session with it. */
  openSession(capAtomic: bigint): Promise<PaidSession>
}

export interface PaidSession {
  readonly id: Hex
  readonly token: string
  /** A chat completion on this session; the caller reads its body. */
  ask(body: object, signal?: AbortSignal): Promise<Response>
  /** Follows the session's own events until a view satisfies `isSo`. */
  follow(isSo: (view: SessionView) => boolean): Promise<SessionView>
  receipt(): Promise<Receipt>
  /** Ends it, waits until the chain has refunded, and fetches the receipt. */
  close(): Promise<Receipt>
}

const json = { 'content-type': 'application/json' }

/** `url`: the orchestrator's origin; its till must be open. */
export async function createPayingClient(url: string): Promise<PayingClient> {
  const account = privateKeyToAccount(generatePrivateKey())
  const terms = moneyTermsSchema.parse(await bodyOf(await fetch(`${url}/api/money`)))
  if (terms.mode === 'free') throw new Error(`Work is free at ${url}: there is nothing to pay.`)
  const chain = createPublicClient({ transport: http(terms.chain.rpcUrl), cacheTime: 0 })
  const paying = wrapFetchWithPayment(
    fetch,
    x402Client.fromConfig({
      schemes: [{ network: `eip155:${terms.chain.id}`, client: new ExactEvmScheme(account) }],
      // The client knows the assets of public chains only; what is paid is bounded by the cap that it asked for.
      spendControls: false,
    }),
  )
  return {
    address: account.address,
    terms,
    chain,
    usdcAtomic: () =>
      chain.readContract({
        address: terms.usdc as Hex,
        abi: usdcAbi,
        functionName: 'balanceOf',
        args: [account.address],
      }),
    askFaucet: async () => {
      const body = JSON.stringify({ address: account.address })
      await bodyOf(await fetch(`${url}/api/faucet`, { method: 'POST', headers: json, body }))
    },
    openSession: async capAtomic => {
      const body = JSON.stringify({ capAtomic: capAtomic.toString() })
      const reply = await paying(`${url}/v1/sessions`, { method: 'POST', headers: json, body })
      const { session, token } = openedSessionSchema.parse(await bodyOf(reply))
      return holdSession(url, session.id as Hex, token)
    },
  }
}

/** A session by its token, also at an orchestrator that was started anew. */
export function holdSession(url: string, id: Hex, token: string): PaidSession {
  const headers = { ...json, authorization: `Bearer ${token}` }
  const current = `${url}/v1/sessions/current`
  const follow: PaidSession['follow'] = async isSo => {
    const leave = new AbortController()
    const reply = await fetch(`${current}/events`, { headers, signal: leave.signal })
    if (!reply.ok) await bodyOf(reply)
    try {
      for await (const data of readEvents(reply.body!)) {
        const view = sessionViewSchema.parse(JSON.parse(data))
        if (isSo(view)) return view
      }
      throw new Error(`Session ${id} was over before it came to what was waited for.`)
    } finally {
      leave.abort()
    }
  }
  const receipt = async (): Promise<Receipt> =>
    receiptSchema.parse(await bodyOf(await fetch(`${current}/receipt`, { headers })))
  return {
    id,
    token,
    receipt,
    ask: (body, signal) =>
      fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
        ...(signal === undefined ? {} : { signal }),
      }),
    follow,
    close: async () => {
      await bodyOf(await fetch(current, { method: 'DELETE', headers }))
      await follow(({ status }) => status === 'closed')
      return receipt()
    },
  }
}

/** Wei that the pool has given an operator since it was made, streams of this moment included. */
export function receivedWei(
  { chain, terms }: Pick<PayingClient, 'chain' | 'terms'>,
  operator: string,
): Promise<bigint> {
  return chain.readContract({
    address: terms.pool as Hex,
    abi: superfluidPoolAbi,
    functionName: 'getTotalAmountReceivedByMember',
    args: [operator as Hex],
  })
}

async function bodyOf(reply: Response): Promise<unknown> {
  const text = await reply.text()
  if (!reply.ok) throw new Error(`${new URL(reply.url).pathname} answered ${reply.status}: ${text.slice(0, 500)}`)
  return JSON.parse(text)
}
