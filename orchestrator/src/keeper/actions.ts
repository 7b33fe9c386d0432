/**
 * The actions of a workflow that neither branch nor loop: reads, events and HTTP. Each takes its settings after templates and gives
 * JSON. Writes stand apart (`write-contract.ts`), because they must survive a kill.
 */
import type { Clock } from '@computepool/shared/ports'
import type { PublicClient } from 'viem'
import { describeCallError, plain, readContractCall, readEventQuery, structureResult } from './contract-call.ts'
import { atNode, StepFault } from './step-fault.ts'

export type ActionConfig = Readonly<Record<string, unknown>>

const mostBlocks = 50_000
const mostEvents = 1000

export async function readContractAction(config: ActionConfig, publicClient: PublicClient): Promise<unknown> {
  const { address, abi, fragment, args } = readContractCall(config)
  try {
    const value = await atNode(() => publicClient.readContract({ address, abi, functionName: fragment.name, args }))
    return { success: true, result: structureResult(value, fragment) }
  } catch (thrown) {
    if (thrown instanceof StepFault) throw thrown
    return softened(config, describeCallError(thrown, abi), { result: null })
  }
}

export async function queryEventsAction(config: ActionConfig, publicClient: PublicClient): Promise<unknown> {
  const { address, event, filters } = readEventQuery(config)
  const latest = await atNode(() => publicClient.getBlockNumber())
  const toBlock =
    config.toBlock === undefined || config.toBlock === '' || config.toBlock === 'latest'
      ? latest
      : BigInt(String(config.toBlock))
  const count = BigInt(String(config.blockCount ?? 0) || '0')
  const earliest = count > 0n ? toBlock - count + 1n : 0n
  const fromBlock =
    config.fromBlock === undefined || config.fromBlock === ''
      ? earliest > 0n
        ? earliest
        : 0n
      : BigInt(String(config.fromBlock))
  if (toBlock - fromBlock >= BigInt(mostBlocks)) {
    throw new Error(`The query spans ${toBlock - fromBlock + 1n} blocks; ${mostBlocks} are allowed.`)
  }
  const names = event.inputs.filter(input => input.indexed).map((input, at) => input.name ?? String(at))
  const args = Object.fromEntries(filters.flatMap((value, at) => (value === null ? [] : [[names[at] ?? at, value]])))
  const logs =
    fromBlock > toBlock
      ? []
      : await atNode(() => publicClient.getLogs({ address, event, args, fromBlock, toBlock, strict: true }))
  if (logs.length > mostEvents) throw new Error(`The query found ${logs.length} events; ${mostEvents} are allowed.`)
  return {
    success: true,
    events: logs.map(log => ({
      blockNumber: Number(log.blockNumber),
      transactionHash: log.transactionHash,
      logIndex: log.logIndex,
      args: plain(log.args),
    })),
    fromBlock: Number(fromBlock),
    toBlock: Number(toBlock),
    eventCount: logs.length,
  }
}

export interface HttpTools {
  readonly fetch: typeof globalThis.fetch
  readonly clock: Clock
  readonly signal: AbortSignal
  /** False refuses the address; the runner may not be used to reach into the machine that it runs on. */
  readonly isAllowed: (url: URL) => boolean
}

const retried = new Set([408, 425, 429, 500, 502, 503, 504])
const mostResponseBytes = 64 * 1024

export async function httpRequestAction(config: ActionConfig, tools: HttpTools): Promise<unknown> {
  const url = new URL(String(config.endpoint ?? '').trim())
  if (!tools.isAllowed(url)) throw new Error(`Requests to ${url.origin} are not allowed.`)
  const method = String(config.httpMethod ?? 'POST').toUpperCase()
  const body = method === 'GET' ? '' : String(config.httpBody ?? '')
  const headers = JSON.parse(String(config.httpHeaders ?? '{}')) as Record<string, string>
  const attempts = Number(config.retryAttempts ?? 0) + 1
  for (let attempt = 1; ; attempt++) {
    const outcome = await once(url, { method, headers, body }, Number(config.timeout ?? 5) * 1000, tools)
    if ('data' in outcome) return { success: true, ...outcome }
    if (attempt >= attempts || (outcome.status !== null && !retried.has(outcome.status))) {
      return softened(config, outcome.error, { data: null, status: outcome.status })
    }
    await pause(Number(config.retryDelay ?? 1) * 1000 * attempt, tools.clock, tools.signal)
  }
}

type HttpOutcome = { data: unknown; status: number } | { error: string; status: number | null }

async function once(
  url: URL,
  { method, headers, body }: { method: string; headers: Record<string, string>; body: string },
  timeoutMs: number,
  { fetch, clock, signal }: HttpTools,
): Promise<HttpOutcome> {
  const late = new AbortController()
  const cancelTimer = clock.schedule(timeoutMs, () => late.abort(new Error(`No answer within ${timeoutMs} ms.`)))
  try {
    const response = await fetch(url, {
      method,
      headers,
      ...(body === '' ? {} : { body }),
      // A redirect could lead where `isAllowed` was not asked.
      redirect: 'error',
      signal: AbortSignal.any([signal, late.signal]),
    })
    const text = await readCapped(response)
    if (!response.ok)
      return { status: response.status, error: `The request to ${url.origin} was answered with ${response.status}.` }
    const isJson = response.headers.get('content-type')?.includes('application/json') === true
    return { status: response.status, data: isJson && text !== '' ? JSON.parse(text) : text }
  } catch (thrown) {
    signal.throwIfAborted()
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    return { status: null, error: `The request to ${url.origin} failed: ${why}` }
  } finally {
    cancelTimer()
  }
}

async function readCapped(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of response.body ?? []) {
    sizeBytes += chunk.length
    if (sizeBytes > mostResponseBytes) throw new Error(`the answer is longer than ${mostResponseBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** A failure as a value where the node says so, else thrown. */
export function softened(config: ActionConfig, error: string, values: Record<string, unknown>): unknown {
  if (config.failOnError === false || config.failOnError === 'false') return { success: true, ...values, error }
  throw new Error(error)
}

/** Resolves after `delayMs`, or rejects when the signal aborts. */
export function pause(delayMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const abort = (): void => {
      cancel()
      reject(signal.reason)
    }
    const cancel = clock.schedule(delayMs, () => {
      signal.removeEventListener('abort', abort)
      resolve()
    })
    signal.addEventListener('abort', abort, { once: true })
  })
}
