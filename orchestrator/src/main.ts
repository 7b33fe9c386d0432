/**
 * `npm start`: the only reader of arguments and environment. It finds or makes the pack, serves it, says what to do next, and closes
 * cleanly on Ctrl-C.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ComputePoolError } from '@computepool/shared/errors'
import { type RunningOrchestrator, type StartOptions, startOrchestrator } from './serve.ts'
import { help, parseSettings, type Settings } from './settings.ts'
import { cachedPack } from './store/model-cache.ts'

const repository = fileURLToPath(new URL('../../', import.meta.url))
/** Ports tried after the default one. */
const portTries = 20

const interrupt = new AbortController()
let running: RunningOrchestrator | null = null

async function main(): Promise<void> {
  const settings = parseSettings(process.argv.slice(2), process.env)
  if (settings.isHelp) {
    console.log(help)
    return
  }
  process.on('SIGINT', () => stop(130))
  process.on('SIGTERM', () => stop(0))
  const packDir = await packDirOf(settings)
  running = await startOnFreePort(settings, {
    host: settings.host,
    port: settings.port,
    packDir,
    minSeats: settings.minSeats,
    ...(settings.maxContext === null ? {} : { maxContext: settings.maxContext }),
    ...(settings.publicUrl === null ? {} : { publicUrl: settings.publicUrl, isProxyTrusted: true }),
    corsOrigins: settings.corsOrigins,
    ice: settings.ice,
    signaling: settings.signaling,
    onNotice: text => console.log(text),
    onFault: fault => console.error('Fault:', fault),
  })
  if (interrupt.signal.aborted) return running.close()
  console.log(nextSteps(running, settings))
}

async function packDirOf(settings: Settings): Promise<string> {
  if (settings.packDir !== null) return settings.packDir
  if (settings.model === null) return join(repository, 'models/demo/pack')
  return cachedPack({
    source: settings.model,
    quantisation: settings.quantisation,
    cacheDir: settings.cacheDir ?? join(repository, '.computepool/packs'),
    hubUrl: settings.hubUrl,
    hubToken: settings.hubToken,
    signal: interrupt.signal,
    write: text => process.stdout.write(text),
    isTerminal: process.stdout.isTTY === true,
  })
}

async function startOnFreePort(settings: Settings, options: StartOptions): Promise<RunningOrchestrator> {
  for (let port = options.port; ; port++) {
    try {
      return await startOrchestrator({ ...options, port })
    } catch (error) {
      const isTaken = error instanceof ComputePoolError && error.context.cause === 'EADDRINUSE'
      if (!isTaken || settings.isPortFixed || port >= options.port + portTries) throw error
    }
  }
}

function nextSteps({ url, model }: RunningOrchestrator, { minSeats }: Settings): string {
  const where =
    minSeats === 1
      ? 'and press Join.'
      : `in ${minSeats} tabs and press Join in each (best in windows side by side: browsers slow down hidden tabs).`
  return `
ComputePool serves ${model}

  Operate   ${url}/operate
  Chat      ${url}/chat
  API       ${url}/v1   (OpenAI's; any key will do)

What to do next:
  1. Open ${url}/operate ${where}
  2. When the ring is ready, open ${url}/chat, or:
     curl -N ${url}/v1/chat/completions -H 'content-type: application/json' \\
       -d '{"model":"${model}","stream":true,"messages":[{"role":"user","content":"What is ComputePool?"}]}'

Ctrl-C stops it.`
}

let isStopping = false
function stop(exitCode: number): void {
  if (isStopping) process.exit(exitCode)
  isStopping = true
  console.log('\nStopping (press again to stop at once) …')
  interrupt.abort(new Error('Interrupted.'))
  if (running === null) {
    process.exitCode = exitCode
    return
  }
  void running.close().then(() => process.exit(exitCode))
}

main().catch((error: unknown) => {
  if (interrupt.signal.aborted) process.exit(130)
  if (error instanceof ComputePoolError && error.code !== 'bug_unreachable_state') {
    console.error(`${error.message} ${error.remedy}`)
  } else console.error(error)
  process.exit(1)
})
