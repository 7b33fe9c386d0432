/** A bundle judged with nothing but a pool’s own pack, by the engine of this machine and the tolerances that were measured. */
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { hostClock } from '@computepool/peer/host.ts'
import { keyOfSecret } from '@computepool/peer/runtime/key-of-secret.ts'
import { decodeEvidence, encodeEvidence } from '@computepool/shared/audit'
import { parseManifest } from '@computepool/shared/model'
import type { OpenEngine } from '@computepool/shared/ports'
import { expect, it } from 'vitest'
import { identity } from '../../../shared/testing/cheats/change-outputs.ts'
import { sampleEvidence } from '../../../shared/testing/cheats/sample-evidence.ts'
import { openNativeEngine } from '../engine/open-native-engine.ts'
import { packFolderParts } from '../engine/pack-folder-parts.ts'
import { openDiskStorage } from '../storage/disk-storage.ts'
import { createPoolJudge } from './judge-from-pool.ts'

const packDir = fileURLToPath(new URL('../../../models/demo/pack', import.meta.url))
const open: OpenEngine = slice => openNativeEngine(slice, { threads: 1 })

it('clears who computed honestly, and tells who did not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'judge-'))
  const pool = await startOrchestrator({ port: 0, packDir, pageFolder: null })
  try {
    const bytes = await readFile(join(packDir, 'manifest.json'))
    const manifest = parseManifest(JSON.parse(bytes.toString('utf8')))
    const wallets = ['1', '2', '3'].map(digit => {
      const { address, sign } = keyOfSecret(`0x${digit.repeat(64)}`)
      return { peer: `${address}.00000000`, sign }
    })
    const model = {
      ...{ manifest, manifestSha256: createHash('sha256').update(bytes).digest('hex') },
      open: (layers: Parameters<OpenEngine>[0]['layers']) =>
        open({ manifest, layers, parts: packFolderParts(packDir), kvBudgetBytes: 2 ** 26, maxContext: 64 }),
    }
    const judge = createPoolJudge({
      ...{ url: pool.url, storage: await openDiskStorage(folder), clock: hostClock, open },
      fetchBytes: (url, init) => fetch(url, init),
    })
    for (const [verdict, cheat] of [
      ['honest', {}],
      ['cheated', { cheat: identity }],
    ] as const) {
      const sample = await sampleEvidence({ seat: 1, model, wallets, ...cheat })
      const bundle = decodeEvidence(encodeEvidence(sample))
      expect((await judge(bundle, new AbortController().signal)).verdict).toBe(verdict)
    }
  } finally {
    await pool.close()
    await rm(folder, { recursive: true, force: true })
  }
}, 120_000)
