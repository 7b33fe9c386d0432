/** The single checks of the doctor, in the order in which they are told. Each really tries what it speaks of, and none throws. */
import { randomBytes } from 'node:crypto'
import { access, rm, statfs, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { asComputePoolError } from '@computepool/shared/errors'
import { createAxlClient } from '../axl/axl-client.ts'
import { listProviders } from '../engine/list-providers.ts'
import { type ProviderTrial, tryProvider } from '../engine/try-provider.ts'
import { onDisk } from '../pack/disk-errors.ts'
import { burnerPath, isEmpty, openNodeKey } from '../wallet/open-node-key.ts'
import { askOrchestrator } from './ask-orchestrator.ts'
import type { NodeSettings } from './node-settings.ts'
import { sizeInWords } from './parse-size.ts'
import type { Finding } from './run-doctor.ts'
import { availableMemoryBytes, leastMemoryBytes, machineFacts } from './this-machine.ts'
import { tryWebRtc } from './try-webrtc.ts'

type Env = Readonly<Record<string, string | undefined>>
/** Null: it does not matter with these settings. */
export type NodeCheck = (settings: NodeSettings, env: Env) => Promise<Finding | null>

/** Below it a large model's slice does not fit; a small one's may. */
const ampleDiskBytes = 1e9

const missing = (check: string, thrown: unknown, remedy?: string): Finding => {
  const error = asComputePoolError(thrown)
  return { check, result: 'missing', says: error.message, remedy: remedy ?? error.remedy, facts: { code: error.code } }
}

const machine: NodeCheck = async ({ threads }) => {
  const { cpu, cores } = machineFacts()
  const used = threads === 0 ? 'threads as the runtime chooses' : `${threads} threads of one operator`
  return {
    check: 'machine',
    result: 'good',
    says: `${cpu}, ${cores} cores, ${process.platform} ${process.arch}, Node ${process.versions.node}; ${used}.`,
    remedy: '',
    facts: { cpu, cores, platform: process.platform, arch: process.arch, node: process.versions.node, threads },
  }
}

const memory: NodeCheck = async ({ memoryBudgetBytes, engine }) => {
  const availableBytes = availableMemoryBytes()
  const facts = { availableBytes, memoryBudgetBytes }
  const says = `${sizeInWords(availableBytes)} of memory are free, and ${sizeInWords(memoryBudgetBytes)} are offered.`
  if (memoryBudgetBytes < leastMemoryBytes) {
    const remedy = `Less than ${sizeInWords(leastMemoryBytes)} hold no layer: free some, or offer more with --memory.`
    return { check: 'memory', result: 'missing', says, remedy, facts }
  }
  if (memoryBudgetBytes > availableBytes) {
    const remedy = 'Offer less with --memory: what is not there is taken from the disk, and is slow.'
    return { check: 'memory', result: 'note', says, remedy, facts }
  }
  if (engine !== 'webgpu' && engine !== 'cuda') return { check: 'memory', result: 'good', says, remedy: '', facts }
  return {
    check: 'memory',
    result: 'note',
    says: `${says} That is main memory: how much ${engine} has of its own is not known.`,
    remedy: 'Set --memory to what the GPU holds.',
    facts,
  }
}

const engines: NodeCheck = async ({ engine }) => {
  const trials: ProviderTrial[] = []
  for (const provider of engine === null ? listProviders() : [engine]) trials.push(await tryProvider(provider))
  const runs = trials.filter(trial => trial.runs).map(({ provider }) => provider)
  const fails = trials.flatMap(trial => (trial.runs ? [] : [`${trial.provider} does not: ${trial.reason}`]))
  return {
    check: 'engines',
    result: runs.length > 0 ? 'good' : 'missing',
    says: `A small graph was run: ${[runs.length > 0 ? `${runs.join(' and ')} ran` : 'nothing ran', ...fails].join('; ')}.`,
    remedy:
      runs.length === 0
        ? 'Reinstall onnxruntime-node for this platform, or leave --engine away.'
        : runs.some(provider => provider !== 'cpu')
          ? 'Where the GPU serves, set --memory to what it holds: the default is a share of main memory.'
          : '',
    facts: { trials },
  }
}

const disk: NodeCheck = async ({ dataDir }) => {
  let folder = dataDir
  // The folder is made at the first run: what counts is the nearest that is there.
  while (!(await exists(folder)) && dirname(folder) !== folder) folder = dirname(folder)
  try {
    await onDisk(folder, () => tryWrite(folder))
  } catch (thrown) {
    return missing('disk', thrown, 'Free some space, or name another folder with --data.')
  }
  // Some file systems do not tell.
  const free = await statfs(folder).catch(() => null)
  const freeBytes = free === null ? null : free.bavail * free.bsize
  const isAmple = freeBytes !== null && freeBytes >= ampleDiskBytes
  const size = freeBytes === null ? 'It is not known how much is free' : `${sizeInWords(freeBytes)} are free`
  return {
    check: 'disk',
    result: isAmple ? 'good' : 'note',
    says: `${size} for slices in ${dataDir}, where a file was written and removed.`,
    remedy: isAmple ? '' : 'A small slice may fit. For more, free some space, or name another folder with --data.',
    facts: { dataDir, freeBytes },
  }
}

/** By doing it: rights, a full disk and a read-only one all show here alone. */
async function tryWrite(folder: string): Promise<void> {
  const path = join(folder, `.computepool-doctor-${randomBytes(8).toString('hex')}`)
  try {
    await writeFile(path, new Uint8Array(4096), { flag: 'wx', mode: 0o600, flush: true })
  } finally {
    await rm(path, { force: true })
  }
}

const key: NodeCheck = async (settings, env) => {
  const path = burnerPath(settings.dataDir)
  const usesBurner = settings.keystorePath === undefined && !env.COMPUTEPOOL_NODE_KEY
  if (usesBurner && (!(await exists(path)) || (await isEmpty(path))))
    return {
      check: 'key',
      result: 'note',
      says: `There is no wallet key yet: a burner key is made in ${path} at the first run.`,
      remedy: 'To earn to a wallet of yours, name a keystore file with --keystore.',
    }
  try {
    const { address, source } = await openNodeKey({ ...settings, env })
    return {
      check: 'key',
      result: 'good',
      says: `It serves as ${address} (${source}).`,
      remedy: '',
      facts: { address },
    }
  } catch (thrown) {
    return missing('key', thrown)
  }
}

const orchestrator: NodeCheck = async ({ url }) => {
  try {
    const { model, status, explanation, layers } = await askOrchestrator(url)
    return {
      check: 'orchestrator',
      result: 'good',
      says: `${url} answers and speaks this version: ${model}, ${layers} layers, pool ${status}. ${explanation}`.trim(),
      remedy: '',
      facts: { url, model, layers, status },
    }
  } catch (thrown) {
    return missing('orchestrator', thrown)
  }
}

const webRtc: NodeCheck = async ({ usesWebRtc }) => {
  if (!usesWebRtc) return null
  try {
    const { rttMs } = await tryWebRtc()
    return {
      check: 'webrtc',
      result: 'good',
      says: `A WebRTC connection to itself was made (${rttMs.toFixed(1)} ms a round trip). Others must reach its UDP ports, or a TURN server of the orchestrator.`,
      remedy: '',
      facts: { rttMs },
    }
  } catch (thrown) {
    return missing('webrtc', thrown, 'Let this process open UDP ports, or use --axl without --webrtc.')
  }
}

const axl: NodeCheck = async ({ axlUrl }) => {
  if (axlUrl === null) return null
  const client = createAxlClient({ url: axlUrl, timeoutMs: 5000 })
  try {
    const topology = await client.topology()
    const { key: axlKey, peers } = topology
    return {
      check: 'axl',
      result: peers > 0 ? 'good' : 'note',
      says: `The AXL daemon at ${axlUrl} answers as ${axlKey}, connected to ${peers} ${peers === 1 ? 'peer' : 'peers'}.`,
      remedy: peers > 0 ? '' : 'It reaches nobody yet: give it a peer, or let others dial it.',
      facts: { ...topology },
    }
  } catch (thrown) {
    return missing('axl', thrown)
  } finally {
    client.close()
  }
}

/** By their names in the findings. */
export const nodeChecks = { machine, memory, engines, disk, key, orchestrator, webrtc: webRtc, axl } as const

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
