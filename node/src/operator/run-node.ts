/**
 * One headless operator: the tab's peer runtime with this machine's powers in it. It knows no terminal and no signals; who runs it is
 * told snapshots.
 */
import { join } from 'node:path'
import { hostClock, hostEntropy } from '@computepool/peer/host.ts'
import type { SocketLike } from '@computepool/peer/runtime/hub-client.ts'
import type { PeerPowers } from '@computepool/peer/runtime/peer-powers.ts'
import type { PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'
import { proveSlice } from '@computepool/peer/runtime/prove-slice.ts'
import { type RunningPeer, runPeer } from '@computepool/peer/runtime/run-peer.ts'
import type { ErrorData } from '@computepool/shared/errors'
import type { LinkFacts } from '@computepool/shared/ports'
import type { Reach } from '@computepool/shared/wire'
import { ed25519, sha256 } from '../crypto/host-crypto.ts'
import { listProviders } from '../engine/list-providers.ts'
import type { NativeProvider } from '../engine/native-runtime.ts'
import { tryProvider } from '../engine/try-provider.ts'
import { openOriginalMail } from '../original/original-mail.ts'
import { type ServingPowers, withOriginalTail } from '../original/original-tail.ts'
import { openDiskStorage } from '../storage/disk-storage.ts'
import { openNodeKey } from '../wallet/open-node-key.ts'
import type { NodeSettings } from './node-settings.ts'
import { openReach } from './open-reach.ts'
import { openSocket } from './open-socket.ts'
import { openWithinMemory } from './open-within-memory.ts'
import { chooseProvider, probeProviders } from './probe-providers.ts'

export interface NodeHost {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly tell: (snapshot: PeerSnapshot) => void
  /** The device is gone: nothing is served any more, and only a new process may mend it. */
  readonly onEngineLost: (error: ErrorData) => void
  /** What an operator should know, in a sentence. */
  readonly onNotice: (text: string) => void
}

export interface RunningNode {
  readonly peer: RunningPeer
  readonly address: string
  /** Where the key came from, in words. */
  readonly keySource: string
  readonly reach: Reach
  /** What passed over each way to each peer, whichever is in use. */
  paths(): readonly LinkFacts[]
  /** What serves, once this machine was measured. */
  provider(): NativeProvider | null
}

/** Joins the pool at once. Errors: of the key and the AXL daemon, before anything is joined; later ones show in the snapshots. */
export async function runNode(
  settings: NodeSettings,
  host: NodeHost,
  /** Providers that failed here before. */
  shunned: ReadonlySet<NativeProvider> = new Set(),
): Promise<RunningNode> {
  const { url, dataDir, memoryBudgetBytes, threads, engine, mostStakeAtomic, keptFramesBytes } = settings
  const key = await openNodeKey({ ...settings, env: host.env, onNotice: host.onNotice })
  let socket: SocketLike | null = null
  // The hub client comes back by itself, and joins with the reach of then.
  const reach = await openReach(settings, host.onNotice, () => socket?.close())
  let transport: ReturnType<typeof reach.openTransport> | null = null
  let provider: NativeProvider | null = null
  const open = openWithinMemory({ memoryBudgetBytes, threads })

  const own: ServingPowers = { openEngine: (_, slice) => open(provider ?? 'cpu', slice), selfTest: proveSlice }
  const { originalTail: tail = null, axlUrl } = settings
  const openMail = () => openOriginalMail(reach.axl, axlUrl)
  const serving =
    tail === null ? own : withOriginalTail({ tail, powers: own, openMail, clock: hostClock, onNotice: host.onNotice })

  const powers: PeerPowers = {
    clock: hostClock,
    entropy: hostEntropy,
    digest: sha256,
    ed25519,
    pageUrl: url,
    agent: `computepool node (${process.platform} ${process.arch}, Node ${process.versions.node})`,
    openKey: async () => key,
    get reach() {
      return reach.reach
    },
    openSocket() {
      socket = openSocket(url)
      return socket
    },
    openTransport(self) {
      transport = reach.openTransport(self, key)
      return transport
    },
    openStorages: async () => [await openDiskStorage(join(dataDir, 'artifacts'))],
    fetchBytes: (address, init) => fetch(address, init),
    keptFramesBytes,
    async probeEngines(manifest, _, signal) {
      const probes = await probeProviders(manifest, {
        providers: engine === null ? listProviders().filter(name => !shunned.has(name)) : [engine],
        tryOne: tryProvider,
        open,
        signal,
        nowMs: () => performance.now(),
      })
      const chosen = chooseProvider(probes, engine)
      provider = chosen.provider
      return chosen.choice
    },
    ...serving,
    holdAwake: () => () => {},
    isHidden: () => false,
    // Not `createBreath`: in Node its port would keep the process.
    breathe: () => new Promise(resolve => setImmediate(resolve)),
    tell: host.tell,
    onEngineLost: host.onEngineLost,
  }
  return {
    peer: runPeer(powers, {
      ...{ memoryBudgetBytes, engine: null },
      ...(mostStakeAtomic === undefined ? {} : { mostStakeAtomic }),
    }),
    address: key.address,
    keySource: key.source,
    reach: reach.reach,
    paths: () => transport?.paths() ?? [],
    provider: () => provider,
  }
}
