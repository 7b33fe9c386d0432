/** A command's options, as Node reads them; what is wrong with a command line is said with where its use is told. */
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { ComputePoolError } from '@computepool/shared/errors'

/** `input_invalid`: what is wrong with what `computepool <command>` was given. */
export const usageOf =
  (command: string) =>
  (message: string): ComputePoolError =>
    new ComputePoolError('input_invalid', message, { remedy: `computepool ${command} --help tells how it is used.` })

/** Errors: `usage`'s, with Node's own words, of an option that is unknown or lacks its value. */
export function readOptions<Config extends ParseArgsConfig>(
  usage: ReturnType<typeof usageOf>,
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config)
  } catch (cause) {
    throw usage(cause instanceof Error ? cause.message : String(cause))
  }
}
