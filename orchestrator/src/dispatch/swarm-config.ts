/** What placement needs to know of a pack, and the pool's own settings; sizes come from the manifest, times from the tabs. */
import { kvBytesPerToken, type Manifest } from '@computepool/shared/model'
import type { SwarmConfig } from '@computepool/shared/swarm'

export interface SwarmSettings {
  readonly minSeats: number
  readonly maxSeats: number
  /** Positions a request may reach at most; the model's own context caps it. */
  readonly maxContext: number
  readonly wallMs: number
}

/** Caches are counted in f32: a seat that keeps them in f16 has room to spare, one that does not still fits. */
const kvDtypeBytes = 4

export function kvBytesPerPosition(manifest: Manifest): number {
  return kvBytesPerToken(manifest, kvDtypeBytes)
}

export function swarmConfigOf(manifest: Manifest, settings: SwarmSettings): SwarmConfig {
  const { layers, context } = manifest.dimensions
  const sizeOf = (name: string): number => manifest.parts.find(part => part.name === name)!.sizeBytes
  const layerParts = manifest.parts.filter(part => part.name.startsWith('layer-'))
  const maxContext = Math.min(settings.maxContext, context)
  return {
    model: manifest.model,
    quantisation: manifest.quantisation,
    placement: {
      layers,
      layerBytes: Math.max(...layerParts.map(part => part.sizeBytes)),
      embeddingBytes: sizeOf('embedding'),
      headBytes: sizeOf('head'),
      kvBytesPerLayer: maxContext * kvBytesPerPosition(manifest),
    },
    minSeats: settings.minSeats,
    maxSeats: settings.maxSeats,
    // Work of one more tab in a ring, besides the network: a cautious figure (`npm run bench -- ring` measures it).
    hopMs: 4,
    // Between neighbours on the internet, direct; over a user-space overlay; by way of a third peer.
    usualRttMs: { loopback: 0, webrtc: 20, axl: 60, relay: 80 },
    // One row in f16, and the frame's header.
    activationBytes: manifest.dimensions.hidden * 2 + 400,
    lapTolerance: 0.1,
    maxContext,
    maxCaches: 4,
    // Seconds since 1970 grow across restarts, and fit the wire's 32 bits until 2106.
    firstEpoch: Math.floor(settings.wallMs / 1000),
    loadStallMs: 120_000,
    linkStallMs: 45_000,
    // A link that changes networks opens again within two seconds, or not for long.
    linkReturnMs: 3000,
    // A page that reloads, or a hub that starts anew, has its peers back by then.
    returnGraceMs: 5000,
    replanMs: 60_000,
    maxRings: 8,
    maxStandbys: 8,
  }
}
