/** One tab of the chaos: the real peer runtime on a host that can freeze or vanish, with a fake engine that can lose its device. */
import { createMemoryStorage } from '@computepool/peer/artifacts/memory-storage.ts'
import { keyOfSecret } from '@computepool/peer/runtime/key-of-secret.ts'
import type { PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'
import { type RunningPeer, runPeer } from '@computepool/peer/runtime/run-peer.ts'
import { idleSnapshot } from '@computepool/peer/runtime/snapshot-box.ts'
import { rowTokens } from '@computepool/shared/engine'
import type { Engine, EngineRow } from '@computepool/shared/ports'
import { createReceiptSigner, type Receipt, type ReceiptBody, type ReceiptSigner } from '@computepool/shared/receipts'
import { createSeededRandom, type FakeEngine, type ManualClock, openFakeEngine } from '@computepool/shared/testing'
import { hubRequestSchema } from '@computepool/shared/wire'
import type { SignalingHub } from '@computepool/signaling'
import type { ChaosEvidence } from './chaos-evidence.ts'
import { type ChaosHost, createChaosHost } from './chaos-host.ts'
import { type ChaosNetwork, type ChaosSocket, openChaosSocket } from './chaos-network.ts'
import type { ChaosPack } from './chaos-pack.ts'

export interface ChaosPeerFacts {
  readonly seed: number
  /** One step of one row, and what each position beyond the first adds. */
  readonly stepMs: number
  readonly rowMs: number
  readonly loadMs: number
  readonly socketMs: number
  readonly maxChunk: number
}

export interface ChaosPeer {
  readonly running: RunningPeer
  readonly host: ChaosHost
  snapshot(): PeerSnapshot
  /** Engines that it opened and has not closed. */
  engines(): readonly FakeEngine[]
  /** Steps that were begun and have not ended. */
  stepsUnderWay(): number
  breakSocket(): void
  /** Gone, without a word: its socket closes and its links are found broken after these times. */
  vanish(after: { readonly socketMs: number; readonly linkMs: number }): void
}

export interface ChaosPeerOptions {
  readonly clock: ManualClock
  readonly network: ChaosNetwork
  readonly hub: SignalingHub
  readonly pack: ChaosPack
  readonly facts: ChaosPeerFacts
  /** What it gives for a receipt: the very one, another, which its key signs too, or none. */
  readonly receipt: (honest: Receipt) => ReceiptBody | null
  /** Computes otherwise. */
  readonly cheat?: ((engine: FakeEngine) => Engine) | undefined
  /** Default: an operator. */
  readonly role?: 'operator' | 'auditor'
  /** Bundles of evidence at the pool. */
  readonly evidence: Pick<ChaosEvidence, 'fetchBytes'>
  /** The page would start another worker now. */
  readonly onEngineLost: () => void
}

const pageUrl = 'http://pool.test/operate'

export function openChaosPeer(options: ChaosPeerOptions): ChaosPeer {
  const { clock, network, hub, pack, facts, onEngineLost } = options
  const random = createSeededRandom(facts.seed)
  const host = createChaosHost(clock)
  const engines = new Set<FakeEngine>()
  let snapshot = idleSnapshot
  let self = ''
  let socket: ChaosSocket | null = null
  let stepsUnderWay = 0
  let signer: ReceiptSigner | null = null

  const beforeStep = (rows: readonly EngineRow[]): Promise<void> => {
    const positions = rows.reduce((sum, row) => sum + rowTokens(row), 0)
    return host.wait(facts.stepMs + facts.rowMs * (positions - 1))
  }
  const openEngine = async (slice: Parameters<typeof openFakeEngine>[0]): Promise<Engine> => {
    await host.wait(facts.loadMs)
    const engine = openFakeEngine(slice, { maxChunk: facts.maxChunk, beforeStep })
    const opened: FakeEngine = {
      ...engine,
      async run(rows) {
        stepsUnderWay += 1
        try {
          return await engine.run(rows)
        } finally {
          stepsUnderWay -= 1
        }
      },
      async close() {
        engines.delete(opened)
        await engine.close()
      },
    }
    engines.add(opened)
    return options.cheat?.(opened) ?? opened
  }

  /** As the tab says it, with the receipt that it gives. */
  const spoken = (text: string): string | null => {
    const request = hubRequestSchema.parse(JSON.parse(text))
    if (request.type !== 'desk' || request.request.type !== 'request-receipted') return text
    const { type, ...honest } = request.request
    const given = options.receipt(honest)
    if (given === honest) return text
    if (given === null) return null
    return JSON.stringify({ type: 'desk', request: { type, ...signer!.sign(given) } })
  }

  const running = runPeer(
    {
      clock: host,
      entropy: {
        bytes: length => {
          const bytes = random.bytes(length)
          // The first secret that it draws signs its receipts.
          if (length === 32) signer ??= createReceiptSigner(bytes)
          return bytes
        },
      },
      pageUrl,
      agent: 'chaos',
      reach: { webrtc: true, axl: null },
      openKey: async () => keyOfSecret(`0x${'01'.repeat(12)}${Buffer.from(random.bytes(20)).toString('hex')}`),
      openSocket: () => {
        const opened = openChaosSocket(hub, clock, host, facts.socketMs)
        const { send } = opened
        opened.send = text => {
          const said = spoken(text)
          if (said !== null) send(said)
        }
        socket = opened
        return opened
      },
      openTransport: peer => {
        self = peer
        return network.transport(peer, host)
      },
      openStorages: async () => [createMemoryStorage()],
      fetchBytes: options.evidence.fetchBytes(pack.fetchBytes),
      probeEngines: async () => ({
        probes: [{ kind: 'wasm', device: 'fake', isSoftware: true, msPerLayer: facts.stepMs / 2, headMs: 1 }],
        kind: 'wasm',
        activationDtype: 'f32',
        reason: 'It is the only one.',
      }),
      openEngine: (_, slice) => openEngine(slice),
      selfTest: async () => {},
      holdAwake: () => () => {},
      isHidden: () => false,
      breathe: () => host.wait(0),
      tell: next => {
        snapshot = next
      },
      onEngineLost,
    },
    { memoryBudgetBytes: 1e9, engine: null, role: options.role ?? 'operator' },
  )
  return {
    running,
    host,
    snapshot: () => snapshot,
    engines: () => [...engines],
    stepsUnderWay: () => stepsUnderWay,
    breakSocket: () => socket?.fail(),
    vanish({ socketMs, linkMs }) {
      host.die()
      socket?.abandon(socketMs)
      network.remove(self, linkMs)
    },
  }
}
