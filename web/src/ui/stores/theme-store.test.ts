// @vitest-environment happy-dom
import { afterEach, expect, test } from 'vitest'
import { createThemeStore } from './theme-store.ts'
import { createVisibilityStore } from './visibility-store.ts'

afterEach(() => {
  delete document.documentElement.dataset.theme
  localStorage.clear()
})

test('a chosen palette is applied, kept, and found again', () => {
  const store = createThemeStore(window)
  const before = store.getSnapshot()
  store.toggle()
  const after = store.getSnapshot()
  expect(after).not.toBe(before)
  expect(document.documentElement.dataset.theme).toBe(after)
  expect(localStorage.getItem('computepool.theme')).toBe(after)
  expect(createThemeStore(window).getSnapshot()).toBe(after)
})

test('a tab that was away knows for how long', () => {
  let hidden = false
  let now = 1000
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden })
  const store = createVisibilityStore(document, () => now)
  const become = (isHidden: boolean) => {
    hidden = isHidden
    document.dispatchEvent(new Event('visibilitychange'))
  }
  become(true)
  expect(store.getSnapshot()).toEqual({ isHidden: true, lastHiddenMs: null })
  now = 131_000
  become(false)
  expect(store.getSnapshot()).toEqual({ isHidden: false, lastHiddenMs: 130_000 })
})
