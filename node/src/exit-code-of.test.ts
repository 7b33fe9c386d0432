import { expect, it } from 'vitest'
import { exitCodeOf } from './exit-code-of.ts'

it.each([
  ['peer_unreachable', 1],
  ['engine_device_lost', 1],
  ['input_invalid', 2],
  ['peer_version_refused', 3],
  ['peer_unauthenticated', 3],
  ['engine_self_test_failed', 4],
  ['engine_out_of_memory', 4],
] as const)('a node that fails of %s ends with %i', (code, exitCode) => {
  expect(exitCodeOf({ code })).toBe(exitCode)
})
