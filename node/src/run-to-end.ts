/** How a command that lives for long ends: its exit code, its failure told, its sockets let go. It knows nothing of what the command does. */
import { asComputePoolError, type ComputePoolError } from '@computepool/shared/errors'
import { stopNodeRtc } from './links/node-rtc.ts'
import { tellFailure } from './tell-failure.ts'

/** What is still open then, such as a kept-alive connection, does not hold the process. */
const lingerMs = 500

/** Runs to the end and sets the exit code: what `run` resolves with, or what its error means. */
export async function runToEnd(
  args: readonly string[],
  run: (args: readonly string[]) => Promise<number>,
  exitCodeOf: (error: ComputePoolError) => number,
): Promise<void> {
  process.exitCode = await run(args).catch((thrown: unknown) => {
    tellFailure(thrown, args.includes('--json'))
    return exitCodeOf(asComputePoolError(thrown))
  })
  stopNodeRtc()
  setTimeout(() => process.exit(), lingerMs).unref()
}
