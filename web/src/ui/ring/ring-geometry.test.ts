import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readyPool, samplePool, sampleSeat } from '../testing/sample-pool.ts'
import {
  anchorAt,
  fillRadius,
  layerTicksPath,
  pointAt,
  pulseDurationMs,
  pulseSteps,
  sectorPath,
  sectorsOf,
} from './ring-geometry.ts'
import { ringModelOf } from './ring-model.ts'

const turn = Math.PI * 2

test('an arc is as long as its share of the layers', () => {
  const arcs = [{ layers: { start: 0, end: 2 } }, { layers: { start: 2, end: 6 } }]
  const [small, large] = sectorsOf(arcs, 6, 0)
  expect(small).toEqual({ start: 0, end: turn / 3 })
  expect(large).toEqual({ start: turn / 3, end: turn })
})

test('neighbours are the gap apart, and one arc alone closes the ring', () => {
  const arcs = [{ layers: { start: 0, end: 3 } }, { layers: { start: 3, end: 6 } }]
  const [first, second] = sectorsOf(arcs, 6, 0.1)
  expect(second!.start - first!.end).toBeCloseTo(0.1)
  expect(sectorsOf([{ layers: { start: 0, end: 6 } }], 6, 0.1)).toEqual([{ start: 0, end: turn }])
})

test('however the layers are split, sectors keep their order and never vanish', () => {
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 127 }), { maxLength: 63 })
  fc.assert(
    fc.property(cuts, places => {
      const bounds = [0, ...places.sort((a, b) => a - b), 128]
      const arcs = bounds.slice(1).map((end, index) => ({ layers: { start: bounds[index]!, end } }))
      let before = 0
      for (const { start, end } of sectorsOf(arcs, 128, 0.05)) {
        expect(start).toBeGreaterThanOrEqual(before)
        expect(end).toBeGreaterThan(start)
        before = end
      }
      expect(before).toBeLessThanOrEqual(turn)
    }),
  )
})

test('angles run clockwise from twelve o’clock', () => {
  expect(pointAt(0, 10).y).toBeCloseTo(-10)
  expect(pointAt(turn / 4, 10).x).toBeCloseTo(10)
  expect(anchorAt(0)).toBe('middle')
  expect(anchorAt(turn / 4)).toBe('start')
  expect(anchorAt((3 * turn) / 4)).toBe('end')
})

test('a sector is drawn out along the outer radius and back along the inner', () => {
  expect(sectorPath({ start: 0, end: turn / 4 }, 5, 10)).toBe('M 0 -10 A 10 10 0 0 1 10 0 L 5 0 A 5 5 0 0 0 0 -5 Z')
  expect(sectorPath({ start: 0, end: turn * 0.75 }, 5, 10)).toContain('A 10 10 0 1 1')
})

test('a full turn is drawn whole, not as nothing', () => {
  const path = sectorPath({ start: 0, end: turn }, 5, 10)
  expect(path.match(/A 10 10/g)).toHaveLength(2)
  expect(path.match(/A 5 5/g)).toHaveLength(2)
})

test('the filled area is the share', () => {
  const area = (radius: number) => radius * radius - 25
  expect(area(fillRadius(0.5, 5, 10)) / area(10)).toBeCloseTo(0.5)
  expect(fillRadius(0, 5, 10)).toBe(5)
  expect(fillRadius(7, 5, 10)).toBe(10)
})

test('layers are notched while the notches can be told apart', () => {
  expect(layerTicksPath(6, 10).match(/M/g)).toHaveLength(6)
  expect(layerTicksPath(200, 10)).toBe('')
})

test('the pulse spends on each seat the time that the seat took', () => {
  const ring = ringModelOf(readyPool())
  const sectors = sectorsOf(ring.arcs, ring.layers, 0)
  const steps = pulseSteps(ring, sectors)
  const offsets = steps.map(step => step.offset)
  // 4 + 10 + 4 ms of compute and 2 ms of wire, shared by three hops.
  expect(offsets[1]).toBeCloseTo(4 / 20)
  expect(offsets[3]! - offsets[2]!).toBeCloseTo(10 / 20)
  expect(offsets[2]! - offsets[1]!).toBeCloseTo(2 / 3 / 20)
  expect(offsets).toEqual([...offsets].sort((a, b) => a - b))
  expect(steps.at(-1)).toEqual({ angle: turn, offset: 1 })
})

test('no pulse runs round a ring that is not whole, or was not measured', () => {
  const broken = ringModelOf(samplePool({ seats: [sampleSeat(0, [0, 2], { computeMs: 4 })] }))
  expect(pulseSteps(broken, sectorsOf(broken.arcs, 6, 0))).toEqual([])
  const unmeasured = ringModelOf(readyPool({ lastLap: null }))
  expect(pulseSteps(unmeasured, sectorsOf(unmeasured.arcs, 6, 0))).toEqual([])
})

test('a slower lap makes a slower pulse, within what an eye follows', () => {
  expect(pulseDurationMs(100)).toBeGreaterThan(pulseDurationMs(80))
  expect(pulseDurationMs(1)).toBe(350)
  expect(pulseDurationMs(60_000)).toBe(1600)
})
