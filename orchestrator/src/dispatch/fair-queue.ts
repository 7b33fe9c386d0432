/** What waits, fair by client: one of each client in turn, first come first served within one. It knows nothing of what it holds. */

export interface FairQueue<T> {
  add(client: string, item: T): void
  /** Whose turn it is; undefined where nothing waits. */
  next(): T | undefined
  /** Takes the item out as served: its client's next turn comes after everybody else's. */
  serve(item: T): void
  /** Takes the item out as given up; false where it did not wait. */
  remove(item: T): boolean
  has(item: T): boolean
  readonly size: number
  sizeOf(client: string): number
  readonly clients: number
  items(): T[]
  /** All that wait, in the order in which they would be served. */
  inTurn(): T[]
}

export function createFairQueue<T>(): FairQueue<T> {
  /** Clients in the order of their turns. */
  const turns = new Map<string, Set<T>>()
  const clientOf = new Map<T, string>()
  const takeOut = (item: T): string | null => {
    const client = clientOf.get(item)
    if (client === undefined) return null
    clientOf.delete(item)
    const items = turns.get(client)!
    items.delete(item)
    if (items.size === 0) turns.delete(client)
    return client
  }
  return {
    add: (client, item) => {
      clientOf.set(item, client)
      const items = turns.get(client) ?? new Set()
      items.add(item)
      turns.set(client, items)
    },
    next: () => {
      for (const items of turns.values()) for (const item of items) return item
      return undefined
    },
    serve: item => {
      const client = takeOut(item)
      const rest = client === null ? undefined : turns.get(client)
      if (client === null || rest === undefined) return
      turns.delete(client)
      turns.set(client, rest)
    },
    remove: item => takeOut(item) !== null,
    has: item => clientOf.has(item),
    get size() {
      return clientOf.size
    },
    sizeOf: client => turns.get(client)?.size ?? 0,
    get clients() {
      return turns.size
    },
    items: () => [...clientOf.keys()],
    inTurn: () => {
      const lines = [...turns.values()].map(items => [...items])
      const rounds = Math.max(0, ...lines.map(line => line.length))
      return Array.from({ length: rounds }, (_, round) => lines.flatMap(line => line.slice(round, round + 1))).flat()
    },
  }
}
