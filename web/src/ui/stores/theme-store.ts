/** The palette: the system's unless the reader chose one. The choice is kept; `theme-boot.js` applies it before the first paint. */
import { createExternalStore, type ReadableStore } from './external-store.ts'

export type Theme = 'dark' | 'light'
export interface ThemeStore extends ReadableStore<Theme> {
  toggle(): void
}

const key = 'computepool.theme'

export function createThemeStore(window: Window): ThemeStore {
  const root = window.document.documentElement
  const system = window.matchMedia('(prefers-color-scheme: light)')
  const systemTheme = (): Theme => (system.matches ? 'light' : 'dark')
  const chosen = root.dataset.theme
  const store = createExternalStore<Theme>(chosen === 'dark' || chosen === 'light' ? chosen : systemTheme())
  system.addEventListener('change', () => {
    if (root.dataset.theme === undefined) store.set(systemTheme())
  })
  return {
    getSnapshot: store.getSnapshot,
    subscribe: store.subscribe,
    toggle() {
      const theme = store.getSnapshot() === 'dark' ? 'light' : 'dark'
      root.dataset.theme = theme
      try {
        window.localStorage.setItem(key, theme)
      } catch {
        // Storage is refused: the choice lasts until the page is closed.
      }
      store.set(theme)
    },
  }
}
