/** Storages and the verified store in a real worker; each call starts as a fresh visit would. */

import { sourcesOf } from '@computepool/peer/artifacts/artifact-sources.ts'
import { createVerifiedStore } from '@computepool/peer/artifacts/verified-store.ts'
import { storageContract } from '@computepool/shared/testing'
import { openCacheStorage } from '../src/artifacts/cache-storage.ts'
import { openStorages } from '../src/artifacts/open-storages.ts'
import { openOpfsStorage } from '../src/artifacts/opfs-storage.ts'
import { hostClock } from '../src/host.ts'
import type { ArtifactsCall } from './artifacts-harness-calls.ts'

addEventListener('message', async ({ data }: MessageEvent<{ call: ArtifactsCall; port: MessagePort }>) => {
  try {
    data.port.postMessage(await answer(data.call))
  } catch (fault) {
    const code = typeof fault === 'object' && fault !== null && 'code' in fault ? fault.code : null
    data.port.postMessage({ code, message: String(fault) })
  }
})

async function answer(call: ArtifactsCall): Promise<unknown> {
  switch (call.type) {
    case 'contract': {
      const open = async () => (call.kind === 'opfs' ? await openOpfsStorage() : await openCacheStorage())!
      const found = storageContract.find(({ name }) => name === call.caseName)
      if (found === undefined) throw new Error(`no contract case is called ${call.caseName}`)
      await forgetAll()
      await found.run(open)
      return 'passed'
    }
    case 'obtain':
      return obtain(call)
    case 'rot': {
      const root = await navigator.storage.getDirectory()
      const folder = await root.getDirectoryHandle('computepool-artifacts')
      const handle = await (await folder.getFileHandle(`${call.sha256}.data`)).createSyncAccessHandle()
      const byte = new Uint8Array(1)
      handle.read(byte, { at: call.offset })
      byte[0]! ^= 1
      handle.write(byte, { at: call.offset })
      handle.close()
      return 'rotten'
    }
    case 'kinds':
      return (await openStorages()).map(storage => storage.kind)
  }
}

async function forgetAll(): Promise<void> {
  const root = await navigator.storage.getDirectory()
  await root.removeEntry('computepool-artifacts', { recursive: true }).catch(() => {})
  await caches.delete('computepool-artifacts')
}

async function obtain({ url, file, stopAfter, places }: Extract<ArtifactsCall, { type: 'obtain' }>): Promise<unknown> {
  const fallbacks: string[] = []
  const store = createVerifiedStore({
    storages: await openStorages(),
    fetchBytes: (address, init) => fetch(address, init),
    clock: hostClock,
    onFallback: error => fallbacks.push(error.code),
  })
  const abort = new AbortController()
  const { isCached } = await store.obtain(file, {
    sources: sourcesOf(file, new URL('.', url).href, places ?? null),
    signal: abort.signal,
    onProgress: done => {
      if (stopAfter !== undefined && done >= stopAfter) abort.abort(new Error('stopped'))
    },
  })
  const reader = await store.open(file)
  const bytes = await reader.read(0, file.sizeBytes)
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
  return { isCached, fallbacks, sha256: Array.from(digest, byte => byte.toString(16).padStart(2, '0')).join('') }
}
