/** A ring of peers of several kinds on one orchestrator, with a bridge where they have no network in common. */
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { type PoolSnapshot, poolSnapshotSchema } from '@computepool/shared/swarm'
import type { Browser } from 'playwright'
import { type AxlStandIn, type AxlStandInOptions, startAxlStandIn } from '../../node/testing/axl-stand-in.ts'
import { type NativeBridge, type NativeNode, openBridge, openNode } from './native-peers.ts'
import { openTabs, type Tabs } from './open-ring.ts'
import { linksInWords, linksOf } from './prove-paths.ts'
import { untilPoolReady } from './until-pool-ready.ts'

/** A browser tab; a headless node with data channels; a headless node behind AXL with nothing else. */
export type PeerKind = 'tab' | 'webrtc' | 'axl'

export interface MixedRing {
  readonly url: string
  readonly model: string
  readonly nodes: readonly NativeNode[]
  /** Null where every pair has a direct way. */
  readonly bridge: NativeBridge | null
  readonly overlay: AxlStandIn
  pool(): Promise<PoolSnapshot>
  close(): Promise<void>
}

export interface MixedRingOptions {
  readonly kinds: readonly PeerKind[]
  readonly packDir: string
  /** For tabs. */
  readonly browser?: Browser
  readonly engine?: 'webgpu' | 'wasm'
  readonly overlay?: AxlStandInOptions
  readonly deadlineMs?: number
  /** What each tab offers. */
  readonly tabMemoryBytes?: number
}

/** Resolves when the pool says `ready`; rejects with what the peers said where it does not. */
export async function openMixedRing(options: MixedRingOptions): Promise<MixedRing> {
  const { kinds, packDir, browser, engine = 'wasm', deadlineMs = 120_000 } = options
  const closers: (() => Promise<unknown>)[] = []
  const close = async (): Promise<void> => {
    for (const one of closers.splice(0).reverse()) await one()
  }
  try {
    const tabs = kinds.filter(kind => kind === 'tab').length
    const orchestrator = await startOrchestrator({
      host: '127.0.0.1',
      port: 0,
      packDir,
      minSeats: kinds.length,
      ...(tabs === 0 ? { pageFolder: null } : {}),
    })
    closers.push(() => orchestrator.close())
    const { url, model } = orchestrator
    const overlay = startAxlStandIn(options.overlay)
    closers.push(() => overlay.close())
    const needsBridge = kinds.includes('axl') && kinds.some(kind => kind !== 'axl')
    const bridge = needsBridge ? await openBridge(url, overlay) : null
    if (bridge !== null) closers.push(() => bridge.leave())
    let opened: Tabs | null = null
    if (tabs > 0) {
      const { tabMemoryBytes: memoryBytes } = options
      opened = await openTabs({
        url,
        peers: tabs,
        engine,
        ...(browser ? { browser } : {}),
        ...(memoryBytes === undefined ? {} : { memoryBytes }),
      })
      const { close: closeTabs } = opened
      closers.push(closeTabs)
    }
    const nodes: NativeNode[] = []
    for (const kind of kinds) {
      if (kind === 'tab') continue
      const node = await openNode(url, { axl: kind === 'axl' ? overlay : null })
      nodes.push(node)
      closers.push(() => node.leave())
    }
    const pool = async (): Promise<PoolSnapshot> =>
      poolSnapshotSchema.parse(await (await fetch(new URL('/api/pool', url))).json())
    // A way that only opened first gives place to the direct one: the ring is whole when each hop goes as it should.
    const isDue = (now: PoolSnapshot): boolean =>
      linksOf(nodes, now.seats).every(({ wanted, found }) => found === wanted)
    await untilPoolReady({ url, pages: opened?.pages ?? [], deadlineMs, isDue }).catch(async error => {
      throw new Error(`${error.message} ${linksInWords(linksOf(nodes, (await pool()).seats))}`)
    })
    return { url, model, nodes, bridge, overlay, pool, close }
  } catch (error) {
    await close()
    throw error
  }
}
