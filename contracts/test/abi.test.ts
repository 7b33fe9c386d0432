import type { Abi } from 'viem'
import { expect, test } from 'vitest'
import {
  coalitionAbi,
  inferenceServingAbi,
  poolInftAbi,
  storageFlowAbi,
  streamVaultAbi,
  teeDataVerifierAbi,
} from '../abi/index.ts'
import { artifactOf } from '../build/compile.ts'

interface Parameter {
  readonly type: string
  readonly name?: string | undefined
  readonly indexed?: boolean | undefined
  readonly components?: readonly Parameter[] | undefined
}

/** One line an item, in no order: what a caller can see of it and nothing else. */
const lines = (abi: Abi): string[] => {
  const one = ({ type, name, indexed, components }: Parameter): string =>
    `${components ? `(${components.map(one).join(', ')})${type.slice('tuple'.length)}` : type}${indexed ? ' indexed' : ''} ${name ?? ''}`.trim()
  const list = (parameters: readonly Parameter[] | undefined): string => (parameters ?? []).map(one).join(', ')
  const all = abi
    .map(item => {
      const name = 'name' in item ? ` ${item.name}` : ''
      const inputs = 'inputs' in item ? list(item.inputs) : ''
      const outputs = 'outputs' in item ? ` → ${list(item.outputs)} ${item.stateMutability}` : ''
      return `${item.type}${name}(${inputs})${outputs}`
    })
    .sort()
  // An error that two interfaces declare alike is listed twice by the compiler, and is one to a caller.
  return [...new Set(all)]
}

test('the vault’s ABI by hand is the compiler’s', { timeout: 240_000 }, async () => {
  expect(lines(streamVaultAbi)).toEqual(lines((await artifactOf('StreamVault')).abi))
})

test('the coalition’s ABI by hand is the compiler’s', { timeout: 240_000 }, async () => {
  expect(lines(coalitionAbi)).toEqual(lines((await artifactOf('Coalition')).abi))
})

test('the INFT’s ABI and its verifier’s by hand are the compiler’s', { timeout: 240_000 }, async () => {
  expect(lines(poolInftAbi)).toEqual(lines((await artifactOf('PoolINFT')).abi))
  expect(lines(teeDataVerifierAbi)).toEqual(lines((await artifactOf('TeeDataVerifier')).abi))
})

test('what we use of 0G’s flow contract its stand-in has', { timeout: 240_000 }, async () => {
  const compiled = lines((await artifactOf('StorageFlow', ['src/chain'])).abi)
  expect(compiled).toEqual(expect.arrayContaining(lines(storageFlowAbi)))
})

test('what we use of 0G Compute’s serving contract the mock of it has', { timeout: 240_000 }, async () => {
  const compiled = lines((await artifactOf('MockInferenceServing', ['test/zerog'])).abi)
  expect(compiled).toEqual(expect.arrayContaining(lines(inferenceServingAbi)))
})
