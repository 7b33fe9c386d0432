import { describe, expect, it } from 'vitest'
import { noPatience, observeStrain, type Patience } from './patience.ts'
import { chunkWithin, rowsToShare } from './share-step.ts'
import { expectedMs, noStepCosts, observeStep, type StepCosts } from './step-costs.ts'

/** Costs after `times` steps of each size. */
function measured(ms: (size: number) => number, sizes: readonly number[], times = 3): StepCosts {
  let costs = noStepCosts
  for (const size of sizes) for (let i = 0; i < times; i += 1) costs = observeStep(costs, size, ms(size))
  return costs
}

describe('what a step costs', () => {
  it('is nothing known before the first', () => {
    expect(expectedMs(noStepCosts, 4)).toBeNull()
  })

  it('is a line between two sizes and beyond them, and never less for more', () => {
    const costs = measured(size => 10 + 2 * size, [1, 100])
    for (const size of [1, 2, 37, 100, 250]) expect(expectedMs(costs, size)).toBeCloseTo(10 + 2 * size, 6)
    expect(
      expectedMs(
        measured(() => 10, [4, 16]),
        500,
      ),
    ).toBe(10)
    expect(
      expectedMs(
        measured(size => 100 / size, [4, 16]),
        500,
      ),
    ).toBe(100 / 16)
  })

  it('is no more than a larger step was measured to take', () => {
    const costs = [300, 300].reduce(
      (before, ms) => observeStep(before, 2, ms),
      measured(size => 10 + size, [1, 16]),
    )
    expect(expectedMs(costs, 2)).toBe(26)
    expect(expectedMs(costs, 1)).toBe(11)
  })

  it('bends where a size between was measured', () => {
    const costs = measured(size => (size <= 8 ? 10 : 40), [1, 8, 64])
    expect(expectedMs(costs, 5)).toBe(10)
    expect(expectedMs(costs, 36)).toBe(25)
  })

  it('does not count the first step of a size, which may compile, nor a stall', () => {
    const compiled = observeStep(
      measured(size => 10 + size, [1, 2]),
      16,
      5000,
    )
    expect(expectedMs(compiled, 16)).toBeCloseTo(26, 6)
    const again = [26, 26, 900].reduce((costs, ms) => observeStep(costs, 16, ms), compiled)
    expect(expectedMs(again, 16)).toBe(26)
    expect(expectedMs(observeStep(noStepCosts, 16, 5000), 16)).toBe(5000)
  })

  it('follows what changes', () => {
    let costs = measured(() => 10, [1])
    for (let i = 0; i < 5; i += 1) costs = observeStep(costs, 1, 30)
    expect(expectedMs(costs, 1)).toBe(30)
  })
})

describe('rows that share a step', () => {
  const share = (ms: (rows: number) => number, waiting: number, maxRows = 8) => {
    let costs = noStepCosts
    // Learns as a seat does: it runs what it decides.
    for (let i = 0; i < 60; i += 1) {
      const count = rowsToShare(costs, waiting, maxRows)
      costs = observeStep(costs, count, ms(count))
    }
    return rowsToShare(costs, waiting, maxRows)
  }

  it('are all that wait where a row more costs little', () => {
    expect([1, 2, 3, 5, 8, 12].map(waiting => share(rows => 10 + rows, waiting))).toEqual([1, 2, 3, 5, 8, 8])
  })

  it('are one where each costs as much as alone, and where the engine takes one', () => {
    expect(share(rows => 10 * rows, 8)).toBe(1)
    expect(share(rows => 11 * rows, 8)).toBe(1)
    expect(share(() => 10, 8, 1)).toBe(1)
  })

  it('are as many as pay, where more do not', () => {
    expect(share(rows => (rows <= 4 ? 10 + rows : 20 * rows), 8)).toBe(4)
  })

  it('are found to pay beyond a number that does not: a kernel for one row is left where a second comes', () => {
    const q4 = (rows: number) => (rows === 1 ? 4.2 : 8.5 + 1.2 * rows)
    expect([2, 3, 4, 8].map(waiting => share(q4, waiting))).toEqual([1, 1, 4, 8])
  })

  it('are tried again at a price below one percent of the time', () => {
    let costs = noStepCosts
    let spentMs = 0
    let rows = 0
    while (rows < 4000) {
      const count = rowsToShare(costs, 2, 2)
      const ms = count === 1 ? 10 : 30
      costs = observeStep(costs, count, ms)
      spentMs += ms
      rows += count
    }
    expect(spentMs).toBeLessThan(1.01 * 10 * rows)
    expect(spentMs).toBeGreaterThan(10 * rows)
  })
})

describe('a chunk of a prompt', () => {
  const cpu = measured(size => 3 + 7 * size, [1, 32])
  const gpu = measured(size => 10 + size / 20, [1, 256])

  it('is as long as the wait that is allowed at all seats together', () => {
    expect(chunkWithin([cpu], 32, 100)).toBe(12)
    expect(chunkWithin([cpu, cpu], 32, 100)).toBe(6)
    expect(chunkWithin([cpu, gpu], 32, 100)).toBe(12)
    expect(chunkWithin([gpu, gpu], 256, 100)).toBe(256)
    expect(chunkWithin([gpu, gpu], 250, 100)).toBe(250)
  })

  it('is at least one position, and no shorter than what costs hardly more', () => {
    expect(chunkWithin([cpu], 32, 1)).toBe(1)
    expect(chunkWithin([gpu, gpu], 256, 1)).toBe(16)
  })

  it('is the engine’s most while nothing was measured', () => {
    expect(chunkWithin([noStepCosts, noStepCosts], 24, 5)).toBe(24)
  })
})

describe('the patience of those who decode', () => {
  const after = (from: Patience, strain: number, laps: number, isUsed = true) => {
    let patience = from
    for (let lap = 0; lap < laps; lap += 1) patience = observeStrain(patience, strain, isUsed)
    return patience
  }

  it('grows while no token takes long, to an end', () => {
    expect(after(noPatience, 1.3, 7).factor).toBe(1)
    expect(after(noPatience, 1.3, 8).factor).toBeCloseTo(1.15, 6)
    expect(after(noPatience, 1.3, 1000).factor).toBe(4)
    expect(after(noPatience, 1.7, 1000).factor).toBe(1)
  })

  it('keeps close to where it begins as long as no chunk is longer by it', () => {
    expect(after(noPatience, 1.3, 1000, false).factor).toBe(1.5)
    const used = after(noPatience, 1.3, 100)
    expect(after(used, 1.3, 100, false).factor).toBe(used.factor)
  })

  it('shrinks at the first token that takes long, and does not go there again soon', () => {
    const grown = after(noPatience, 1.3, 40)
    const strained = after(grown, 1.95, 1)
    expect(strained.factor).toBeCloseTo(0.8 * grown.factor, 6)
    expect(after(strained, 1.3, 8 * 30).factor).toBeLessThan(grown.factor)
    expect(after(strained, 1.3, 8 * 60).factor).toBeGreaterThan(grown.factor)
    expect(after(grown, 3, 50).factor).toBe(1)
  })
})
