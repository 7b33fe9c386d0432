/**
 * `npm start`: the only reader of arguments and environment. It finds or makes the pack, serves it, says what to do next, and closes
 * cleanly on Ctrl-C.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ComputePoolError } from '@computepool/shared/errors'
import { type AttestationProvider, keptSimulatedKey, openAttestation } from './attestation/index.ts'
import { tellAttestation } from './attestation-settings.ts'
import { hostClock } from './host.ts'
import { readSystemPrompt, tellInft } from './inft-settings.ts'
import { redactedFault, redactUrls } from './redact-urls.ts'
import { type RunningOrchestrator, type StartOptions, startOrchestrator } from './serve.ts'
import { help, parseSettings, type Settings } from './settings.ts'
import { cachedPack } from './store/model-cache.ts'
import { openZerog, type Zerog } from './zerog-compute/index.ts'

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
  const dataDir = settings.dataDir ?? join(repository, '.computepool')
  const attestation = await attestationFor(settings, dataDir)
  const packDir = await packDirOf(settings)
  running = await startOnFreePort(settings, {
    host: settings.host,
    port: settings.port,
    packDir,
    minSeats: settings.minSeats,
    ...(settings.maxContext === null ? {} : { maxContext: settings.maxContext }),
    ...(settings.publicUrl === null ? {} : { publicUrl: settings.publicUrl, isProxyTrusted: true }),
    corsOrigins: settings.corsOrigins,
    metricsToken: settings.metricsToken,
    ice: settings.ice,
    signaling: settings.signaling,
    money: moneyOf(settings),
    dataDir,
    attestation,
    inft: settings.inft,
    systemPrompt: await readSystemPrompt(settings.systemPromptFile),
    zerog: await zerogFor(settings, attestation, dataDir),
    auditors: settings.auditors,
    challengeEveryMs: settings.challengeEveryMs,
    onNotice: text => console.log(text),
    onFault: fault => console.error('Fault:', redactedFault(fault)),
  })
  if (interrupt.signal.aborted) return running.close()
  console.log(nextSteps(running, settings))
  console.log(`\n${tellAttestation(settings.attestation.kind, await signerOf(attestation))}`)
  await tellMoney(running)
  const token = await tellInft(running)
  if (token !== null) console.log(token)
}

/** Before anything is packed or served: whoever asked for hardware gets it, or nothing. */
async function attestationFor({ attestation }: Settings, dataDir: string): Promise<AttestationProvider | null> {
  const { kind, ...rest } = attestation
  return kind === 'none' ? null : openAttestation({ kind, ...rest, simulatedKey: () => keptSimulatedKey(dataDir) })
}

async function zerogFor(
  { zerog: settings }: Settings,
  attestation: AttestationProvider | null,
  dataDir: string,
): Promise<Zerog | null> {
  if (settings === null) return null
  if (attestation === null) {
    const message = '--zerog-provider needs a key that signs answers and settlements, and nothing is attested here.'
    throw new ComputePoolError('input_invalid', message, { remedy: 'Choose one with --attestation.' })
  }
  const onFault = (fault: unknown): void => console.error('Fault:', redactedFault(fault))
  return openZerog({ settings, attestation, dataDir, clock: hostClock, onNotice: console.log, onFault })
}

const signerOf = async (attestation: AttestationProvider | null): Promise<string | null> =>
  attestation === null ? null : (await attestation.signer()).address

function moneyOf({ money, dataDir }: Settings): NonNullable<StartOptions['money']> {
  const { chain, databaseUrl, pricePerSecondAtomic, keeperHub, stakeAtomic } = money
  if (chain === null) return { mode: 'free' }
  return {
    mode: 'paid',
    chain,
    stakeAtomic,
    dataDir: dataDir ?? join(repository, '.computepool'),
    ...(databaseUrl === null ? {} : { databaseUrl }),
    ...(pricePerSecondAtomic === null ? {} : { pricePerSecondAtomic }),
    ...(keeperHub === null ? {} : { keeperHub }),
  }
}

/** In plain words what answers cost and where the money lies; a failure is told by who failed. */
async function tellMoney({ money, url }: RunningOrchestrator): Promise<void> {
  if (money === null) return console.log('\nAnswers are free here (--free): no chain, no payment.')
  const startedMs = performance.now()
  const till = await money.ready.catch(() => null)
  if (till === null) return console.error('\nThe till stays closed, and nobody is served. --free gives answers away.')
  const { chain, vault, pricePerSecondAtomic } = await till.terms()
  const perMinute = (Number(pricePerSecondAtomic) * 60) / 1e6
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  const kind = chain.isEmbedded ? 'a chain of its own, with test money' : 'a real chain'
  console.log(`
The till is open (${seconds} s): an answer costs $${perMinute.toFixed(4)} a minute while it runs, and what is not used comes back.

  Chain     ${chain.name} (${chain.id}): ${kind}
  Vault     ${vault}
  Activity  ${url}/activity#token=${money.desk.ownerToken}   (yours alone: keep this address to yourself)`)
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

function nextSteps({ url, model, money }: RunningOrchestrator, { minSeats }: Settings): string {
  const apiKey = money === null ? 'any key will do' : 'the key is a session token of POST /v1/sessions, or pay by x402'
  const where =
    minSeats === 1
      ? 'and press Join.'
      : `in ${minSeats} tabs and press Join in each (best in windows side by side: browsers slow down hidden tabs).`
  return `
ComputePool serves ${model}

  Operate   ${url}/operate
  Chat      ${url}/chat
  API       ${url}/v1   (OpenAI's; ${apiKey})

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
    console.error(redactUrls(`${error.message} ${error.remedy}`))
  } else console.error(redactedFault(error))
  process.exit(1)
})
