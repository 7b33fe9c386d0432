/**
 * Whether the daemon that answers again is still the one that others were told of: without a lasting private key it has another key after
 * each start, and nothing that is sent to the old one arrives. It tells, and does nothing else about it.
 */
import type { Clock } from '@computepool/shared/ports'
import type { AxlClient } from './axl-client.ts'

/** A daemon that was quick to come back was missed by no poll. */
const lookEveryMs = 5000

export interface DaemonKeyWatch {
  /** After the daemon was away. */
  look(): void
  /** Idempotent. */
  close(): void
}

/** `key` is what others were told; `onChanged` hears each other one once. A look that fails is worth nothing: there is a next one. */
export function watchDaemonKey(options: {
  readonly client: Pick<AxlClient, 'topology'>
  readonly key: string
  readonly clock: Pick<Clock, 'schedule'>
  readonly onChanged: (key: string) => void
}): DaemonKeyWatch {
  const { client, clock } = options
  let { key } = options
  let isClosed = false

  function look(): void {
    client.topology().then(
      told => {
        if (isClosed || told.key === key) return
        key = told.key
        options.onChanged(key)
      },
      () => {},
    )
  }

  function lookAgain(): void {
    look()
    cancel = clock.schedule(lookEveryMs, lookAgain)
  }
  let cancel = clock.schedule(lookEveryMs, lookAgain)
  return {
    look,
    close() {
      isClosed = true
      cancel()
    },
  }
}

/** For the operator, in a sentence. */
export const changedKeyInWords = (url: string, key: string): string =>
  `The AXL daemon at ${url} came back with another key, ${key.slice(0, 16)}…: joining anew with it. Give it a PrivateKeyPath to spare the ring that.`
