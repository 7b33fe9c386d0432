/**
 * The hop bench's AXL path: two processes with a sealed link over the stand-in for AXL's daemons, which is a third. Beside it what the
 * daemon itself takes for a `/send` of the same bytes: all above that is ours.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createAxlCarrier } from '@computepool/node/axl/axl-carrier.ts'
import { createAxlClient } from '@computepool/node/axl/axl-client.ts'
import { hostClock, hostEntropy } from '@computepool/peer/host.ts'
import { keyOfSecret } from '@computepool/peer/runtime/key-of-secret.ts'
import { createSealedTransport } from '@computepool/peer/sealed/index.ts'
import type { Transport } from '@computepool/shared/ports'
import { startAxlStandIn } from '../../node/testing/axl-stand-in.ts'
import { endProcess } from '../harness/end-process.ts'
import type { HopPath } from './hop-paths.ts'
import { activationFrame, answerActivations, linkOpened, roundTripsMs } from './round-trips.ts'

const self = fileURLToPath(import.meta.url)

interface Daemon {
  readonly url: string
  readonly key: string
}

/** Keys of nobody: the number is the secret. */
const keyOf = (number: number) => keyOfSecret(`0x${String(number).padStart(64, '0')}`)
const idOf = (number: number) => `${keyOf(number).address}.0000000${number}` as const

export interface AxlPaths {
  readonly sealed: HopPath
  /** The daemon's own time: one `/send` of an activation's size, to a daemon that nobody polls. */
  readonly send: HopPath
}

export async function openAxl(): Promise<AxlPaths> {
  const daemons = forkSelf('daemons')
  const [[a, b, idle]] = (await once(daemons, 'message')) as [[Daemon, Daemon, Daemon]]
  const far = forkSelf('peer', JSON.stringify({ number: 2, own: b, other: a, otherNumber: 1 }))
  await once(far, 'message')
  const near = openSealed({ number: 1, own: a, other: b, otherNumber: 2 })
  await linkOpened(near.transport, idOf(2))
  const client = createAxlClient({ url: a.url })
  const body = activationFrame(0)
  return {
    sealed: {
      name: 'AXL stand-in without delay, sealed (three processes)',
      measure: count => roundTripsMs(near.transport, idOf(2), count),
      async close() {
        await near.close()
        await endProcess(far)
      },
    },
    send: {
      name: 'AXL stand-in, one /send of the same bytes',
      async measure(count) {
        const samples: number[] = []
        for (let index = 0; index < count; index++) {
          const startedMs = performance.now()
          await client.send(idle.key, body)
          samples.push(performance.now() - startedMs)
        }
        return samples
      },
      async close() {
        client.close()
        await endProcess(daemons)
      },
    },
  }
}

function forkSelf(...args: readonly string[]): ChildProcess {
  return fork(self, args, { execArgv: ['--import', 'tsx'], stdio: ['ignore', 2, 2, 'ipc'] })
}

interface Ends {
  readonly number: number
  readonly own: Daemon
  readonly other: Daemon
  readonly otherNumber: number
}

function openSealed({ number, own, other, otherNumber }: Ends): { transport: Transport; close(): Promise<void> } {
  const [id, peer] = [idOf(number), idOf(otherNumber)]
  const carrier = createAxlCarrier({ self: id, client: createAxlClient({ url: own.url }), clock: hostClock })
  carrier.setRoutes([{ peer, paths: [{ kind: 'axl', key: other.key }] }])
  const transport = createSealedTransport({ self: id, key: keyOf(number), clock: hostClock, entropy: hostEntropy })
  transport.setRoutes({ epoch: 1, routes: [{ peer, kind: 'axl', secret: '5e'.repeat(16), carrier }] })
  return {
    transport,
    async close() {
      await transport.close()
      await carrier.close()
    },
  }
}

async function serve([role, given]: readonly string[]): Promise<void> {
  process.on('disconnect', () => process.exit(0))
  if (role === 'daemons') {
    const network = startAxlStandIn()
    const started = [await network.startDaemon(), await network.startDaemon(), await network.startDaemon()]
    process.send!(started.map(({ url, key }) => ({ url, key })))
    return
  }
  answerActivations(openSealed(JSON.parse(given!) as Ends).transport)
  process.send!('ready')
}

if (process.argv[1] === self && process.send !== undefined) await serve(process.argv.slice(2))
