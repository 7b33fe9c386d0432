/**
 * Numbers as the page writes them: a value, a thin no-break space, a unit; the same number of digits while a value changes, so that
 * nothing jumps. Decimal units (1 MB = 1,000,000 bytes), as browsers and disks count.
 */
const space = '\u202f'
/** What stands for a value that was not measured. */
export const unmeasured = '–'

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** `1234567` → `1.23 MB`; three significant digits. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (Number(value.toPrecision(3)) >= 1000 && unit < byteUnits.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 ? String(Math.round(value)) : threeDigits(value)}${space}${byteUnits[unit]}`
}

/** A rate in bytes a second; null is unmeasured. */
export function formatSpeed(bytesPerSecond: number | null): string {
  return bytesPerSecond === null ? unmeasured : `${formatBytes(bytesPerSecond)}/s`
}

/** Milliseconds below a second, seconds above; null is unmeasured. */
export function formatMs(ms: number | null): string {
  if (ms === null) return unmeasured
  if (Number(ms.toPrecision(3)) >= 1000) return `${threeDigits(ms / 1000)}${space}s`
  return `${threeDigits(ms)}${space}ms`
}

/** Tokens a second; null is unmeasured. */
export function formatTokensPerSecond(tokensPerSecond: number | null): string {
  return tokensPerSecond === null ? unmeasured : `${threeDigits(tokensPerSecond)}${space}tokens/s`
}

/** `5_400` → `5,400`. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}

/** `0.418` → `42 %`. */
export function formatShare(share: number): string {
  return `${Math.round(share * 100)}${space}%`
}

/** A wait in words: `40 s`, `3 min 20 s`, `2 h 05 min`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds}${space}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}${space}min ${seconds % 60}${space}s`
  return `${Math.floor(minutes / 60)}${space}h ${String(minutes % 60).padStart(2, '0')}${space}min`
}

/** Half-open `[start, end)` as people count them: `0–3`, or `5` alone. */
export function formatLayers(layers: { readonly start: number; readonly end: number }): string {
  return layers.end - layers.start === 1 ? `${layers.start}` : `${layers.start}–${layers.end - 1}`
}

/** The same with its noun, to begin a sentence: `Layers 0–3`, `Layer 5`. */
export function nameLayers(layers: { readonly start: number; readonly end: number }): string {
  return `${layers.end - layers.start === 1 ? 'Layer' : 'Layers'} ${formatLayers(layers)}`
}

/** The wallet's first hex digits and the tab's own: enough to tell peers apart. */
export function shortPeer(peer: string): string {
  const [wallet = '', tab] = peer.split('.')
  if (!wallet.startsWith('0x') || wallet.length < 10) return peer.slice(0, 12)
  return tab === undefined ? wallet.slice(0, 6) : `${wallet.slice(0, 6)}·${tab.slice(0, 4)}`
}

/** Three significant digits below a hundred, whole numbers above. */
export function threeDigits(value: number): string {
  if (value >= 99.95) return String(Math.round(value))
  if (value >= 9.995) return value.toFixed(1)
  return value.toFixed(2)
}
