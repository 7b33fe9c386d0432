import { describe, test } from 'vitest'
import { engineContract } from './engine-contract.ts'
import { openFakeEngine } from './fake-engine.ts'
import { fakeManifest } from './fake-manifest.ts'

const manifest = fakeManifest()

describe('the fake engine', () => {
  test.each(engineContract)('$name', ({ run }) =>
    run({
      manifest,
      chunkTolerance: 0,
      open: async (layers, options) => openFakeEngine({ manifest, layers, ...options }),
    }),
  )
})
