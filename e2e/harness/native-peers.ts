/**
 * Headless peers, bridges and AXL daemons (stand-ins) beside an orchestrator, in this process: what a test or bench puts together with
 * tabs. The stand-in is not AXL; all else is what the `computepool` command runs.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createAxlClient } from '@computepool/node/axl/axl-client.ts'
import type { BridgeSnapshot } from '@computepool/node/bridge/bridge-snapshot.ts'
import { runBridge } from '@computepool/node/bridge/run-bridge.ts'
import { createNodeRtc } from '@computepool/node/links/node-rtc.ts'
import { openSocket } from '@computepool/node/operator/open-socket.ts'
import { runNode } from '@computepool/node/operator/run-node.ts'
import { hostClock, hostEntropy } from '@computepool/peer/host.ts'
import { keyOfSecret } from '@computepool/peer/runtime/key-of-secret.ts'
import type { PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'
import { maxParcelBytes } from '@computepool/shared/datagram'
import type { LinkFacts } from '@computepool/shared/ports'
import type { AxlStandIn, AxlStandInDaemon } from '../../node/testing/axl-stand-in.ts'

export interface NativeNode {
  snapshot(): PeerSnapshot | null
  /** Counters of each way to each peer. */
  paths(): readonly LinkFacts[]
  /** Null where it is reached by data channels only. */
  readonly daemon: AxlStandInDaemon | null
  leave(): Promise<void>
}

export interface NativeBridge {
  snapshot(): BridgeSnapshot
  readonly daemon: AxlStandInDaemon
  leave(): Promise<void>
}

export interface NodeOrder {
  /** Through an AXL daemon of its own; null: by data channels. */
  readonly axl: AxlStandIn | null
  readonly threads?: number
  readonly memoryBytes?: number
}

/** A headless operator of that pool, with a key and a folder of its own. */
export async function openNode(url: string, { axl, threads = 1, memoryBytes = 1e9 }: NodeOrder): Promise<NativeNode> {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'computepool-node-'))
  const daemon = (await axl?.startDaemon()) ?? null
  let snapshot: PeerSnapshot | null = null
  const node = await runNode(
    {
      url,
      dataDir,
      memoryBudgetBytes: memoryBytes,
      threads,
      engine: 'cpu',
      axlUrl: daemon?.url ?? null,
      usesWebRtc: daemon === null,
      keystorePath: undefined,
      passwordFile: undefined,
      drainMs: 10_000,
    },
    {
      env: {},
      tell(told) {
        snapshot = told
      },
      onEngineLost: error => console.error('engine lost:', error.message),
      onNotice: () => {},
    },
  )
  return {
    daemon,
    snapshot: () => snapshot,
    paths: () => node.paths(),
    async leave() {
      await node.peer.leave()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** A bridge of that pool, between data channels and an AXL daemon of its own. */
export async function openBridge(url: string, axl: AxlStandIn): Promise<NativeBridge> {
  const daemon = await axl.startDaemon()
  const running = runBridge({
    clock: hostClock,
    entropy: hostEntropy,
    key: keyOfSecret(`0x${Buffer.from(hostEntropy.bytes(32)).toString('hex')}`),
    agent: 'bridge of a test',
    pageUrl: url,
    openSocket: () => openSocket(url),
    openLinks: self => createNodeRtc({ self, clock: hostClock, limits: { maxFrameBytes: maxParcelBytes } }),
    axl: { client: createAxlClient({ url: daemon.url, maxReceiveBytes: maxParcelBytes }), key: daemon.key },
    tell: () => {},
    onNotice: () => {},
  })
  return { daemon, snapshot: () => running.snapshot(), leave: () => running.leave() }
}
