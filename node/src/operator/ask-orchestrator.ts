/** Asks an orchestrator what it serves and whether its hub speaks this version, as a peer would, without joining. */
import { isOurChallenge } from '@computepool/peer/runtime/is-our-challenge.ts'
import { ComputePoolError, errorFromData } from '@computepool/shared/errors'
import { type PoolSnapshot, poolSnapshotSchema } from '@computepool/shared/swarm'
import { hubReplySchema, protocolVersion } from '@computepool/shared/wire'
import { openSocket } from './open-socket.ts'

const deadlineMs = 10_000
const asker = `0x${'0'.repeat(39)}1.00000000`

/**
 * Errors: `peer_unreachable` where it does not answer, `peer_version_refused`, `peer_message_invalid` where it is none,
 * `peer_unauthenticated` where its hub calls itself by another address than `url`.
 */
export async function askOrchestrator(url: string): Promise<PoolSnapshot> {
  const remedy = 'Check the address, and that the orchestrator runs (npm start).'
  const response = await fetch(new URL('/api/pool', url), { signal: AbortSignal.timeout(deadlineMs) }).catch(cause => {
    throw new ComputePoolError('peer_unreachable', `No orchestrator answers at ${url}.`, { remedy, cause })
  })
  const pool = poolSnapshotSchema.safeParse(await response.json().catch(() => null))
  if (!pool.success)
    throw new ComputePoolError('peer_message_invalid', `What answers at ${url} is no orchestrator of this version.`, {
      remedy,
    })
  await knockAtHub(url)
  return pool.data
}

/** Says hello and leaves at the challenge: nothing is signed. */
function knockAtHub(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = openSocket(url)
    const end = (settle: () => void): void => {
      clearTimeout(timer)
      socket.onclose = null
      socket.close()
      settle()
    }
    const unreachable = (): void =>
      end(() =>
        reject(
          new ComputePoolError('peer_unreachable', `${url} answers, but its hub at /signal does not.`, {
            remedy: 'Let the proxy before it pass WebSockets.',
          }),
        ),
      )
    const timer = setTimeout(unreachable, deadlineMs)
    socket.onclose = unreachable
    socket.onopen = () => socket.send(JSON.stringify({ type: 'hello', version: protocolVersion, peer: asker }))
    socket.onmessage = ({ data }) => {
      const reply = hubReplySchema.safeParse(jsonIn(String(data))).data
      if (reply?.type === 'challenge' && isOurChallenge(reply.message, asker, url)) end(resolve)
      else if (reply?.type === 'challenge')
        end(() =>
          reject(
            new ComputePoolError('peer_unauthenticated', `The hub at ${url} asks to sign in under another address.`, {
              remedy: `Whoever runs it starts it with --public-url ${url}, or this node is given the address it was started with.`,
            }),
          ),
        )
      else if (reply?.type === 'refused') end(() => reject(errorFromData(reply.error)))
      else
        end(() =>
          reject(
            new ComputePoolError('peer_message_invalid', `What answers at ${url}/signal is no hub of this version.`, {
              remedy: 'Check the address, and that both run the same version.',
            }),
          ),
        )
    }
  })
}

/** Undefined, which is no reply, where it is none. */
function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
