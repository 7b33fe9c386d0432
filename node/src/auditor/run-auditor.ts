/**
 * Headless auditors: peers of one process, each with its own wallet, that compute others' work again and hold no seats. They share what they
 * load. It knows no terminal, no signals and no chain; who runs it is told snapshots.
 */
import { join } from 'node:path'
import { hostClock, hostEntropy } from '@computepool/peer/host.ts'
import type { EngineChoice, PeerKey, PeerPowers } from '@computepool/peer/runtime/peer-powers.ts'
import type { PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'
import { proveSlice } from '@computepool/peer/runtime/prove-slice.ts'
import { runPeer } from '@computepool/peer/runtime/run-peer.ts'
import { ComputePoolError, type ErrorData } from '@computepool/shared/errors'
import type { Manifest } from '@computepool/shared/model'
import type { LinkFacts } from '@computepool/shared/ports'
import { type OwnKeeper, startAuditorVotes } from '../auditor-votes.ts'
import { ed25519, sha256 } from '../crypto/host-crypto.ts'
import { listProviders } from '../engine/list-providers.ts'
import type { NativeProvider } from '../engine/native-runtime.ts'
import { tryProvider } from '../engine/try-provider.ts'
import { openReach } from '../operator/open-reach.ts'
import { openSocket } from '../operator/open-socket.ts'
import { openWithinMemory } from '../operator/open-within-memory.ts'
import { chooseProvider, probeProviders } from '../operator/probe-providers.ts'
import type { RunningNode } from '../operator/run-node.ts'
import { openDiskStorage } from '../storage/disk-storage.ts'
import type { AuditorKeepers } from './auditor-arguments.ts'
import { createPoolJudge } from './judge-from-pool.ts'
import { keepConvictions } from './kept-convictions.ts'
import { createSliceShelf } from './slice-shelf.ts'
import { type AuditorEarned, tellEarnings } from './tell-earnings.ts'

export interface AuditorOptions {
  /** One peer for each. */
  readonly keys: readonly PeerKey[]
  /** Those that may be registered on a chain: they vote on the pool's disputes. Default: none. */
  readonly voters?: readonly PeerKey[]
  /** Where voters have organisations of their own, with `rpcUrl`; null or absent: the pool relays their votes. */
  readonly keeper?: AuditorKeepers | null
  /** Of the pool's chain; default: what the pool says. */
  readonly rpcUrl?: string | undefined
  /** Where they came from, in words. */
  readonly keySource: string
  /** Origin of the orchestrator. */
  readonly url: string
  readonly dataDir: string
  /** Of all of them together. */
  readonly memoryBudgetBytes: number
  /** 0 lets the runtime choose. */
  readonly threads: number
  /** Null lets the measurement choose. */
  readonly engine: NativeProvider | null
  /** Providers that failed here before. */
  readonly shunned?: ReadonlySet<NativeProvider>
  readonly tell: (snapshot: PeerSnapshot, index: number) => void
  readonly onEngineLost: (error: ErrorData) => void
  readonly onNotice: (text: string) => void
  /** Hears what the pool paid for checks; absent: nobody asks it. */
  readonly onEarned?: (earned: AuditorEarned, words: string) => void
}

/** As a node: it drains and leaves as one. */
export interface RunningAuditor extends RunningNode {
  readonly addresses: readonly string[]
}

/** Joins the pool at once, with all of them. */
export async function runAuditor(options: AuditorOptions): Promise<RunningAuditor> {
  const { keys, url, dataDir, memoryBudgetBytes, threads, engine, onNotice, shunned = new Set() } = options
  // What is unpacked for speed comes on top of what the shelf counts before: no more than all of them together may.
  const openSlice = openWithinMemory({ memoryBudgetBytes: memoryBudgetBytes / keys.length, threads })
  const keepers = await keepersOf(options, options.voters ?? [])
  let provider: NativeProvider | null = null
  const shelf = createSliceShelf({ memoryBudgetBytes, open: slice => openSlice(provider ?? 'cpu', slice) })
  const storage = openDiskStorage(join(dataDir, 'artifacts'))
  const whole = new AbortController()
  /** One measurement does for all: by the manifest, which each of them fetches. */
  const choices = new Map<string, { readonly manifest: Manifest; readonly choice: Promise<EngineChoice> }>()

  function measured(manifest: Manifest) {
    const text = JSON.stringify(manifest)
    const known = choices.get(text)
    if (known !== undefined) return known
    const choice = measure(manifest)
    choice.catch(() => choices.delete(text))
    choices.set(text, { manifest, choice })
    return { manifest, choice }
  }
  async function measure(manifest: Manifest): Promise<EngineChoice> {
    const probes = await probeProviders(manifest, {
      providers: engine === null ? listProviders().filter(name => !shunned.has(name)) : [engine],
      tryOne: tryProvider,
      open: openSlice,
      signal: whole.signal,
      nowMs: () => performance.now(),
    })
    const chosen = chooseProvider(probes, engine)
    provider = chosen.provider
    return chosen.choice
  }

  const transports: { paths(): readonly LinkFacts[] }[] = []
  const running = await Promise.all(
    keys.map(async (key, index) => {
      const reach = await openReach({ axlUrl: null, usesWebRtc: true }, onNotice)
      const powers: PeerPowers = {
        clock: hostClock,
        entropy: hostEntropy,
        digest: sha256,
        ed25519,
        pageUrl: url,
        agent: `computepool auditor (${process.platform} ${process.arch}, Node ${process.versions.node})`,
        openKey: async () => key,
        reach: reach.reach,
        openSocket: () => openSocket(url),
        openTransport(self) {
          const transport = reach.openTransport(self, key)
          transports.push(transport)
          return transport
        },
        openStorages: async () => [await storage],
        fetchBytes: (address, init) => fetch(address, init),
        probeEngines: manifest => measured(manifest).choice,
        // The same object for all, so that they share what they load.
        openEngine: (_, slice) => shelf.open({ ...slice, manifest: measured(slice.manifest).manifest }),
        selfTest: request => shelf.proveOnce(request.engine, () => proveSlice(request)),
        holdAwake: () => () => {},
        isHidden: () => false,
        breathe: () => new Promise(resolve => setImmediate(resolve)),
        tell: snapshot => options.tell(snapshot, index),
        onEngineLost: options.onEngineLost,
      }
      return runPeer(powers, { memoryBudgetBytes, engine: null, role: 'auditor' })
    }),
  )
  const votes =
    options.voters === undefined || options.voters.length === 0
      ? null
      : startAuditorVotes({
          ...{ origin: url, keys: options.voters, clock: hostClock, onNotice, rpcUrl: options.rpcUrl },
          ...{ keepers, registries: options.keeper?.registries ?? [] },
          convictions: keepConvictions(join(dataDir, 'convicted-attempts')),
          judge: createPoolJudge({
            ...{ url, storage: await storage, clock: hostClock, fetchBytes: (address, init) => fetch(address, init) },
            shareManifest: manifest => measured(manifest).manifest,
            async open(slice) {
              await measured(slice.manifest).choice
              return shelf.open(slice)
            },
          }),
          onFault: createQuietTeller(onNotice, 'Disputes'),
        })
  const stopTelling =
    options.onEarned === undefined
      ? null
      : tellEarnings({
          ...{ origin: url, addresses: keys.map(({ address }) => address.toLowerCase()), clock: hostClock },
          onEarned: options.onEarned,
          onFault: createQuietTeller(onNotice, 'Earnings'),
        })
  const end = async (how: (peer: (typeof running)[number]) => Promise<void>): Promise<void> => {
    stopTelling?.()
    await votes?.close()
    await Promise.all(running.map(how))
    whole.abort(new Error('The auditor left.'))
    await shelf.close()
  }
  const addresses = keys.map(({ address }) => address)
  return {
    peer: {
      pauseDownload() {
        for (const peer of running) peer.pauseDownload()
      },
      resumeDownload() {
        for (const peer of running) peer.resumeDownload()
      },
      drain: deadlineMs => end(peer => peer.drain(deadlineMs)),
      leave: () => end(peer => peer.leave()),
    },
    addresses,
    address: addresses.join(', '),
    keySource: options.keySource,
    reach: { webrtc: true, axl: null },
    paths: () => transports.flatMap(transport => transport.paths()),
    provider: () => provider,
  }
}

/** Errors: `input_invalid` where there are more organisations than auditors. */
async function keepersOf(
  { keeper = null, onNotice }: AuditorOptions,
  voters: readonly PeerKey[],
): Promise<ReadonlyMap<string, OwnKeeper>> {
  const { url: baseUrl = '', apiKeys = [], registries = [] } = keeper ?? {}
  if (apiKeys.length > voters.length) {
    const message = `KEEPERHUB_API_KEY has ${apiKeys.length} keys, and there are ${voters.length} auditors that vote.`
    throw new ComputePoolError('input_invalid', message, { remedy: 'Give one for each, in the order of their keys.' })
  }
  const names = (some: readonly PeerKey[]): string => some.map(({ address }) => address).join(', ')
  const [own, relayed] = [voters.slice(0, apiKeys.length), voters.slice(apiKeys.length)]
  if (own.length > 0)
    onNotice(
      `Votes at ${registries.join(', ')} go by runs at ${new URL(baseUrl).host}, each from its own organisation: ${names(own)}.`,
    )
  if (relayed.length > 0) onNotice(`Votes go by the pool’s relay, without a keeper of their own: ${names(relayed)}.`)
  if (own.length === 0) return new Map()
  // Loaded where it is used: the pool's packages come with it.
  const { createOwnKeeper } = await import('./own-keeper.ts')
  return new Map(
    own.map(({ address }, at) => [
      address.toLowerCase(),
      createOwnKeeper({ baseUrl, apiKey: apiKeys[at]!, clock: hostClock, fetch: (input, init) => fetch(input, init) }),
    ]),
  )
}

/** A pool that is away for a while is told of once. */
function createQuietTeller(
  onNotice: (text: string) => void,
  about: string,
): (fault: { readonly message: string }) => void {
  let last = ''
  return ({ message }) => {
    if (message !== last) onNotice(`${about}: ${message}`)
    last = message
  }
}
