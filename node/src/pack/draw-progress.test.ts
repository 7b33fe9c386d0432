import { expect, it } from 'vitest'
import { drawProgress, progressLine } from './draw-progress.ts'
import { type PackProgress, progressMeter } from './pack-progress.ts'

/** A run of 100 MB in two parts, half a second between steps. */
function run(options: { json: boolean; isTerminal: boolean }): string {
  let atMs = 0
  let written = ''
  const drawing = drawProgress({ ...options, nowMs: () => atMs, write: text => (written += text) })
  const meter = progressMeter({ bytes: 100e6, tensors: 2 }, () => atMs, drawing.show)
  for (const part of ['embedding', 'head']) {
    meter.enterPart(part)
    for (let step = 0; step < 5; step++) {
      atMs += 500
      meter.addBytes(10e6)
    }
    meter.addTensors(1)
  }
  drawing.end()
  return written
}

it('redraws one line on a terminal, with share, speed and time left', () => {
  const written = run({ json: false, isTerminal: true })
  const lines = written.split('\r\x1b[2K')
  expect(lines[4]).toBe('[#######.................]  30%  embedding  tensors 0/2  30.0 of 100 MB  20.0 MB/s  4 s left')
  expect(lines.at(-1)).toBe('[########################] 100%  head  tensors 2/2  100 of 100 MB  20.0 MB/s  0 s left\n')
  expect(written.match(/\n/g)).toHaveLength(1)
})

it('writes a line a part where nobody can redraw', () => {
  expect(run({ json: false, isTerminal: false }).trimEnd().split('\n')).toHaveLength(2)
})

it('writes JSON lines that end at the whole', () => {
  const lines = run({ json: true, isTerminal: false }).trimEnd().split('\n')
  const last = JSON.parse(lines.at(-1)!)
  expect(last).toEqual({
    type: 'progress',
    bytesDone: 100e6,
    bytesTotal: 100e6,
    tensorsDone: 2,
    tensorsTotal: 2,
    part: 'head',
    bytesPerSecond: 20e6,
    secondsLeft: 0,
  })
})

it('counts what an earlier run did as done, not as speed', () => {
  let atMs = 0
  let last: PackProgress | null = null
  const meter = progressMeter(
    { bytes: 100, tensors: 2 },
    () => atMs,
    progress => (last = progress),
  )
  meter.skip({ bytes: 90, tensors: 1 })
  atMs = 1000
  meter.addBytes(5)
  expect(last).toMatchObject({ bytesDone: 95, tensorsDone: 1, bytesPerSecond: 5, secondsLeft: 1 })
})

it('says nothing of speed before there is any', () => {
  const nothing = {
    bytesDone: 0,
    bytesTotal: 0,
    tensorsDone: 0,
    tensorsTotal: 0,
    part: 'embedding',
    bytesPerSecond: null,
    secondsLeft: null,
  }
  expect(progressLine(nothing)).toBe('[########################] 100%  embedding  tensors 0/0  0.0 of 0.0 MB')
})
