/** What a tab's worker is asked to compute, and its answer: bytes as base64, since a page is handed text. Pure. */
import type { LayerRange, Manifest } from '@computepool/shared/model'
import type { EngineFacts } from '@computepool/shared/ports'
import type { ModelName } from './models.ts'
import type { Way } from './ways.ts'

/** The demo model's pack: its manifest and each part's bytes by name. */
export interface DemoBytes {
  readonly manifest: Manifest
  readonly parts: Readonly<Record<string, string>>
}

export type TabCall =
  | { readonly type: 'demo'; readonly demo: DemoBytes }
  | {
      readonly type: 'work'
      readonly model: ModelName
      readonly layers: LayerRange
      readonly input: { readonly tokens: readonly number[] } | { readonly values: string }
      readonly way: Way
    }

export interface TabOutcome {
  readonly boundary: string
  readonly logits: string | null
  readonly facts: EngineFacts
}

export type TabReply = { readonly value: unknown } | { readonly error: string }

/** Values as base64 of their little-endian bytes. */
export function encodeFloats(values: Float32Array): string {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  let text = ''
  // A call takes so many arguments at most.
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return btoa(text)
}

export function decodeBytes(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), char => char.charCodeAt(0))
}

export function decodeFloats(base64: string): Float32Array<ArrayBuffer> {
  return new Float32Array(decodeBytes(base64).buffer)
}
