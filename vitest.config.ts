import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** On a fresh clone vitest knows no durations and begins with the biggest files; the walks are the smallest and the longest. */
class WalksFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isWalk = ({ moduleId }: TestSpecification): boolean => moduleId.includes('/crash-walk-')
    const sorted = await super.sort(files)
    return [...sorted.filter(isWalk), ...sorted.filter(file => !isWalk(file))]
  }
}

/** Unit, contract and in-process tests of every workspace; real tabs are Playwright's (e2e). */
export default defineConfig({
  test: {
    include: ['*/{src,testing,test,bench}/**/*.test.{ts,tsx}', 'contracts/{chain,deploy,build}/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    globalSetup: ['contracts/testing/compile-before-tests.ts'],
    sequence: { sequencer: WalksFirst },
    maxWorkers: 2,
  },
})
