/** Vitest's global setup: compiles the contracts before any test's clock runs. Knows no test. */
import { compileContracts } from '../build/compile.ts'

/** What does not compile is told by the tests that need it, with the compiler's words; the others run all the same. */
export async function setup(): Promise<void> {
  for (const folders of [['src'], ['src/chain'], ['test/hostile'], ['test/zerog']])
    await compileContracts(folders).catch(() => {})
}
