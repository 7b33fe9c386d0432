/**
 * A repository of the Hugging Face hub, or of anything that speaks its HTTP: the listing at `/api/models/{repo}/revision/{revision}`, files at
 * `/{repo}/resolve/{commit}/{file}`. The revision is pinned to its commit, so that a pack never mixes two versions.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { z } from 'zod'
import { parseJson, type SourceFolder } from './byte-source.ts'
import { openHttpFile } from './http-folder.ts'
import { fetchSpan, type HttpAccess } from './http-reader.ts'

/** The public hub. */
export const DEFAULT_HUB_URL = 'https://huggingface.co'
const MAX_LISTING_BYTES = 16 * 1024 * 1024

export interface HubId {
  readonly repo: string
  readonly revision: string
  /** A file of the repository: the GGUF to take where there are several. */
  readonly file: string | null
}

/** `owner/name[@revision][:file.gguf]`, what follows `hf:`. Errors: `input_invalid`. */
export function parseHubId(text: string): HubId {
  const match = /^([\w.-]{1,96}(?:\/[\w.-]{1,96})?)(?:@([\w./-]{1,120}))?(?::([\w./ -]{1,200}))?$/.exec(text)
  if (!match || text.includes('..'))
    throw new ComputePoolError('input_invalid', `"hf:${text}" is not a hub id.`, {
      remedy: 'Write hf:owner/name, hf:owner/name@revision, or hf:owner/name:file.gguf.',
      context: { param: 'source' },
    })
  return { repo: match[1]!, revision: match[2] ?? 'main', file: match[3] ?? null }
}

const listingSchema = z.object({
  sha: z
    .string()
    .regex(/^[0-9a-f]{7,64}$/)
    .optional(),
  siblings: z.array(z.object({ rfilename: z.string().max(500) })).max(20_000),
  cardData: z.object({ license: z.union([z.string(), z.array(z.string())]).optional() }).nullish(),
})

/** Opens a repository. Errors: `input_not_found`, `artifact_fetch_failed`, `artifact_invalid`. */
export async function openHubFolder(
  id: HubId,
  hubUrl: string,
  access: HttpAccess,
  signal: AbortSignal,
): Promise<SourceFolder> {
  const hub = hubUrl.replace(/\/+$/, '')
  const listingUrl = `${hub}/api/models/${id.repo}/revision/${encodeURIComponent(id.revision)}`
  const reply = await fetchSpan(listingUrl, 0, MAX_LISTING_BYTES, access, signal, MAX_LISTING_BYTES)
  if (!reply)
    throw new ComputePoolError('input_not_found', `The hub has no model "${id.repo}" at revision "${id.revision}".`, {
      remedy: 'Check the spelling of owner, name and revision.',
      context: { param: 'source' },
    })
  const parsed = listingSchema.safeParse(parseJson(reply.bytes, 'the listing of the hub'))
  if (!parsed.success)
    throw new ComputePoolError('artifact_invalid', `The hub's listing of "${id.repo}" has an unknown shape.`)
  const { sha, siblings, cardData } = parsed.data
  const commit = sha ?? id.revision
  const licence = [cardData?.license].flat().filter(Boolean).join(', ')
  return {
    label: `hf:${id.repo}@${commit}${id.file ? `:${id.file}` : ''}`,
    modelName: id.repo,
    licence: licence === '' ? null : licence.slice(0, 200),
    files: siblings.map(sibling => sibling.rfilename),
    isPinned: sha !== undefined,
    open: (path, within) => {
      const escaped = path.split('/').map(encodeURIComponent).join('/')
      return openHttpFile(`${hub}/${id.repo}/resolve/${encodeURIComponent(commit)}/${escaped}`, path, access, within)
    },
  }
}
