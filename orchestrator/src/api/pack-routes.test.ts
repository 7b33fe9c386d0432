/** A pack's files, whole and in part, and where else it is. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeRandomPack } from '@computepool/node/pack/random-pack.ts'
import { expect, it } from 'vitest'
import { openPackFolder } from '../store/pack-folder.ts'
import { packRoutes, packUrlOf } from './pack-routes.ts'

it('tells where else the pack is, as soon as it is there, and never of another pack', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'computepool-pack-routes-'))
  try {
    const one = { heads: 1, kvHeads: 1, layers: 1 }
    const dimensions = { ...one, hidden: 32, headDim: 32, intermediate: 32, vocab: 300, context: 64 }
    const kind = { architecture: 'llama', quantisation: 'f16', seed: 1, model: 'r' } as const
    await writeRandomPack({ ...kind, outDir: folder, dimensions })
    const pack = await openPackFolder(folder)
    const routes = packRoutes(pack)
    const ask = async (base = packUrlOf(pack)) => routes.request(new URL(`${base}0g.json`, 'http://pool.test'))
    expect((await ask()).status).toBe(204)

    const places = {
      ...{ format: 'computepool-places', version: 1, manifestSha256: pack.manifestSha256, isStandIn: true },
      ...{ chainId: 31337, gateways: ['http://127.0.0.1:7'], isFirst: false },
      parts: [{ sha256: 'a'.repeat(64), pieces: [{ root: `0x${'b'.repeat(64)}`, sizeBytes: 5 }] }],
    }
    await writeFile(join(folder, '0g.json'), JSON.stringify(places))
    for (const base of [packUrlOf(pack), '/packs/r/']) {
      const answer = await ask(base)
      expect([answer.headers.get('cache-control'), await answer.json()]).toEqual(['no-cache', places])
    }
    for (const wrong of [JSON.stringify({ ...places, manifestSha256: 'c'.repeat(64) }), '{', ' '.repeat(2 << 20)]) {
      await writeFile(join(folder, '0g.json'), wrong)
      expect((await ask()).status).toBe(204)
    }
  } finally {
    await rm(folder, { recursive: true })
  }
})
