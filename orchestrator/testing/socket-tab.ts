/** A fake tab over a real WebSocket: it signs the hub's challenge with a key of its own, then speaks as `fake-tab.ts` does. */
import { randomBytes } from 'node:crypto'
import { sessionKeyText } from '@computepool/shared/receipts'
import {
  type DeskCommand,
  type DeskRequest,
  type HubReply,
  type HubRequest,
  hubReplySchema,
  protocolVersion,
} from '@computepool/shared/wire'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { WebSocket } from 'ws'
import { type FakeAttempts, fakeSigner } from './fake-receipts.ts'
import { createFakeTab, type FakeTab, type FakeTabOptions } from './fake-tab.ts'

export interface SocketTabOptions extends FakeTabOptions {
  /** Follows what is asked of the tab and what it says, for the receipts of its ring. */
  readonly attempts?: FakeAttempts
}

/** Connects, authenticates and joins; resolves when the hub has welcomed it. `onClosed` hears of the socket's end. */
export async function openSocketTab(url: string, options: SocketTabOptions, onClosed = () => {}): Promise<FakeTab> {
  const { attempts } = options
  const account = privateKeyToAccount(generatePrivateKey())
  const peer = `${account.address.toLowerCase()}.${randomBytes(4).toString('hex')}`
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/signal`)
  const send = (request: HubRequest): void => socket.send(JSON.stringify(request))
  let hear = (_command: DeskCommand): void => {}
  await new Promise<void>((resolve, reject) => {
    const answer = async (reply: HubReply): Promise<void> => {
      if (reply.type === 'challenge') {
        const { message } = reply
        send({ type: 'authenticate', message, signature: await account.signMessage({ message }) })
      }
      if (reply.type === 'welcome') {
        // As a page does: the hub takes silence for a tab that is gone.
        const pinging = setInterval(() => send({ type: 'ping', nonce: 1 }), reply.silenceLimitMs / 3)
        socket.on('close', () => clearInterval(pinging))
        resolve()
      }
      if (reply.type === 'refused') reject(new Error(reply.error.message))
      if (reply.type !== 'desk') return
      attempts?.commanded(peer, reply.command)
      hear(reply.command)
    }
    socket.on('open', () => send({ type: 'hello', version: protocolVersion, peer }))
    socket.on('message', data => void answer(hubReplySchema.parse(JSON.parse(String(data)))))
    socket.on('error', reject)
    socket.on('close', onClosed)
  })
  const named = { pool: new URL(url).origin, key: fakeSigner(peer).key, expiresMs: Date.now() + 3_600_000 }
  const sessionKey = { ...named, signature: await account.signMessage({ message: sessionKeyText({ ...named, peer }) }) }
  const say = (request: DeskRequest): void => {
    send({ type: 'desk', request })
    attempts?.said(request)
  }
  const tab = createFakeTab(
    peer,
    { sessionKey, ...options },
    {
      say,
      connect: listener => {
        hear = listener
      },
      leave: () => socket.close(),
    },
  )
  tab.join()
  return tab
}
