/** The tab store of a page without a peer runtime: it says so when asked to join. */
import type { TabSnapshot, TabStore } from '../../peer/tab-snapshot.ts'
import { createExternalStore } from './external-store.ts'

export const idleTab: TabSnapshot = {
  status: 'idle',
  peer: null,
  model: null,
  modelLayers: null,
  probes: [],
  engineChoice: null,
  layers: null,
  seat: null,
  seats: [],
  parts: [],
  downloadBytesPerSecond: null,
  links: [],
  requests: 0,
  tokensServed: 0,
  tokensPerSecond: null,
  computeMs: null,
  hopMs: null,
  weightsBytes: 0,
  kvBytes: 0,
  memoryBudgetBytes: 0,
  error: null,
}

export function createAbsentTabStore(): TabStore {
  const store = createExternalStore<TabSnapshot>(idleTab)
  return {
    getSnapshot: store.getSnapshot,
    subscribe: store.subscribe,
    join: () =>
      store.set({
        ...idleTab,
        status: 'failed',
        error: {
          code: 'engine_unavailable',
          message: 'This build of the page has no peer runtime.',
          remedy: 'Build the page from a complete checkout.',
          context: {},
        },
      }),
    pauseDownload() {},
    resumeDownload() {},
    leave: () => store.set(idleTab),
  }
}
