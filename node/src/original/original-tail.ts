/**
 * What `--original-tail KEY@12-24` makes of a node: where its slice reaches the end of the model, the peer of the original protocol behind
 * KEY computes those layers. It wraps what the peer runtime is given, and knows neither desk nor links.
 */

import type { PeerPowers, SelfTestRequest } from '@computepool/peer/runtime/peer-powers.ts'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Manifest } from '@computepool/shared/model'
import type { Clock, Engine, EngineKind, SliceRequest } from '@computepool/shared/ports'
import { selfTest } from '@computepool/shared/selftest'
import { axlKeySchema } from '@computepool/shared/wire'
import type { OriginalMail } from './original-mail.ts'
import { createOriginalPeer, type OriginalPeer } from './original-peer.ts'
import { createOriginalTailEngine } from './original-tail-engine.ts'

export interface OriginalTail {
  /** Of the daemon behind which the peer is: 64 hex characters, lower case. */
  readonly key: string
  /** What it holds: [start, end), the end being the model's. */
  readonly layers: { readonly start: number; readonly end: number }
}

/** `KEY@12-24`. Errors: `input_invalid`. */
export function parseOriginalTail(text: string): OriginalTail {
  const [, key = '', from = '', to = ''] = /^([0-9a-fA-F]{64})@(\d{1,4})-(\d{1,4})$/.exec(text) ?? []
  const layers = { start: Number(from), end: Number(to) }
  const parsed = axlKeySchema.safeParse(key.toLowerCase())
  if (!parsed.success || layers.start < 1 || layers.end <= layers.start)
    throw new ComputePoolError('input_invalid', `"${text.slice(0, 100)}" names no peer of the original protocol.`, {
      remedy: 'Write KEY@12-24: the 64 hex characters of its daemon’s our_public_key, and its layers, from 1 at least.',
    })
  return { key: parsed.data, layers }
}

/** Of the peer runtime's powers, those that make and prove an engine. */
export type ServingPowers = Pick<PeerPowers, 'openEngine' | 'selfTest'>

export interface OriginalTailPowers {
  readonly tail: OriginalTail
  /** Called when the first slice needs it. */
  readonly openMail: () => OriginalMail
  readonly clock: Clock
  readonly powers: ServingPowers
  /** What the operator should know, in a sentence. */
  readonly onNotice?: (text: string) => void
}

/** Golden tokens of which an original peer must meet half: bfloat16 turns near ties round, other layers or another model meet hardly any. */
const leastShareMet = 0.5

/** `powers`, but slices that reach the end of the model are shared with the peer; all others are held here as ever. */
export function withOriginalTail(options: OriginalTailPowers): ServingPowers {
  const { tail, powers, clock, onNotice = () => {} } = options
  onNotice(
    'An original peer gives tokens and no rows: answers over it are served, but their receipts count as missing. They are not paid, and after three in a row others get this seat for ten minutes.',
  )
  let peer: OriginalPeer | null = null
  const localOf = new WeakMap<Engine, Engine>()

  async function openEngine(kind: EngineKind, slice: SliceRequest): Promise<Engine> {
    const { dimensions } = slice.manifest
    if (tail.layers.end !== dimensions.layers)
      throw new ComputePoolError(
        'input_invalid',
        `The original peer is said to hold layers up to ${tail.layers.end}, but this model has ${dimensions.layers}.`,
        { remedy: `Give --original-tail the layers that it holds, up to ${dimensions.layers}.` },
      )
    const { start, end } = slice.layers
    if (end < dimensions.layers || start >= tail.layers.start) {
      onNotice(
        `Layers ${start} to ${end} were assigned: this node computes them alone, the original peer behind it has no part in them.`,
      )
      return powers.openEngine(kind, slice)
    }
    const local = await powers.openEngine(kind, { ...slice, layers: { start, end: tail.layers.start } })
    peer ??= createOriginalPeer({ key: tail.key, mail: options.openMail(), clock })
    const engine = createOriginalTailEngine({ local, peer, dimensions })
    localOf.set(engine, local)
    return engine
  }

  async function prove(request: SelfTestRequest): Promise<void> {
    const local = localOf.get(request.engine)
    if (local === undefined) return powers.selfTest(request)
    await powers.selfTest({ ...request, engine: local, layers: local.layers })
    await proveTail(request.engine, request.manifest, request.readFile)
  }
  return { openEngine, selfTest: prove }
}

async function proveTail(engine: Engine, manifest: Manifest, readFile: SelfTestRequest['readFile']): Promise<void> {
  const golden = manifest.selfTest
  if (golden === null) return
  const { report } = await selfTest({
    // Its protocol has no log-probabilities to ask for.
    engine: {
      ...engine,
      run: rows =>
        engine.run(
          rows.map(row =>
            row.sample === null
              ? row
              : { ...row, sample: { ...row.sample, params: { ...row.sample.params, logprobs: null } } },
          ),
        ),
    },
    manifest,
    golden,
    readBoundary: index => readFile(golden.boundaries[index]!),
  })
  if (report.tokensMet >= report.tokensAsked * leastShareMet) return
  throw new ComputePoolError(
    'engine_self_test_failed',
    `The original peer met ${report.tokensMet} of ${report.tokensAsked} golden tokens.`,
    {
      remedy: 'Check that it holds the same model and just these layers.',
      context: { tokensMet: report.tokensMet, tokensAsked: report.tokensAsked },
    },
  )
}
