/**
 * The orchestrator on a real socket: HTTP, page, packs and signaling on one origin. It reads no environment; `main.ts`, the demo and
 * the tests call it.
 */
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import { type DetachedHub, type IceConfig, iceServersFor } from '@computepool/signaling'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import type { Context } from 'hono'
import type { AttestationProvider } from './attestation/index.ts'
import { auditorsChainOf, type OpenAuditors, openAuditors } from './auditors/open-auditors.ts'
import { createOrchestrator, defaultSettings, type OrchestratorSettings } from './create-orchestrator.ts'
import type { Desk, RequestLimits } from './dispatch/index.ts'
import type { Breach } from './disputes/index.ts'
import { keepBreaches } from './disputes/kept-breaches.ts'
import { hostClock, hostEntropy } from './host.ts'
import { type Inft, type InftSettings, noInft } from './inft/index.ts'
import { type OpenHub, openHub } from './open-hub.ts'
import { openPoolInft } from './open-pool-inft.ts'
import type { Money, MoneySettings } from './payments/money-settings.ts'
import { openMoney } from './payments/open-money.ts'
import type { MoneyDesk } from './payments/till.ts'
import type { StandingBook } from './standing/index.ts'
import { ensurePage } from './store/build-page.ts'
import { openPackFolder } from './store/pack-folder.ts'
import type { Zerog } from './zerog-compute/index.ts'

export interface StartOptions extends Partial<Omit<OrchestratorSettings, 'requests'>> {
  /** How many answers run and wait, each client's share of the queue, how long: what is absent takes its default. */
  readonly requests?: Partial<RequestLimits>
  /** Default 127.0.0.1. */
  readonly host?: string
  /** 0 takes any free port. */
  readonly port: number
  /** Folder of the pack to serve. */
  readonly packDir: string
  /** Folder of a built page; null serves none; absent builds web/dist where it is missing or stale. */
  readonly pageFolder?: string | null
  /** Origin under which people reach it, where a proxy stands before it. */
  readonly publicUrl?: string
  /** STUN and TURN servers; none by default, which is enough on one machine and on most local networks. */
  readonly ice?: IceConfig
  /** A hub of its own that tabs reach at `/signal` of the page's origin; absent or null: one in this process. */
  readonly signaling?: DetachedHub | null
  /** Take the caller's address from X-Forwarded-For: only behind a proxy that sets it. */
  readonly isProxyTrusted?: boolean
  /** Default: work is free. Paid, the page is served at once and the till opens a few seconds later. */
  readonly money?: { readonly mode: 'free' } | MoneySettings
  /** Where standing and evidence are kept; default: with the money, else they are forgotten. */
  readonly dataDir?: string | null
  /** Auditors in a process beside this one, which compute others' work again. Default: none. */
  readonly auditors?: number
  /** JavaScript of the command line that runs them; default: this repository's own. */
  readonly auditorsProgram?: string
  /** What vouches for this process and signs its answers; absent or null: nothing does. */
  readonly attestation?: AttestationProvider | null
  /** A provider of 0G Compute by that attestation's key, closed with the rest; absent or null: it is none. */
  readonly zerog?: Zerog | null
  /** The pool as a token, in a paid pool; absent or null: it is none. */
  readonly inft?: InftSettings | null
  /** Put before each conversation, and shown by nothing; part of what the token holds. */
  readonly systemPrompt?: string
  readonly onNotice?: (text: string) => void
  readonly onFault?: (fault: unknown) => void
}

export interface RunningOrchestrator {
  /** Origin without a trailing slash. */
  readonly url: string
  readonly port: number
  readonly model: string
  readonly desk: Desk
  /** Null where work is free. */
  readonly money: Pick<Money, 'ready' | 'desk'> | null
  /** Null where the pool is no token. */
  readonly inft: Pick<Inft, 'ready' | 'refresh' | 'isPrivate'> | null
  /** Ends live answers with a typed error, then all sockets. Idempotent. */
  close(): Promise<void>
}

/** What streams get to say their last event before their sockets are cut. */
const graceMs = 300
/** Longer than clients and proxies keep a connection for the next request: one that is closed just as it is used costs a caller its request. */
const keepAliveMs = 75_000

/** Serves until closed. Errors: `input_invalid` where the port is taken, `artifact_*` for a broken pack. */
export async function startOrchestrator(options: StartOptions): Promise<RunningOrchestrator> {
  const { host = '127.0.0.1', packDir, isProxyTrusted = false, onNotice = () => {}, onFault = () => {} } = options
  const ice = options.ice ?? { stunUrls: [], turn: null }
  const pack = await openPackFolder(packDir)
  // The port comes first: building a page only to find it taken would waste half a minute.
  let answer = (_request: Request, _bindings: unknown): Response | Promise<Response> =>
    new Response('Starting …\n', { status: 503, headers: { 'retry-after': '2' } })
  const server = createAdaptorServer({ fetch: (request, bindings) => answer(request, bindings) }) as Server
  server.keepAliveTimeout = keepAliveMs
  await listen(server, options.port, host)
  try {
    const pageFolder = options.pageFolder === undefined ? await ensurePage(onNotice) : options.pageFolder
    const { port } = server.address() as AddressInfo
    const url = (options.publicUrl ?? `http://${hostInUrl(host)}:${port}`).replace(/\/$/, '')
    // Desk and hub need each other; no tab is there before the hub is.
    let hub: OpenHub | null = null
    let money: Money | null = null
    let inft: Inft | null = null
    let acquit: StandingBook['acquit'] = () => {}
    let note: StandingBook['note'] = () => {}
    const { money: settings = { mode: 'free' } } = options
    const { dataDir = settings.mode === 'free' ? null : settings.dataDir } = options
    let auditors: OpenAuditors | null = null
    const kept =
      settings.mode === 'free' || dataDir === null ? null : keepBreaches(join(dataDir, 'convictions'), onFault)
    const left = kept?.left() ?? []
    // Nobody is paid, and nobody has a stake, before the till is open.
    const accuse = (breach: Breach): void => {
      const accused = money?.ready.then(till => till.disputes?.accuse(breach))
      accused?.then(() => kept?.forget(breach)).catch(onFault)
    }
    const { systemPrompt: prompt = '' } = options
    const moneyFor = (desk: Desk): MoneyDesk => {
      if (settings.mode === 'free') return settings
      const { manifestSha256, manifest } = pack
      const { model } = manifest
      const host = { url, clock: hostClock, entropy: hostEntropy, onNotice, onFault }
      const onAcquitted: StandingBook['acquit'] = (...said) => acquit(...said)
      const onStanding: StandingBook['note'] = (...said) => note(...said)
      money = openMoney({ settings, desk, model, manifestSha256, onAcquitted, onStanding, ...host })
      inft = options.inft ? openPoolInft({ inft: options.inft, settings, money, pack, prompt, ...host }) : null
      return money.desk
    }
    const {
      app,
      desk,
      standing,
      close: closeTrust,
    } = createOrchestrator({
      pack,
      pageFolder,
      hub: {
        command: (peer, command) => void hub?.command(peer, command),
        setCoalition: (id, peers) => hub?.setCoalition(id, peers),
      },
      clock: hostClock,
      entropy: hostEntropy,
      origin: options.signaling ? null : new URL(url).origin,
      iceServersFor: peer => iceServersFor(peer, ice, hostClock.wallMs()),
      // At half their life: a machine that slept over one renewal has the next.
      iceRenewalMs: ice.turn === null ? null : (ice.turn.lifetimeSeconds * 1000) / 2,
      addressOf: c => addressOf(c, isProxyTrusted),
      isProxyTrusted,
      attestation: options.attestation ?? null,
      zerog: options.zerog?.desk ?? null,
      settings: settingsOf(options),
      moneyFor,
      // Asked to be private, it stays shut where no token says for whom it is.
      inftFor: () =>
        inft?.desk ?? { ...noInft(whyNoToken(settings.mode)), isPrivate: options.inft?.isPrivate ?? false },
      systemPrompt: prompt,
      dataDir,
      trustedAuditors: () => auditors?.vouchedFor() ?? [],
      convictions: kept === null ? null : { keep: kept.keep, left },
      onBreach: accuse,
      onNotice,
      onFault,
    })
    acquit = standing.acquit
    note = standing.note
    for (const breach of left) accuse(breach)
    const signaling = openHub({ server, url, detached: options.signaling ?? null, desk, isProxyTrusted, onFault })
    hub = signaling
    answer = (request, bindings) => app.fetch(request, bindings as HttpBindings)
    // The page is up: they sign in to it.
    auditors = openAuditors({
      ...{ count: options.auditors ?? 0, url, clock: hostClock, entropy: hostEntropy, onFault },
      dataDir: join(dataDir ?? tmpdir(), 'computepool-auditors'),
      ...(options.auditorsProgram === undefined ? {} : { program: options.auditorsProgram }),
      chain: (money as Money | null)?.chain.then(({ money: at }) => auditorsChainOf(at)) ?? Promise.resolve(null),
      known: (money as Money | null)?.ready.then(till => till.auditors ?? []) ?? Promise.resolve([]),
    })
    const beside = auditors
    let closing: Promise<void> | null = null
    const close = (): Promise<void> => {
      // The token before the chain that it is on.
      const others = [options.zerog ?? null, inft, money].filter(each => each !== null)
      closing ??= closeAll(server, desk, signaling, [beside, { close: closeTrust }, ...others])
      return closing
    }
    return { url, port, model: pack.manifest.model, desk, money, inft, close }
  } catch (error) {
    server.close()
    server.closeAllConnections()
    throw error
  }
}

const whyNoToken = (mode: 'free' | 'paid'): string =>
  mode === 'free' ? 'Answers are free here: there is no chain that a token could be on.' : 'It was started without one.'

/** An address that a browser can open. */
function hostInUrl(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

async function closeAll(
  server: Server,
  desk: Desk,
  signaling: { close(): Promise<void> },
  others: ReadonlyArray<{ close(): Promise<void> }>,
): Promise<void> {
  desk.close()
  const closed = once(server, 'close')
  server.close()
  const cut = setTimeout(() => server.closeAllConnections(), graceMs)
  await signaling.close()
  server.closeIdleConnections()
  await closed
  clearTimeout(cut)
  // After the answers: their ends are the meter's last readings.
  for (const other of others) await other.close()
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  const error = await new Promise<NodeJS.ErrnoException | null>(resolve => {
    server.once('error', resolve)
    server.listen(port, host, () => {
      server.off('error', resolve)
      resolve(null)
    })
  })
  if (error === null) return
  const reasons: Record<string, string> = {
    EADDRINUSE: `Port ${port} on ${host} is taken by another program.`,
    EACCES: `Port ${port} needs more rights than this user has.`,
    EADDRNOTAVAIL: `This machine has no address "${host}".`,
    ENOTFOUND: `This machine has no address "${host}".`,
  }
  throw new ComputePoolError('input_invalid', reasons[error.code ?? ''] ?? `Cannot listen on ${host}:${port}.`, {
    remedy: 'Choose another with --port or --host.',
    context: { param: 'port', cause: error.code ?? null },
    cause: error,
  })
}

/** The settings among the options; an absent one takes its default. */
function settingsOf(options: StartOptions): OrchestratorSettings {
  const pick = <K extends Exclude<keyof OrchestratorSettings, 'requests'>>(key: K): OrchestratorSettings[K] =>
    (options[key] ?? defaultSettings[key]) as OrchestratorSettings[K]
  const minSeats = pick('minSeats')
  return {
    minSeats,
    maxSeats: Math.max(minSeats, pick('maxSeats')),
    maxContext: pick('maxContext'),
    requests: { ...defaultSettings.requests, ...options.requests },
    limitsFor: pick('limitsFor'),
    maxBodyBytes: pick('maxBodyBytes'),
    corsOrigins: pick('corsOrigins'),
    metricsToken: pick('metricsToken'),
    challengeEveryMs: pick('challengeEveryMs'),
  }
}

function addressOf(c: Context, isProxyTrusted: boolean): string {
  // The last entry is the one that our own proxy wrote.
  const forwarded = isProxyTrusted ? c.req.header('x-forwarded-for')?.split(',').at(-1)?.trim() : undefined
  return forwarded || getConnInfo(c).remote.address || 'unknown'
}
