import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** On a fresh clone vitest knows no durations and begins with the biggest files; the walk is one of the smallest, and the longest. */
class WalksFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isWalk = ({ moduleId }: TestSpecification): boolean => moduleId.endsWith('/crash-walk.test.ts')
    const sorted = await super.sort(files)
    return [...sorted.filter(isWalk), ...sorted.filter(file => !isWalk(file))]
  }
}

const common = {
  exclude: ['**/node_modules/**', '**/dist/**'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
  // PGlite's WebAssembly is not compiled a second time, better: a test's database does not live long enough to earn that back.
  execArgv: ['--liftoff-only'],
}
/** They need a document. */
const onPages = [
  'web/{src,testing,test}/**/*.test.tsx',
  'web/src/ui/stores/theme-store.test.ts',
  'web/src/wallet/injected-wallets.test.ts',
]
/** They mock modules, which others may have loaded by then. */
const alone = [
  'shared/src/swarm/place-swarm.test.ts',
  'shared/src/swarm/swarm-floods.test.ts',
  'node/src/operator/node-checks.test.ts',
  'node/src/storage/disk-storage.test.ts',
]

/** Unit, contract and in-process tests of every workspace; real tabs are Playwright's (e2e). */
export default defineConfig({
  test: {
    globalSetup: ['contracts/testing/compile-before-tests.ts'],
    sequence: { sequencer: WalksFirst },
    maxWorkers: 2,
    projects: [
      {
        // To load viem, zod or PGlite anew for each file took half of the time: these files share what they import.
        test: {
          ...common,
          name: 'rooms',
          isolate: false,
          include: [
            '{shared,peer,web,signaling,orchestrator,contracts,node,models,sdk,e2e}/{src,testing,test,bench,harness,soak,tolerance}/**/*.test.ts',
            'contracts/{chain,deploy,build}/**/*.test.ts',
            'keeperhub/{plugins,protocols}/**/*.test.ts',
          ],
          exclude: [...common.exclude, ...alone, ...onPages],
        },
      },
      // Those on pages each need a document of their own; those alone, modules that nobody has loaded.
      { test: { ...common, name: 'isolated', include: [...onPages, ...alone] } },
    ],
  },
})
