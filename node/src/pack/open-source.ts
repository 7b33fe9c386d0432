/** Tells what a source's words mean: a hub id, a URL, a local folder or a GGUF file. It reads no weights. */
import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import type { SourceFolder } from './byte-source.ts'
import { onDisk } from './disk-errors.ts'
import { httpFolder } from './http-folder.ts'
import type { HttpAccess } from './http-reader.ts'
import { DEFAULT_HUB_URL, openHubFolder, parseHubId } from './hub-folder.ts'
import { openLocalFolder } from './local-folder.ts'
import { defaultRetryPolicy, type RetryPolicy } from './retry-policy.ts'

export interface SourceAccess {
  /** Base URL of the hub; default: the public one. */
  readonly hubUrl?: string | undefined
  /** The hub's access token. It goes to the hub's own origin only and is never shown. */
  readonly token?: string | undefined
  readonly retry?: RetryPolicy | undefined
}

export interface OpenedSource {
  readonly folder: SourceFolder
  /** The GGUF file to take; null: a folder of safetensors. */
  readonly gguf: string | null
}

/** Errors: `input_invalid`, `input_not_found`, `artifact_fetch_failed`. */
export async function openSource(source: string, access: SourceAccess, signal: AbortSignal): Promise<OpenedSource> {
  const hubUrl = access.hubUrl ?? DEFAULT_HUB_URL
  if (!URL.canParse(hubUrl))
    throw new ComputePoolError('input_invalid', `The hub's address "${hubUrl}" is not a URL.`, {
      context: { param: 'hub' },
    })
  const http: HttpAccess = {
    policy: access.retry ?? defaultRetryPolicy,
    token: access.token ?? null,
    tokenOrigin: new URL(hubUrl).origin,
  }
  if (source.startsWith('hf:')) {
    const id = parseHubId(source.slice(3))
    const folder = await openHubFolder(id, hubUrl, http, signal)
    return { folder, gguf: id.file ?? ggufInstead(folder) }
  }
  if (/^https?:\/\//i.test(source)) {
    const url = new URL(source)
    if (!url.pathname.endsWith('.gguf')) return { folder: httpFolder(source, http), gguf: null }
    const file = decodeURIComponent(url.pathname.split('/').at(-1)!)
    url.pathname = url.pathname.slice(0, url.pathname.lastIndexOf('/') + 1)
    return { folder: named(httpFolder(url.href, http), file), gguf: file }
  }
  const isFile = (await onDisk(source, () => stat(source))).isFile()
  if (!isFile) return { folder: await openLocalFolder(source), gguf: null }
  if (source.endsWith('.gguf'))
    return { folder: named(await openLocalFolder(dirname(source)), basename(source)), gguf: basename(source) }
  throw new ComputePoolError(
    'artifact_type_unsupported',
    `"${basename(source)}" is neither a folder nor a .gguf file.`,
    {
      remedy: 'Give the folder that holds config.json and the safetensors files, or a .gguf file.',
    },
  )
}

/** A hub repository with GGUF files only: the file must be named, for which to take is the user's choice. */
function ggufInstead(folder: SourceFolder): string | null {
  const files = folder.files ?? []
  const ggufs = files.filter(file => file.endsWith('.gguf'))
  if (ggufs.length === 0 || files.some(file => file.endsWith('.safetensors') || file === 'config.json')) return null
  if (ggufs.length === 1) return ggufs[0]!
  throw new ComputePoolError(
    'input_invalid',
    `"${folder.modelName}" holds several GGUF files: ${ggufs.slice(0, 12).join(', ')}.`,
    {
      remedy: `Name one: hf:${folder.modelName}:${ggufs[0]}`,
      context: { param: 'source' },
    },
  )
}

function named(folder: SourceFolder, file: string): SourceFolder {
  return {
    ...folder,
    label: folder.label.endsWith('/') ? folder.label + file : file,
    modelName: file.replace(/\.gguf$/, ''),
  }
}
