/** `/operate?join=1&engine=wasm&memory=512MB`: how a script, or a bookmark, joins without a click. Pure. */
import type { EngineKind } from '@computepool/shared/ports'
import { parseSize } from '../format/parse-size.ts'

export interface JoinQuery {
  readonly joins: boolean
  readonly engine: EngineKind | null
  readonly memoryBytes: number | null
  /** What in the address could not be read, in words. */
  readonly problem: string | null
}

/** Only the engines a tab has: `native` is the headless peer's. */
export function parseJoinQuery(search: string): JoinQuery {
  const query = new URLSearchParams(search)
  const engineText = query.get('engine') ?? 'auto'
  const memoryText = query.get('memory')
  const engine = engineText === 'webgpu' || engineText === 'wasm' ? engineText : null
  const memoryBytes = memoryText === null ? null : parseSize(memoryText)
  const problems: string[] = []
  if (engine === null && engineText !== 'auto') problems.push(`engine=${engineText} is none of auto, webgpu, wasm.`)
  if (memoryText !== null && memoryBytes === null) problems.push(`memory=${memoryText} is no size; write 512MB or 2GB.`)
  const joinText = query.get('join')
  return {
    joins: problems.length === 0 && joinText !== null && joinText !== '0' && joinText !== 'false',
    engine,
    memoryBytes,
    problem: problems.length === 0 ? null : problems.join(' '),
  }
}
