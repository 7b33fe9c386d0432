/** The tab store of a real page: its worker, its RTC connections, its visibility. */

import { createRtcHost } from '@computepool/peer/links/rtc-host.ts'
import { askToKeepStorage, hostClock } from '../host.ts'
import type { TabStore } from './tab-commands.ts'
import { createWorkerTabStore, type WorkerLike } from './tab-store.ts'

/** One a page. */
export function createTabStore(): TabStore {
  return createWorkerTabStore({
    clock: hostClock,
    pageUrl: globalThis.location.href,
    startWorker: () => {
      askToKeepStorage()
      return new Worker(new URL('./peer-worker.ts', import.meta.url), {
        type: 'module',
        name: 'computepool-peer',
      }) as WorkerLike
    },
    hostRtc: port => createRtcHost({ port }),
    isHidden: () => document.visibilityState === 'hidden',
    onVisibility(listener) {
      document.addEventListener('visibilitychange', listener)
      return () => document.removeEventListener('visibilitychange', listener)
    },
  })
}
