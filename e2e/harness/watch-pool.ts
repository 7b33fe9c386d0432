/** A pool as anybody may watch it: its snapshots as they change, and its disputes. */
import { type DisputeView, disputesSchema } from '@computepool/shared/money'
import { type PoolSnapshot, poolSnapshotSchema } from '@computepool/shared/swarm'
import { readEvents } from './read-events.ts'

/** What `look` finds, once it finds it; it looks whenever the pool tells of a change. */
export async function untilPool<T>(
  url: string,
  look: (snapshot: PoolSnapshot) => Promise<T | null> | T | null,
): Promise<T> {
  const leave = new AbortController()
  const events = await fetch(`${url}/api/pool/events`, { signal: leave.signal })
  try {
    for await (const data of readEvents(events.body!)) {
      const found = await look(poolSnapshotSchema.parse(JSON.parse(data)))
      if (found !== null) return found
    }
    throw new Error('The pool closed its event stream.')
  } finally {
    leave.abort()
  }
}

export async function disputesOf(url: string): Promise<DisputeView[]> {
  return disputesSchema.parse(await (await fetch(`${url}/api/disputes`)).json()).disputes
}
