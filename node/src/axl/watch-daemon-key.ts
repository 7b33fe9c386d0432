/**
 * Whether the daemon that answers again is still the one that others were told of: without a lasting private key it has another key after
 * each start, and nothing that is sent to the old one arrives. It tells, and does nothing else about it.
 */
import type { AxlClient } from './axl-client.ts'

export interface DaemonKeyWatch {
  /** After the daemon was away. */
  look(): void
}

/** `key` is what others were told; `onChanged` hears each other one once. A look that fails is worth nothing: the next follows the next outage. */
export function watchDaemonKey(options: {
  readonly client: Pick<AxlClient, 'topology'>
  readonly key: string
  readonly onChanged: (key: string) => void
}): DaemonKeyWatch {
  let { key } = options
  return {
    look() {
      options.client.topology().then(
        told => {
          if (told.key === key) return
          key = told.key
          options.onChanged(key)
        },
        () => {},
      )
    },
  }
}

/** For the operator, in a sentence. */
export const changedKeyInWords = (url: string, key: string): string =>
  `The AXL daemon at ${url} came back with another key, ${key.slice(0, 16)}…: joining anew with it. Give it a PrivateKeyPath to spare the ring that.`
