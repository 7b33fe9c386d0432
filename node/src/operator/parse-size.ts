/** Sizes as people write them, e.g. `6GB`, `512 MiB`. */
import { ComputePoolError } from '@computepool/shared/errors'

const units: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

/** Bytes, rounded down. Errors: `input_invalid` naming `option`. */
export function parseSize(text: string, option: string): number {
  const [, number, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? []
  const factor = units[(unit || 'b').toLowerCase()]
  const bytes = Math.floor(Number(number) * (factor ?? Number.NaN))
  if (Number.isSafeInteger(bytes)) return bytes
  throw new ComputePoolError('input_invalid', `${option} is "${text}", which is no size.`, {
    remedy: 'Write it as 6GB or 512MiB.',
    context: { param: option },
  })
}

/** In the unit that people read, e.g. `12.3 GB`. */
export function sizeInWords(bytes: number): string {
  const [unit, factor] = bytes >= 1e9 ? ['GB', 1e9] : bytes >= 1e6 ? ['MB', 1e6] : ['KB', 1e3]
  const size = bytes / factor
  return `${size >= 100 ? size.toFixed(0) : size.toFixed(1)} ${unit}`
}
