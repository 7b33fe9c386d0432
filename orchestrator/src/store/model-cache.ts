/** Packs that `--model` made: one folder a source and quantisation, made once. It knows where they are, not how packing works. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { packFolderParts } from '@computepool/node/engine/pack-folder-parts.ts'
import { drawProgress } from '@computepool/node/pack/draw-progress.ts'
import { packModel } from '@computepool/node/pack/pack-model.ts'
import type { Manifest } from '@computepool/shared/model'

export interface CachedPackOptions {
  readonly source: string
  readonly quantisation: Manifest['quantisation']
  /** Folder of all cached packs. */
  readonly cacheDir: string
  /** Another hub than the public one, and a token for private models. */
  readonly hubUrl: string | undefined
  readonly hubToken: string | undefined
  readonly signal: AbortSignal
  readonly write: (text: string) => void
  readonly isTerminal: boolean
}

/** The folder of the pack; packs first where there is none. A pack that was interrupted goes on where it was. Errors: the packer's. */
export async function cachedPack(options: CachedPackOptions): Promise<string> {
  const { source, quantisation, cacheDir, hubUrl, hubToken, signal, write, isTerminal } = options
  const outDir = join(cacheDir, `${nameOf(source)}-${quantisation}`)
  const unhashedDir = join(cacheDir, `${readableName(source)}-${quantisation}`)
  const isThere = (await readManifest(outDir)) !== null
  // Packs of before names had a digest: several models may have had that one name, so the pack must say whose it is.
  const dir = isThere ? outDir : isPackOf(source, await readManifest(unhashedDir)) ? unhashedDir : null
  if (dir !== null) {
    write(`Using the pack in ${dir} (delete the folder to pack again).\n`)
    return dir
  }
  write(`Packing ${source} as ${quantisation} into ${outDir}\n`)
  const drawing = drawProgress({ json: false, isTerminal, write })
  try {
    await packModel({
      source,
      outDir,
      quantisation,
      hubUrl,
      token: hubToken,
      signal,
      onProgress: progress => drawing.show(progress),
      computeGoldens: async (manifest, partsDir) => {
        drawing.end()
        write('Computing the self-test on this machine …\n')
        // Loaded here only: the native runtime is large, and a cached pack needs none of it.
        const { computeGoldens } = await import('@computepool/node/engine/compute-goldens.ts')
        return computeGoldens({ manifest, parts: packFolderParts(partsDir) })
      },
    })
  } finally {
    drawing.end()
  }
  return outDir
}

const wholeName = (source: string): string => (/^(hf:|https?:)/.test(source) ? source : resolve(source))

/** For people; `a/b-c` and `a-b/c` have the same. */
const readableName = (source: string): string =>
  wholeName(source)
    .replace(/[^A-Za-z0-9._]+/g, '-')
    .replace(/^-+/, '')
    .slice(-120)

/** A folder name that tells sources apart: a local path by its absolute form. */
const nameOf = (source: string): string =>
  `${readableName(source)}-${createHash('sha256').update(wholeName(source)).digest('hex').slice(0, 12)}`

/** The packer writes the manifest last: where there is one, the pack is whole. */
async function readManifest(dir: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8'))
  } catch {
    return null
  }
}

/** Only a hub's packs tell: `hf:owner/name@commit:file`, where the commit may have been left to the hub. */
function isPackOf(source: string, manifest: unknown): boolean {
  const label = (manifest as { source?: unknown } | null)?.source
  if (!source.startsWith('hf:') || typeof label !== 'string') return false
  return label === source || label.replace(/@[0-9a-f]{40}(?=:|$)/, '') === source
}
