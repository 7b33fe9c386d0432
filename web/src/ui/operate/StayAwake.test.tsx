// @vitest-environment happy-dom
import { act, cleanup, fireEvent, render, screen } from '@testing-library/react'
import axe from 'axe-core'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createFakeTabStore } from '../testing/fake-tab-store.ts'
import { renderPage } from '../testing/render-page.tsx'
import { ToneSwitch } from './ToneSwitch.tsx'

/** An audio context that does as it is told: what it would play can be read. */
class FakeContext extends EventTarget {
  static made: FakeContext[] = []
  static isAllowed = true
  state = 'suspended'
  currentTime = 0
  destination = {}
  oscillators = 0
  levels: number[] = []
  constructor() {
    super()
    FakeContext.made.push(this)
  }
  become(state: string): void {
    this.state = state
    this.dispatchEvent(new Event('statechange'))
  }
  createOscillator() {
    const change = (by: number) => () => {
      this.oscillators += by
    }
    return { type: '', frequency: { value: 0 }, connect() {}, disconnect() {}, start: change(1), stop: change(-1) }
  }
  createGain() {
    const set = (value: number) => void this.levels.push(value)
    return { gain: { setValueAtTime: set, linearRampToValueAtTime: set }, connect() {}, disconnect() {} }
  }
  async resume() {
    if (FakeContext.isAllowed) this.become('running')
  }
  async close() {
    this.become('closed')
  }
}

beforeEach(() => {
  FakeContext.made = []
  FakeContext.isAllowed = true
  vi.stubGlobal('AudioContext', FakeContext)
})
afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

const box = () => screen.getByRole('checkbox', { name: /barely audible/ })
const playing = () => FakeContext.made.map(({ state, oscillators }) => [state, oscillators])

test('nothing sounds until it is asked for; then one quiet tone, and silence again', async () => {
  render(<ToneSwitch />)
  expect(playing()).toEqual([])
  await act(async () => fireEvent.click(box()))
  expect(playing()).toEqual([['running', 1]])
  // −60 dB, and no click at the start.
  expect(FakeContext.made[0]!.levels).toEqual([0, 0.001])
  expect(screen.getByTestId('tone-state').textContent).toBe(' It sounds.')
  await act(async () => fireEvent.click(box()))
  expect(playing()).toEqual([['closed', 0]])
  expect(screen.getByTestId('tone-state').textContent).toBe('')
  await act(async () => fireEvent.click(box()))
  expect(playing()).toEqual([
    ['closed', 0],
    ['running', 1],
  ])
})

test('a browser that does not let it sound is told of, also when it stops later', async () => {
  FakeContext.isAllowed = false
  render(<ToneSwitch />)
  await act(async () => fireEvent.click(box()))
  expect(screen.getByTestId('tone-state').textContent).toContain('helps nothing now')
  act(() => FakeContext.made[0]!.become('running'))
  expect(screen.getByTestId('tone-state').textContent).toBe(' It sounds.')
  act(() => FakeContext.made[0]!.become('interrupted'))
  expect(screen.getByTestId('tone-state').textContent).toContain('helps nothing now')
})

test('the tone ends when the tab stops serving', async () => {
  const tab = createFakeTabStore({ status: 'serving', layers: { start: 0, end: 4 }, modelLayers: 6 })
  renderPage('/operate', { tab })
  await act(async () => fireEvent.click(box()))
  expect(playing()).toEqual([['running', 1]])
  await act(async () => tab.become({ status: 'leaving', layers: null }))
  expect(playing()).toEqual([['closed', 0]])
})

test('the switches stand beside what they do and what they do not; axe finds nothing', async () => {
  renderPage('/operate', {
    tab: createFakeTabStore({ status: 'serving', layers: { start: 0, end: 4 }, modelLayers: 6 }),
  })
  const panel = screen.getByTestId('stay-awake')
  expect(panel.textContent).toMatch(/Silence does not count/)
  expect(panel.textContent).toMatch(/two to three times slower/)
  const { violations } = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } })
  expect(violations.map(({ id }) => id)).toEqual([])
})

test('the screen’s lock is asked for, and given back when serving ends', async () => {
  const locks: string[] = []
  const request = async (kind: string) => {
    locks.push(`held ${kind}`)
    return { release: async () => void locks.push('released') }
  }
  Object.defineProperty(navigator, 'wakeLock', { value: { request }, configurable: true })
  const tab = createFakeTabStore({ status: 'serving', layers: { start: 0, end: 4 }, modelLayers: 6 })
  renderPage('/operate', { tab })
  await act(async () => fireEvent.click(screen.getByRole('checkbox', { name: /screen on/ })))
  expect(locks).toEqual(['held screen'])
  await act(async () => tab.become({ status: 'leaving', layers: null }))
  expect(locks).toEqual(['held screen', 'released'])
  Reflect.deleteProperty(navigator, 'wakeLock')
})

test('without Web Audio there is no switch', () => {
  vi.stubGlobal('AudioContext', undefined)
  render(<ToneSwitch />)
  expect(screen.queryByRole('checkbox')).toBeNull()
})
