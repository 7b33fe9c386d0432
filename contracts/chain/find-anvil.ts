/** Where npm put anvil: the binary of the package for this platform. It knows nothing of chains. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'

const resolveFrom = createRequire(import.meta.url)
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/**
 * The path of anvil's binary. The platform's package is taken and not the wrapper's `anvil` command, which is a script that stays
 * in between: its pid is not anvil's.
 * @throws chain_unavailable where npm holds no anvil for this platform.
 */
export function findAnvil(platform: NodeJS.Platform = process.platform, arch: string = process.arch): string {
  const name = `@foundry-rs/anvil-${platform}-${architectures[arch] ?? arch}`
  const file = platform === 'win32' ? 'anvil.exe' : 'anvil'
  try {
    const binary = join(dirname(resolveFrom.resolve(`${name}/package.json`)), 'bin', file)
    if (existsSync(binary)) return binary
  } catch {
    // The package is not installed: told below, in the same words as a package without its binary.
  }
  throw new ComputePoolError('chain_unavailable', `npm holds no anvil for ${platform} ${arch} (${name}).`, {
    remedy: 'Run `npm install` without --omit=optional, or start with --free, which needs no chain.',
    context: { platform, arch },
  })
}
