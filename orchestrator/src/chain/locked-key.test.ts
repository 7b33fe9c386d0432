import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { lockedKey } from './locked-key.ts'

const address = `0x${'Ab'.repeat(20)}` as const
const take = (rpcUrl = 'https://chain.example') =>
  lockedKey({ ...{ rpcUrl, chainId: 16602, address }, does: 'pays from it', remedy: 'Stop it.' })

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'locked-key-'))
  vi.stubEnv('TMPDIR', folder)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  await rm(folder, { recursive: true })
})

it('is held once, for each chain of one’s own by its port, until it is let go', async () => {
  const lock = await take()
  await expect(take('https://other.example')).rejects.toMatchObject({
    ...{ code: 'chain_ledger_locked', message: `Another program (process ${process.pid}) pays from it.` },
    remedy: 'Stop it.',
  })
  const [one, other] = [await take('http://localhost:1'), await take('http://127.0.0.1:2')]
  lock.release()
  const again = await take()
  for (const each of [again, one, other]) each.release()
})

it('is this user’s by number: of a container’s user nobody may know a name', async () => {
  vi.spyOn(process, 'getuid').mockReturnValue(54_321)
  const lock = await take()
  expect(await readdir(folder)).toEqual(['computepool-keys-54321'])
  lock.release()
})

it('tells what to do where it cannot be written, and names no folder of the machine', async () => {
  vi.spyOn(process, 'getuid').mockReturnValue(54_321)
  const name = 'computepool-keys-54321'
  // Somebody else's, who was here first.
  await writeFile(join(folder, name), '')
  const refused = await take().catch((thrown: Error) => thrown)
  expect(refused).toMatchObject({
    ...{ code: 'chain_ledger_unreachable', remedy: expect.stringContaining('TMPDIR') },
    message: expect.stringContaining(`(EEXIST): ${name}`),
  })
  expect((refused as Error).message).not.toContain(folder)
})
