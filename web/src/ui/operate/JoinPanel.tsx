/** Before joining: what the machine can offer, how much of it, one button. */

import type { JoinOptions } from '@computepool/peer/runtime/peer-snapshot.ts'
import type { EngineKind } from '@computepool/shared/ports'
import { useState } from 'react'
import { formatBytes } from '../format/format-number.ts'
import type { PackSizes } from '../stores/pack-store.ts'
import { type AskedStake, mostStakeOf } from '../trust/most-stake.ts'
import { SigningTerms } from '../trust/SigningTerms.tsx'
import type { Assessment } from './assess-machine.ts'
import { EngineChoice } from './EngineChoice.tsx'
import type { JoinQuery } from './join-query.ts'
import { MachineFindings } from './MachineFindings.tsx'
import { roomWords } from './room-words.ts'

export interface JoinPanelProps {
  readonly assessment: Assessment | null
  readonly query: JoinQuery
  /** Sizes of the served model; null until they are known. */
  readonly pack: PackSizes | null
  readonly askedStake: AskedStake
  readonly isRetry: boolean
  readonly onCheckAgain: () => void
  readonly onJoin: (options: JoinOptions) => void
}

export function JoinPanel({ assessment, query, pack, askedStake, isRetry, onCheckAgain, onJoin }: JoinPanelProps) {
  const [memoryBytes, setMemoryBytes] = useState<number | null>(query.memoryBytes)
  const [engine, setEngine] = useState<EngineKind | null>(query.engine)
  const [mostText, setMostText] = useState('')
  const most = mostStakeOf(mostText, askedStake)
  if (assessment === null) {
    return (
      <p className="verdict" data-testid="verdict">
        Asking the browser what this machine has.
      </p>
    )
  }
  const { memory } = assessment
  const offered = memoryBytes ?? memory.defaultBytes
  return (
    <>
      <p className="verdict" data-testid="verdict">
        {assessment.verdict}
      </p>
      {assessment.canJoin ? (
        <form
          className="stack"
          onSubmit={event => {
            event.preventDefault()
            if (most === null) return
            onJoin({ memoryBudgetBytes: offered, engine, mostStakeAtomic: most })
          }}
        >
          <label className="field">
            <span className="field-head">
              <span>Memory to offer</span>
              <output>{formatBytes(offered)}</output>
            </span>
            <input
              type="range"
              data-testid="memory"
              min={memory.minBytes}
              max={Math.max(memory.maxBytes, offered)}
              step={memory.stepBytes}
              value={offered}
              aria-valuetext={formatBytes(offered)}
              onChange={event => setMemoryBytes(Number(event.target.value))}
            />
            <span className="hint" data-testid="room">
              {pack === null ? 'Layers and their caches stay below this.' : roomWords(offered, pack)} {memory.basis}
            </span>
          </label>
          <SigningTerms asked={askedStake} mostText={mostText} onMost={setMostText} />
          <button type="submit" className="button primary" data-testid="join">
            {isRetry ? 'Join again' : 'Join the ring'}
          </button>
          <EngineChoice engine={engine} onChange={setEngine} />
        </form>
      ) : null}
      <MachineFindings findings={assessment.findings} isOpen={!assessment.canJoin} onCheckAgain={onCheckAgain} />
    </>
  )
}
