/** The pack that the tabs of the chaos download, made once: a fake model with bytes that have their digests. */
import { createHash } from 'node:crypto'
import { layOutParts } from '@computepool/shared/engine'
import type { Manifest } from '@computepool/shared/model'
import { createSeededRandom, fakeManifest } from '@computepool/shared/testing'

export interface ChaosPack {
  readonly manifest: Manifest
  readonly manifestSha256: string
  readonly packUrl: string
  readonly fetchBytes: (url: string, init: RequestInit) => Promise<Response>
}

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export function makeChaosPack(): ChaosPack {
  const random = createSeededRandom(11)
  const laidOut = layOutParts(fakeManifest({ model: 'chaos', dimensions: { vocab: 64 } }))
  const bodies = laidOut.parts.map(part => random.bytes(part.sizeBytes))
  const parts = laidOut.parts.map((part, index) => ({ ...part, sha256: digestOf(bodies[index]!) }))
  const manifest: Manifest = { ...laidOut, parts }
  const manifestBytes = new TextEncoder().encode(JSON.stringify(manifest))
  const files = new Map(parts.map((part, index) => [`/packs/${part.path}`, bodies[index]!]))
  files.set('/packs/manifest.json', manifestBytes)
  return {
    manifest,
    manifestSha256: digestOf(manifestBytes),
    packUrl: '/packs/',
    fetchBytes: async url => {
      const body = files.get(new URL(url).pathname)
      return body === undefined ? new Response('no', { status: 404 }) : new Response(body.slice())
    },
  }
}
