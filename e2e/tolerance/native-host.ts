/** Opens this process's engines for the measurement. */
import { createNativeRuntime } from '@computepool/node/engine/native-runtime.ts'
import { nativeExpansion, openNativeEngine } from '@computepool/node/engine/open-native-engine.ts'
import { noExpansion, openExitHead } from '@computepool/shared/engine'
import type { WorkHost } from './work.ts'

export const nativeHost: WorkHost = {
  openEngine: (slice, way) =>
    openNativeEngine(slice, {
      float: way.dtype,
      threads: way.threads ?? 1,
      ...(way.caches === undefined ? {} : { caches: way.caches }),
      ...(way.smallestCapacity === undefined ? {} : { smallestCapacity: way.smallestCapacity }),
      ...(way.staysPacked ? { expansion: noExpansion } : {}),
    }),
  async openHead(slice, way) {
    const expansion = way.staysPacked ? noExpansion : nativeExpansion
    const runtime = createNativeRuntime({ provider: 'cpu', threads: way.threads ?? 1, float: way.dtype, expansion })
    return { runtime, head: await openExitHead(slice, runtime, expansion.dtypes) }
  },
}
