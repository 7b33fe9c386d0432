/** The measurement itself, on a small model: it sees nothing where nothing differs, and cheats where there are some. */
import { randomPack } from '@computepool/shared/testing'
import { expect, test } from 'vitest'
import { measureCase } from './measure-case.ts'
import type { Case } from './plan.ts'
import type { Way } from './ways.ts'

const one: Way = { engine: 'native', dtype: 'f32', steps: 1 }
const small: Case = {
  name: 'test',
  purpose: 'calibration',
  model: { shape: 'llama-64', seed: 5, quantisation: 'q8' },
  layers: { start: 1, end: 4 },
  text: 5,
  positions: 24,
  ways: [],
  auditors: null,
  cheats: [],
}
const hosts = {
  demo: randomPack(),
  demoText: () => [],
  openTab: () => Promise.reject(new Error('no tab is asked for')),
}
const worst = (errors: Float64Array) => Math.max(...errors)

test('the same work twice differs in no bit, of hidden states and of logits', async () => {
  const { groups } = await measureCase({ ...small, ways: [one, { ...one, threads: 1 }] }, hosts)
  expect(groups.map(({ metric, errors }) => [metric, errors.length, worst(errors)])).toEqual([
    ['row-l2', 24, 0],
    ['logit', 24, 0],
  ])
})

test('other chunks differ in the last bits, f16 in the third digit', async () => {
  const { groups } = await measureCase({ ...small, ways: [one, { ...one, steps: 8 }, { ...one, dtype: 'f16' }] }, hosts)
  const rows = groups.filter(({ metric }) => metric === 'row-l2')
  const f32 = rows.find(({ producer, auditor }) => producer.dtype === auditor.dtype)!
  const mixed = rows.find(({ producer, auditor }) => producer.dtype !== auditor.dtype)!
  expect(worst(f32.errors)).toBeLessThan(1e-5)
  expect(mixed.errors).toHaveLength(48)
  expect(worst(mixed.errors)).toBeLessThan(2e-2)
  expect(worst(mixed.errors)).toBeGreaterThan(1e-4)
})

test('each cheat shows, from the row on that it touches', async () => {
  const cheats = [
    'weights q4',
    'a layer skipped',
    'context forgotten',
    'positions late by one',
    'computed in f16',
  ] as const
  const { groups } = await measureCase({ ...small, purpose: 'cheat', auditors: [one], cheats }, hosts)
  const rows = groups.filter(({ metric }) => metric === 'row-l2')
  expect(rows.map(({ cheat, errors }) => [cheat, errors.length])).toEqual([
    ['weights q4', 24],
    ['a layer skipped', 24],
    ['context forgotten', 12],
    ['positions late by one', 12],
    ['computed in f16', 24],
  ])
  for (const { cheat, errors } of rows) expect(Math.min(...errors), cheat!).toBeGreaterThan(1e-4)
})
