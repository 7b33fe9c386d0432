import { asComputePoolError } from '@computepool/shared/errors'
import { createSeededRandom } from '@computepool/shared/testing'
import { recoverTypedDataAddress } from 'viem'
import { expect, test } from 'vitest'
import { exportBurnerKey, importBurnerKey, openBurnerKey } from './burner-key.ts'

/** As much of IndexedDB as one store with one key needs. */
function memoryDatabases(): IDBFactory {
  const kept = new Map<string, unknown>()
  const request = (result: unknown) => {
    const made = { result, onsuccess: null as (() => void) | null, onupgradeneeded: null as (() => void) | null }
    queueMicrotask(() => {
      made.onupgradeneeded?.()
      made.onsuccess?.()
    })
    return made
  }
  const store = {
    get: (key: string) => request(kept.get(key)),
    put: (value: unknown, key: string) => request(kept.set(key, value)),
  }
  const database = { createObjectStore() {}, close() {}, transaction: () => ({ objectStore: () => store }) }
  return { open: () => request(database) } as unknown as IDBFactory
}

const secret = `0x${'42'.repeat(32)}` as const

test('the key is made once and found again', async () => {
  const databases = memoryDatabases()
  const first = await openBurnerKey(createSeededRandom(1), databases)
  const second = await openBurnerKey(createSeededRandom(2), databases)
  expect(second.address).toBe(first.address)
  expect(first.address).toBe(first.address.toLowerCase())
})

test('its account signs typed data as its address, and shows no key', async () => {
  const databases = memoryDatabases()
  const { account } = await openBurnerKey(createSeededRandom(1), databases)
  const data = {
    domain: {},
    types: { Note: [{ name: 'text', type: 'string' }] },
    primaryType: 'Note',
    message: { text: 'hi' },
  } as const
  const signature = await account.signTypedData(data)
  expect(await recoverTypedDataAddress({ ...data, signature })).toBe(account.address)
  const key = await exportBurnerKey(databases)
  expect(key).toMatch(/^0x[0-9a-f]{64}$/)
  expect(JSON.stringify(account)).not.toContain(key?.slice(2))
})

test('another key takes its place, with or without 0x, and is exported as it came', async () => {
  const databases = memoryDatabases()
  expect(await exportBurnerKey(databases)).toBeNull()
  const address = await importBurnerKey(databases, ` ${secret.slice(2).toUpperCase()} `)
  expect(await exportBurnerKey(databases)).toBe(secret)
  expect((await openBurnerKey(createSeededRandom(1), databases)).address).toBe(address)
})

test.each(['', 'hello', '0x12', `0x${'0'.repeat(64)}`, `0x${'f'.repeat(64)}`])(
  '%j is no key, and is not repeated',
  async text => {
    const databases = memoryDatabases()
    const error = asComputePoolError(await importBurnerKey(databases, text).catch((thrown: unknown) => thrown))
    expect(error.code).toBe('input_invalid')
    if (text.length > 10) expect(JSON.stringify(error)).not.toContain(text.slice(2))
    expect(await exportBurnerKey(databases)).toBeNull()
  },
)
