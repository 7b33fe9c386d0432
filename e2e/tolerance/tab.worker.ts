/// <reference types="vite/client" />
/// <reference types="@webgpu/types" />
/** The worker of a real tab in which the browser's engines do the work, as an operator's tab does. */
import { noExpansion, openExitHead } from '@computepool/shared/engine'
import type { TensorDtype } from '@computepool/shared/model'
import { loadOrt, type WebEngineKind } from '@computepool/web/engine/load-ort.ts'
import { openWebEngine } from '@computepool/web/engine/open-web-engine.ts'
import { createWebRuntime } from '@computepool/web/engine/web-runtime.ts'
import { openModel } from './models.ts'
import type { Weights } from './requantise.ts'
import {
  decodeBytes,
  decodeFloats,
  encodeFloats,
  type TabCall,
  type TabOutcome,
  type TabReply,
} from './tab-messages.ts'
import { doWork, type WorkHost } from './work.ts'

let demo: Weights | null = null

const host: WorkHost = {
  openEngine: (slice, way) =>
    openWebEngine(way.engine as WebEngineKind, slice, {
      float: way.dtype,
      ...(way.smallestCapacity === undefined ? {} : { smallestCapacity: way.smallestCapacity }),
      ...(way.staysPacked ? { expansion: noExpansion } : {}),
    }),
  async openHead(slice, way) {
    const kind = way.engine as WebEngineKind
    const expanded: TensorDtype[] = kind === 'wasm' && !way.staysPacked ? ['q4', 'q8'] : []
    const expansion = { dtypes: expanded, upToBytes: 2 ** 30 }
    const ort = await loadOrt(kind)
    const runtime = createWebRuntime({ ort, kind, float: way.dtype, expansion, onFatal: () => undefined })
    return { runtime, head: await openExitHead(slice, runtime, expanded) }
  },
}

async function answer(call: TabCall): Promise<unknown> {
  if (call.type === 'demo') {
    const { manifest, parts } = call.demo
    demo = {
      manifest,
      parts: {
        async open(part) {
          const bytes = decodeBytes(parts[part.name]!)
          const read = async (offset: number, length: number) => bytes.slice(offset, offset + length)
          return { sizeBytes: bytes.length, read, close: async () => undefined }
        },
      },
    }
    return null
  }
  if (demo === null) throw new Error('the worker was asked to work before it had the demo model')
  const { layers, way, input } = call
  const rows = 'tokens' in input ? input : { values: decodeFloats(input.values) }
  const weights = openModel(call.model, demo)
  const { boundary, logits, facts } = await doWork({ weights, layers, way, input: rows }, host)
  return {
    boundary: encodeFloats(boundary),
    logits: logits === null ? null : encodeFloats(logits),
    facts,
  } satisfies TabOutcome
}

addEventListener('message', async ({ data }: MessageEvent<TabCall>) => {
  const reply = (message: TabReply) => postMessage(message)
  try {
    reply({ value: await answer(data) })
  } catch (error) {
    reply({ error: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) })
  }
})
