/** Packs that `--model` made: one folder a source and quantisation, made once. It knows where they are, not how packing works. */
import { access } from 'node:fs/promises'
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
  // The packer writes the manifest last: where there is one, the pack is whole.
  const isThere = await access(join(outDir, 'manifest.json')).then(
    () => true,
    () => false,
  )
  if (isThere) {
    write(`Using the pack in ${outDir} (delete the folder to pack again).\n`)
    return outDir
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

/** A folder name that tells sources apart: a local path by its absolute form. */
function nameOf(source: string): string {
  const whole = /^(hf:|https?:)/.test(source) ? source : resolve(source)
  return whole
    .replace(/[^A-Za-z0-9._]+/g, '-')
    .replace(/^-+/, '')
    .slice(-120)
}
