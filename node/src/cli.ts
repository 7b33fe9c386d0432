/** The `computepool` command: finds the command that is named, loads it and no other, and prints its failure. It knows no options. */
import { ComputePoolError } from '@computepool/shared/errors'
import { tellFailure } from './tell-failure.ts'

const HELP = `computepool <command> [options]

pack     turns a model into a pack that tabs and nodes download, check and run
publish  stores a pack's parts on 0G Storage, where tabs find them too
deploy   puts what payments need on a chain
node     serves layers of the pool's model from this machine, without a browser
auditor  computes others' work of a pool again, and holds no seat
bridge   passes data between tabs and nodes behind Gensyn's AXL
zerog    registers a pool with 0G Compute, and has it paid there
inft     shows a pool's token, and does what its owner and its receiver do
verify   judges evidence that somebody cheated, by computing it again
verify-attestation  checks what vouches for a pool's orchestrator

computepool <command> --help tells how each is used.`

/** Each resolves when it is done, and sets the process's exit code itself where 0 and 1 do not say enough. */
const commands: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  pack: async args => (await import('./pack-command.ts')).packCommand(args),
  publish: async args => (await import('./publish-command.ts')).publishCommand(args),
  deploy: async args => (await import('./deploy-command.ts')).deployCommand(args),
  node: async args => (await import('./node-command.ts')).nodeCommand(args),
  auditor: async args => (await import('./auditor-command.ts')).auditorCommand(args),
  bridge: async args => (await import('./bridge-command.ts')).bridgeCommand(args),
  zerog: async args => (await import('./zerog-command.ts')).zerogCommand(args),
  inft: async args => (await import('./inft-command.ts')).inftCommand(args),
  verify: async args => (await import('./verify-command.ts')).verifyCommand(args),
  'verify-attestation': async args => (await import('./verify-attestation-command.ts')).verifyAttestationCommand(args),
}

async function main([name, ...args]: readonly string[]): Promise<void> {
  if (name === undefined || name === '--help' || name === '-h') {
    console.log(HELP)
    return
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined)
    throw new ComputePoolError('input_invalid', `There is no command "${name}".`, {
      remedy: 'computepool --help tells which there are.',
    })
  return command(args)
}

try {
  await main(process.argv.slice(2))
} catch (thrown) {
  tellFailure(thrown, process.argv.includes('--json'))
  process.exitCode = 1
}
