import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openAuditorKeys } from './open-auditor-keys.ts'

let dataDir: string
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'auditors-'))
})
afterAll(() => rm(dataDir, { recursive: true }))

const given = ['11', '22', '33'].map(pair => pair.repeat(32))
const open = (changes: Partial<Parameters<typeof openAuditorKeys>[0]>) =>
  openAuditorKeys({ count: null, keyFile: undefined, dataDir, env: {}, ...changes })

it('takes keys from a file or the environment, as many as are asked for', async () => {
  const keyFile = join(dataDir, 'keys')
  await writeFile(keyFile, `${given.join('\n')}\n`)
  const all = await open({ keyFile })
  expect(all.secrets).toEqual(given.map(key => `0x${key}`))
  expect(new Set(all.keys.map(({ address }) => address)).size).toBe(3)
  const two = await open({ count: 2, env: { COMPUTEPOOL_AUDITOR_KEYS: `0x${given[0]}, ${given[1]} ${given[2]}` } })
  expect(two.keys.map(({ address }) => address)).toEqual(all.keys.slice(0, 2).map(({ address }) => address))
})

it('makes burner keys once, each its own, and closed to others', async () => {
  const first = await open({ count: 2 })
  const again = await open({ count: 3 })
  const addresses = again.keys.map(({ address }) => address)
  expect(addresses.slice(0, 2)).toEqual(first.keys.map(({ address }) => address))
  expect(new Set(addresses).size).toBe(3)
  expect(again.secrets).toEqual([])
  expect((await stat(join(dataDir, 'auditors', '1', 'node.key'))).mode & 0o777).toBe(0o600)
})

it('refuses too few keys, one that stands twice, and what is none, without repeating it', async () => {
  const refused = (keys: readonly string[], count: number | null = null) =>
    open({ count, env: { COMPUTEPOOL_AUDITOR_KEYS: keys.join(' ') } }).catch((error: Error) => error.message)
  expect(await refused(given, 4)).toMatch(/4 auditors were asked for, and COMPUTEPOOL_AUDITOR_KEYS has 3 keys/)
  expect(await refused([given[0]!, given[0]!])).toMatch(/A key stands twice/)
  const message = await refused([given[0]!, 'secret-word'])
  expect(message).toMatch(/Key 2 in COMPUTEPOOL_AUDITOR_KEYS is none/)
  expect(message).not.toContain('secret-word')
  await expect(open({ keyFile: join(dataDir, 'missing') })).rejects.toMatchObject({ code: 'input_not_found' })
})
