import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { newestSourceMs, pageSources } from './build-page.ts'

let folder = ''
beforeEach(async () => {
  // A folder above that is called `testing` must not hide what is in it.
  folder = join(await mkdtemp(join(tmpdir(), 'computepool-page-')), 'testing', 'src')
})
afterEach(() => rm(dirname(dirname(folder)), { recursive: true }))

/** A file that was modified `seconds` after 1970. */
async function touch(name: string, seconds: number): Promise<void> {
  const path = join(folder, name)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, '')
  await utimes(path, seconds, seconds)
}

it('takes the newest source, however deep', async () => {
  await touch('main.tsx', 100)
  await touch('ui/chat/chat-page.tsx', 300)
  await touch('ui/testing-words.ts', 200)
  expect(await newestSourceMs(folder)).toBe(300_000)
  expect(await newestSourceMs(join(folder, 'main.tsx'))).toBe(100_000)
  expect(await newestSourceMs(join(folder, 'nothing'))).toBe(0)
})

it('builds no page anew for a test', async () => {
  await touch('main.tsx', 100)
  await touch('main.test.tsx', 200)
  await touch('peer/run-tab.test.ts', 300)
  await touch('ui/testing/render-page.tsx', 400)
  await touch('testing/deep/fixture.ts', 500)
  expect(await newestSourceMs(folder)).toBe(100_000)
})

const repository = fileURLToPath(new URL('../../../', import.meta.url))
const sourcesOf = (workspace: string): string[] =>
  readdirSync(join(repository, workspace, 'src'), { recursive: true, encoding: 'utf8' })
    .filter(name => /\.tsx?$/.test(name) && !/\.test\.tsx?$/.test(name))
    .map(name => join(repository, workspace, 'src', name))

it('looks at every workspace that the page imports', () => {
  const imports = /from '@computepool\/([a-z]+)\//g
  const seen = new Set(['web'])
  for (const workspace of seen) {
    for (const file of sourcesOf(workspace)) {
      for (const [, imported] of readFileSync(file, 'utf8').matchAll(imports)) seen.add(imported!)
    }
  }
  expect(seen.size).toBeGreaterThan(2)
  for (const workspace of seen) expect(pageSources).toContain(`${workspace}/src`)
})
