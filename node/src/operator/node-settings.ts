/** What a headless operator is told, as values: sizes, places, networks. The command line makes it; nothing here reads anything. Types only. */
import type { NativeProvider } from '../engine/native-runtime.ts'
import type { OriginalTail } from '../original/original-tail.ts'

export interface NodeSettings {
  /** Origin of the orchestrator, e.g. `https://pool.example`. */
  readonly url: string
  readonly dataDir: string
  readonly memoryBudgetBytes: number
  /** Threads of one operator; 0 lets the runtime choose. */
  readonly threads: number
  /** Null lets the measurement choose. */
  readonly engine: NativeProvider | null
  /** The HTTP API of the local AXL daemon; null: AXL is not used. */
  readonly axlUrl: string | null
  readonly usesWebRtc: boolean
  /** A peer of the original protocol that computes the last layers; needs `axlUrl`. Absent or null: none. */
  readonly originalTail?: OriginalTail | null
  readonly keystorePath: string | undefined
  readonly passwordFile: string | undefined
  /** Most that its key puts at stake within a day, 6 decimals; absent: what any peer would. */
  readonly mostStakeAtomic?: bigint
  /** Most that it keeps of recent answers for checks; absent: what any peer would. */
  readonly keptFramesBytes?: number
  readonly drainMs: number
}
