/** A bundle about a check, as its auditor would leave it: its words are those of the check, its rows are none. Nobody could replay it. */
import { createHash } from 'node:crypto'
import { encodeEvidence } from '@computepool/shared/audit'
import type { DeskCommand } from '@computepool/shared/wire'

type RunCheck = Extract<DeskCommand, { type: 'run-check' }>
type Header = Parameters<typeof encodeEvidence>[0]['header']

export interface FakeEvidence {
  readonly bytes: Uint8Array
  readonly sha256: string
}

/** `change`: what its auditor says otherwise. */
export function fakeEvidence(check: RunCheck, change: Partial<Header> = {}): FakeEvidence {
  const { accused, attempts, plan, engine } = check
  const last = attempts.at(-1)!
  const bytes = encodeEvidence({
    header: {
      format: 'computepool-evidence',
      version: 3,
      versions: { computepool: 'test', protocol: 1 },
      model: { name: 'test', quantisation: 'f32' },
      accused: { peer: accused },
      check: plan,
      attempts: attempts.map(({ receipt, key }) => ({
        ...{ receipt, key },
        incoming: { kind: 'text', tokens: [1], position: 0, told: [1] },
      })),
      after: last.after === null ? null : { peer: check.sentFrom, receipt: last.after, key: last.afterKey! },
      outgoing: { kind: 'frames', dtype: 'f32', hidden: 8, links: [], held: 0 },
      draws: null,
      engines: { accused: engine, auditor: engine },
      tolerance: { relative: 0.01, logit: 0.1 },
      finding: { isHonest: false, positions: 1, worst: 1, worstPosition: 0, over: 1, different: 0, nearTies: 0 },
      ...change,
    },
    incoming: new Uint8Array(),
    outgoing: new Uint8Array(),
  })
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') }
}
