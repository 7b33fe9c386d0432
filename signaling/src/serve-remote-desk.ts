/**
 * The hub's end of a detached desk: a Desk that passes everything over one WebSocket to an orchestrator whose address is allowed.
 * While none is attached no peer is kept: nobody could tell it anything.
 */
import { ComputePoolError, errorFromData } from '@computepool/shared/errors'
import { type PeerId, protocolVersion, versionRefusal } from '@computepool/shared/wire'
import { type Challenge, createChallenge } from './challenge.ts'
import { type DeskToHub, deskToHubSchema, type HubToDesk, parseMessage } from './desk-messages.ts'
import { type Expulsion, late, messageInvalid, replaced, silent, unauthenticated } from './hub-errors.ts'
import { defaultHubLimits } from './hub-limits.ts'
import { closeCodes, type Desk, type HubLink, type SignalingHub, type SignalingHubOptions } from './hub-ports.ts'

export interface RemoteDeskOptions
  extends Pick<SignalingHubOptions, 'clock' | 'entropy' | 'domain' | 'verifySignature'> {
  /** Addresses, in lower case, that may be the desk. */
  readonly allowedAddresses: readonly string[]
  /** The hub whose desk this is; asked for late, because each needs the other. */
  readonly hub: () => SignalingHub
}

export interface RemoteDesk {
  readonly desk: Desk
  /** A socket that wants to be the desk. */
  accept(link: HubLink): void
  close(): void
}

export const deskStatement =
  'Attach this orchestrator to a ComputePool signaling hub. It moves no funds and costs nothing.'

interface Attached {
  readonly link: HubLink
  readonly coalitions: Set<string>
}

export function serveRemoteDesk(options: RemoteDeskOptions): RemoteDesk {
  const { clock, entropy, domain, verifySignature, allowedAddresses, hub } = options
  const { challengeLifetimeMs, silenceLimitMs } = defaultHubLimits
  const links = new Set<HubLink>()
  let attached: Attached | null = null

  const send = (link: HubLink, message: HubToDesk): void => link.send(JSON.stringify(message))
  const refuse = (link: HubLink, { error, code }: Expulsion): void => {
    send(link, { type: 'refused', error: { ...error.toJSON(), context: { ...error.context } } })
    link.close(code, error.code)
  }
  const tell = (message: HubToDesk): void => {
    if (attached) send(attached.link, message)
  }

  function detach(): void {
    const left = attached
    attached = null
    if (!left) return
    for (const id of left.coalitions) hub().setCoalition(id, [])
    for (const peer of hub().peers()) hub().dismiss(peer, awayError())
  }

  function attach(link: HubLink): void {
    const previous = attached
    detach()
    if (previous) refuse(previous.link, replaced())
    attached = { link, coalitions: new Set() }
    send(link, { type: 'welcome', silenceLimitMs })
  }

  function perform(message: DeskToHub, { link, coalitions }: Attached): Expulsion | null {
    switch (message.type) {
      case 'command':
        hub().command(message.peer, message.command)
        return null
      case 'set-coalition':
        coalitions.add(message.id)
        hub().setCoalition(message.id, message.peers)
        return null
      case 'dismiss':
        hub().dismiss(message.peer, errorFromData(message.error))
        return null
      case 'ping':
        send(link, { type: 'pong', nonce: message.nonce })
        return null
      default:
        return messageInvalid(`a ${message.type} came after the welcome`)
    }
  }

  function challengeFor(address: string): Challenge {
    return createChallenge(`${address}.00000000`, domain, {
      entropy,
      nowWallMs: clock.wallMs(),
      lifetimeMs: challengeLifetimeMs,
      statement: deskStatement,
    })
  }

  return {
    accept(link) {
      let challenge: Challenge | null = null
      let cancel = clock.schedule(challengeLifetimeMs, () => refuse(link, late('The challenge expired unsigned')))
      links.add(link)

      const watch = (): void => {
        cancel()
        cancel = clock.schedule(silenceLimitMs, () => refuse(link, silent(silenceLimitMs, silenceLimitMs)))
      }
      async function authenticate(message: string, signature: string): Promise<Expulsion | null> {
        const asked = challenge
        challenge = null
        if (!asked || asked.message !== message)
          return unauthenticated('The signed text is not the challenge of this connection')
        if (clock.wallMs() >= asked.expiresAtWallMs) return late('The challenge has expired')
        const { address } = asked
        const isValid = await verifySignature({ address, message, signature: signature as `0x${string}` })
        if (!isValid) return unauthenticated(`The signature is not by ${address}`)
        if (links.has(link)) attach(link)
        return null
      }
      function greet({ version, address }: Extract<DeskToHub, { type: 'hello' }>): Expulsion | null {
        const refusal = versionRefusal(version)
        if (refusal) return { error: refusal, code: closeCodes.refused }
        if (!allowedAddresses.includes(address)) return unauthenticated(`${address} may not be this hub's desk`)
        challenge = challengeFor(address)
        send(link, { type: 'challenge', version: protocolVersion, message: challenge.message })
        return null
      }
      async function receive(text: string): Promise<Expulsion | null> {
        const message = parseMessage(deskToHubSchema, text)
        if (!message) return messageInvalid('it is not in the schema of desk messages')
        if (attached?.link === link) {
          watch()
          return perform(message, attached)
        }
        if (message.type === 'hello') return greet(message)
        if (message.type !== 'authenticate') return unauthenticated(`A ${message.type} came before the welcome`)
        const expulsion = await authenticate(message.message, message.signature)
        if (!expulsion) watch()
        return expulsion
      }

      link.onMessage(text => {
        void receive(text).then(expulsion => {
          if (expulsion) refuse(link, expulsion)
        })
      })
      link.onClose(() => {
        cancel()
        links.delete(link)
        if (attached?.link === link) detach()
      })
    },
    desk: {
      peerConnected(peer) {
        if (attached) tell({ type: 'peer-connected', peer })
        else hub().dismiss(peer, awayError())
      },
      peerRequest: (peer, request) => tell({ type: 'peer-request', peer, request }),
      peerGone: (peer: PeerId, reason) => tell({ type: 'peer-gone', peer, reason }),
    },
    close() {
      for (const link of [...links]) link.close(closeCodes.hubClosed, 'The hub is closing')
    },
  }
}

const awayError = (): ComputePoolError =>
  new ComputePoolError('swarm_busy', 'No orchestrator is attached to this hub', {
    remedy: 'Connect again after a pause.',
    context: { retryAfterSeconds: 5 },
  })
