/**
 * Whether an execution provider runs here: a small graph, in a process of its own, because a driver that is broken takes its process
 * with it, and because native libraries write to the terminal what nobody asked. It knows no model.
 */
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { NativeProvider } from './native-runtime.ts'

export type ProviderTrial =
  | { readonly provider: NativeProvider; readonly runs: true; readonly firstRunMs: number }
  | { readonly provider: NativeProvider; readonly runs: false; readonly reason: string }

/** A driver may compile for long at its first use. */
const longestMs = 60_000

const ownScript = fileURLToPath(new URL('./try-provider-process.ts', import.meta.url))

export interface TrialOptions {
  /** After it the process is killed, whatever its driver makes of that. */
  readonly deadlineMs?: number
  /** What is run; another in tests. */
  readonly script?: string
}

export function tryProvider(
  provider: NativeProvider,
  { deadlineMs = longestMs, script = ownScript }: TrialOptions = {},
): Promise<ProviderTrial> {
  const options = { timeout: deadlineMs, killSignal: 'SIGKILL', env: quietEnv() } as const
  return new Promise(resolve => {
    execFile(process.execPath, trialArguments(provider, script), options, (error, stdout) => {
      const [, answer] = /^TRIAL (.*)$/m.exec(stdout) ?? []
      const trial = answer === undefined ? null : (JSON.parse(answer) as { firstRunMs?: number; reason?: string })
      if (trial?.firstRunMs !== undefined) resolve({ provider, runs: true, firstRunMs: trial.firstRunMs })
      else
        resolve({
          provider,
          runs: false,
          reason: plainReason(
            provider,
            trial?.reason ?? `its process ended (${error?.signal ?? error?.code ?? 'no answer'})`,
          ),
        })
    })
  })
}

/** The loader by its URL: Windows' `C:\…` would be read as one with an unknown scheme. */
export function trialArguments(provider: NativeProvider, script: string = ownScript): string[] {
  const tsx = createRequire(import.meta.url).resolve('tsx')
  return ['--import', pathToFileURL(tsx).href, script, provider]
}

/** The trial needs no secret, and a library that is tried is given none. */
function quietEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(COMPUTEPOOL_|HF_TOKEN)/.test(name)))
}

/** The runtime's words without paths of its build; the two common cases in plain words. */
function plainReason(provider: NativeProvider, words: string): string {
  if (provider === 'cuda' && /load (shared )?library/i.test(words))
    return 'its libraries are not installed beside onnxruntime-node, or CUDA is not'
  if (provider === 'webgpu' && /WebGPU adapter/i.test(words)) return 'there is no adapter: no GPU, or no Vulkan driver'
  return words
    .split('\n')[0]!
    .replace(/\/\S+\.(cc|h):\d+ /g, '')
    .slice(0, 200)
}
