import { expect, test } from 'vitest'
import { createSwarmShell } from '../../testing/swarm-shell.ts'
import { bytesToAudit } from './index.ts'

test('a check takes weights, a cache, and the rows that it holds of a request of full length, as many as it may', () => {
  const bytesOf = (maxContext: number) =>
    bytesToAudit(createSwarmShell({ maxContext, activationBytes: 500 }).state(), { start: 0, end: 3 })
  const ofLayers = 3 * (100 + 10) + 50
  // Received, sent and computed, in f32.
  expect(bytesOf(64)).toBe(ofLayers + 3 * 64 * 1000)
  expect(bytesOf(1_000_000)).toBe(ofLayers + (64 + 64 + 128) * 2 ** 20)
})
