/**
 * Where conversations are kept: this browser's IndexedDB, one record each. Where the browser refuses (a private window), they last
 * as long as the page, and the caller is told so.
 */
import { type Conversation, conversationSchema, settle } from './conversation.ts'

export interface ConversationArchive {
  /** All that can be read, newest first; `isLasting` is false where nothing survives a reload. */
  load(): Promise<{ conversations: Conversation[]; isLasting: boolean }>
  save(conversation: Conversation): Promise<void>
  remove(id: string): Promise<void>
}

const databaseName = 'computepool-chat'
const storeName = 'conversations'

export function createIndexedDbArchive(factory: IDBFactory | undefined): ConversationArchive {
  let opening: Promise<IDBDatabase | null> | null = null
  const database = () => {
    opening ??= factory === undefined ? Promise.resolve(null) : openDatabase(factory).catch(() => null)
    return opening
  }
  async function withStore<T>(
    mode: IDBTransactionMode,
    act: (store: IDBObjectStore) => IDBRequest<T>,
  ): Promise<T | null> {
    const open = await database()
    return open === null ? null : settled(act(open.transaction(storeName, mode).objectStore(storeName)))
  }
  return {
    async load() {
      const records = await withStore('readonly', store => store.getAll() as IDBRequest<unknown[]>).catch(() => null)
      return { conversations: parseRecords(records ?? []), isLasting: records !== null }
    },
    async save(conversation) {
      await withStore('readwrite', store => store.put(conversation))
    },
    async remove(id) {
      await withStore('readwrite', store => store.delete(id))
    },
  }
}

/** Keeps what reads as a conversation; a record of another shape is left out, not fatal. */
export function parseRecords(records: readonly unknown[]): Conversation[] {
  return records
    .flatMap(record => {
      const parsed = conversationSchema.safeParse(record)
      return parsed.success ? [settle(parsed.data)] : []
    })
    .sort((a, b) => b.updatedAt - a.updatedAt)
}

function openDatabase(factory: IDBFactory): Promise<IDBDatabase> {
  const request = factory.open(databaseName, 1)
  request.onupgradeneeded = () => request.result.createObjectStore(storeName, { keyPath: 'id' })
  return settled(request)
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new Error('IndexedDB refused without a reason.'))
  })
}
