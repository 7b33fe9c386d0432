/**
 * Notices that a runtime's device is gone: by the words of what failed, or by steps that fail one after another. onnxruntime-node tells
 * neither, and a driver that was reset refuses every step from then on. It knows no graphs and mends nothing.
 */
import type { Runtime, RuntimeSession } from '@computepool/shared/engine'
import { ComputePoolError } from '@computepool/shared/errors'
import type { NativeProvider } from './native-runtime.ts'

export interface WatchedRuntime {
  readonly runtime: Runtime
  /** Settles once, with `engine_device_lost`; never while the device works. */
  readonly lost: Promise<ComputePoolError>
}

const mostFailures = 3

/** What Vulkan, Direct3D, Dawn and CUDA say of a device that will not come back in this process. */
const lostWords =
  /device (is |was |has been )?(lost|removed|hung|reset)|device[-_ ]?lost|DEVICE_(REMOVED|HUNG|RESET)|illegal memory access|unspecified launch failure|device-side assert|uncorrectable ECC|unknown CUDA|CUDA driver is shutting down|fallen off the bus/i

/** A step that found no room says nothing of the device. */
const memoryWords = /out of memory|OUT_OF_MEMORY|failed to allocate|bad_alloc|bad allocation|ALLOC_FAILED/i

/** Counted for each session alone: the layers may go on computing while the head's session fails. */
export function watchRuntime(runtime: Runtime, provider: NativeProvider): WatchedRuntime {
  let tell = (_error: ComputePoolError): void => {}
  const lost = new Promise<ComputePoolError>(resolve => {
    tell = resolve
  })

  function giveUp(why: string, cause: unknown): void {
    tell(
      new ComputePoolError('engine_device_lost', `${provider} ${why}: ${String(cause).slice(0, 300)}`, {
        remedy: 'Start again; should it repeat, look after the driver, or serve with --engine cpu.',
        cause,
      }),
    )
  }

  function watch(session: RuntimeSession): RuntimeSession {
    let failures = 0
    return {
      async run(feeds, fetches) {
        try {
          const outputs = await session.run(feeds, fetches)
          failures = 0
          return outputs
        } catch (thrown) {
          const words = String(thrown)
          if (!memoryWords.test(words)) {
            failures += 1
            // The processor's provider has no device, and cannot lose it.
            if (provider !== 'cpu' && lostWords.test(words)) giveUp('lost its device', thrown)
            else if (failures >= mostFailures) giveUp(`failed ${failures} steps in a row`, thrown)
          }
          throw thrown
        }
      },
      release: () => session.release(),
    }
  }

  return { runtime: { ...runtime, openSession: async input => watch(await runtime.openSession(input)) }, lost }
}
