/**
 * What a pool knows and does not show: its model, how layers are to be split, a private prompt, its policy. JSON within a container;
 * it names weights by digest and holds none, and it is no place for credentials.
 */
import { z } from 'zod'
import { ComputePoolError } from '../errors/index.ts'

const atomic = z.string().regex(/^(0|[1-9]\d{0,29})$/)
const layer = z.int().min(0).max(10_000)

export const poolIntelligenceSchema = z
  .strictObject({
    version: z.literal(1),
    model: z.strictObject({
      id: z.string().min(1).max(200),
      /** SHA-256 of the pack's manifest. */
      manifestSha256: z.string().regex(/^[0-9a-f]{64}$/),
      layers: layer.min(1),
    }),
    /** Layers [first, end) as they are to be held, in order; empty: as the pool finds best. */
    spans: z.array(z.strictObject({ firstLayer: layer, endLayer: layer })).max(64),
    /** Put before each conversation; whoever holds the first or the last layers of a ring can see it. */
    systemPrompt: z.string().max(32_768),
    /** USDC, 6 decimals. */
    policy: z.strictObject({
      pricePerSecondAtomic: atomic,
      stakeAtomic: atomic,
      /** Share of work that is computed again. */
      checkRate: z.number().min(0).max(1),
    }),
  })
  .refine(({ spans, model }) => {
    const ends = [0, ...spans.map(({ endLayer }) => endLayer)]
    const areJoined = spans.every(({ firstLayer, endLayer }, at) => firstLayer === ends[at] && endLayer > firstLayer)
    return spans.length === 0 || (areJoined && ends.at(-1) === model.layers)
  }, 'spans must cover each layer once, in order')
export type PoolIntelligence = z.output<typeof poolIntelligenceSchema>

const intelligenceKind = 'computepool.intelligence.v1'

/** The entry's description on the chain. It tells the container's size, which its root does not, and a transfer leaves it as it is. */
export const describeIntelligence = (containerSizeBytes: number): string => `${intelligenceKind}/${containerSizeBytes}`

/** The container's size where `description` is that of a pool's intelligence; null where it is of something else. */
export function describedSize(description: string): number | null {
  const digits = /^computepool\.intelligence\.v1\/([1-9]\d{0,8})$/.exec(description)?.[1]
  return digits === undefined ? null : Number(digits)
}

/** The bytes that go into a container. @throws ZodError where it is none: a fault of the caller's. */
export const intelligenceBytes = (intelligence: PoolIntelligence): Uint8Array =>
  new TextEncoder().encode(JSON.stringify(poolIntelligenceSchema.parse(intelligence)))

/** @throws artifact_invalid where the bytes of a container are something else. */
export function parseIntelligence(bytes: Uint8Array): PoolIntelligence {
  try {
    return poolIntelligenceSchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)))
  } catch (cause) {
    throw new ComputePoolError('artifact_invalid', 'The container opened, and does not hold a pool’s intelligence.', {
      remedy: 'Ask the owner to write a new version: this one was made by something else.',
      cause,
    })
  }
}
