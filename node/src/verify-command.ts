/** Reads `computepool verify`'s arguments, and prints what came of it. What proves something it leaves to others. */
import { createHash } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  decodeEvidence,
  type EvidenceBundle,
  maxEvidenceHeaderBytes,
  maxEvidenceSectionBytes,
  measuredTolerances,
  parseToleranceTable,
  type ToleranceTable,
} from '@computepool/shared/audit'
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import { parseManifest } from '@computepool/shared/model'
import { type EvidenceVerdict, verifyEvidence } from './audit/verify-evidence.ts'
import { fromHere } from './from-here.ts'
import { readOptions, usageOf } from './read-options.ts'

const HELP = `computepool verify <bundle> --pack DIR

Judges a bundle of evidence that accuses a seat: whether the accused's wallet
vouched for the key that signed what it holds, whether the check was drawn by
the secret and the terms (model, rates, sampling) that the pool had committed to
beforehand, and what the layers give when they are computed again here.

<bundle>          the file that the accusation's address leads to. Its SHA-256,
                  which is printed, is the evidence hash on the chain
--pack DIR        the model's pack, as the coalition's terms name it
--tolerance FILE  how far honest engines lie apart. Default: what was measured
                  for this version
--threads N       threads to compute with. Default: the runtime's choice
--json            one JSON object
--help            this text

Exit code 0: the accused cheated. 3: it did not, or the bundle proves nothing,
or nobody measured how far two such engines lie apart.
4: the bundle is of a version that this release does not replay; which one does
is printed, and nothing is said of either side. 2: the arguments. 1: anything
else.`

/** The two sections, the header and the magic before it. */
const maxBundleBytes = 2 * maxEvidenceSectionBytes + maxEvidenceHeaderBytes + 64

export async function verifyCommand(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args)
  if (values.help) {
    console.log(HELP)
    return
  }
  const [file, ...rest] = positionals
  if (file === undefined || rest.length > 0) throw usage('verify takes one bundle.')
  if (values.pack === undefined) throw usage('--pack is missing.')
  const threads = Number(values.threads)
  if (!Number.isInteger(threads) || threads < 0 || threads > 1024) throw usage(`--threads is "${values.threads}".`)

  const bytes = await readCapped(fromHere(file))
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const bundle = readBundle(bytes)
  if ('code' in bundle) {
    const { message, remedy } = bundle
    console.log(
      values.json
        ? JSON.stringify({ type: 'verified', sha256, verdict: 'other-version', ...bundle.toJSON() })
        : `Evidence ${sha256}\nIt is not judged here: ${message}\n${remedy}`,
    )
    process.exitCode = 4
    return
  }
  const folder = fromHere(values.pack)
  const manifestBytes = await readFile(join(folder, 'manifest.json')).catch(unreadable(join(folder, 'manifest.json')))
  const table = values.tolerance === undefined ? measuredTolerances() : await readTable(fromHere(values.tolerance))
  const { openNativeEngine } = await import('./engine/open-native-engine.ts')
  const { packFolderParts } = await import('./engine/pack-folder-parts.ts')
  const manifest = parseManifest(JSON.parse(manifestBytes.toString('utf8')))
  const found = await verifyEvidence({
    bundle,
    manifest,
    manifestSha256: createHash('sha256').update(manifestBytes).digest('hex'),
    table,
    open: layers =>
      openNativeEngine(
        {
          manifest,
          layers,
          parts: packFolderParts(folder),
          kvBudgetBytes: 2 ** 32,
          maxContext: Math.min(manifest.dimensions.context, bundle.header.check.endPosition),
        },
        { threads },
      ),
  })
  const accused = bundle.header.accused.peer
  console.log(
    values.json ? JSON.stringify({ type: 'verified', sha256, accused, ...found }) : sentence(found, sha256, accused),
  )
  process.exitCode = found.verdict === 'cheated' || found.verdict === 'unpaired' ? 0 : 3
}

/** The error where another release replays it: neither the accuser nor the accused has lied by that. */
function readBundle(bytes: Uint8Array): EvidenceBundle | ComputePoolError {
  try {
    return decodeEvidence(bytes)
  } catch (thrown) {
    const error = asComputePoolError(thrown)
    if (error.code === 'input_version_unsupported') return error
    throw thrown
  }
}

function sentence(found: EvidenceVerdict, sha256: string, accused: string): string {
  const lines = [`Evidence ${sha256} about ${accused}`]
  if ('faults' in found) {
    if (found.verdict === 'unpaired') return [...lines, `The accused cheated: ${found.faults.join(' ')}`].join('\n')
    if (found.verdict === 'unjudged') return [...lines, `It is not judged: ${found.faults.join(' ')}`].join('\n')
    return [...lines, 'It proves nothing:', ...found.faults.map(each => `- ${each}`)].join('\n')
  }
  const { report, tolerance } = found
  const { relative } = tolerance
  const { draws } = report
  const over =
    draws === null
      ? `${report.over} of ${report.positions} rows are off by more than ${relative}; the worst, at position ${report.worstPosition}, by ${report.worst.toPrecision(3)}`
      : `of ${draws.verdicts.length} draws ${draws.same} came out again, ${draws.nearTies} are near ties and ${draws.different} differ`
  return [
    ...lines,
    found.verdict === 'cheated' ? `The accused cheated: ${over}.` : `The accused is honest: ${over}.`,
  ].join('\n')
}

async function readTable(path: string): Promise<ToleranceTable> {
  return parseToleranceTable(JSON.parse(await readFile(path, 'utf8').catch(unreadable(path))))
}

/** A bundle comes from strangers: no more of it is read than a bundle may have. */
async function readCapped(path: string): Promise<Uint8Array> {
  const file = await open(path).catch(unreadable(path))
  try {
    const { size } = await file.stat()
    if (size > maxBundleBytes)
      throw new ComputePoolError(
        'input_too_large',
        `${path} has ${size} bytes; a bundle has at most ${maxBundleBytes}.`,
        {
          remedy: 'Fetch it again from the address in the accusation.',
        },
      )
    return await file.readFile()
  } finally {
    await file.close()
  }
}

const unreadable =
  (path: string) =>
  (cause: unknown): never => {
    throw new ComputePoolError('input_not_found', `${path} cannot be read: ${String(cause)}`, {
      remedy: 'computepool verify --help tells what it reads.',
      cause,
    })
  }

const readArguments = (args: readonly string[]) =>
  readOptions(usage, {
    args: [...args],
    allowPositionals: true,
    options: {
      pack: { type: 'string' },
      tolerance: { type: 'string' },
      threads: { type: 'string', default: '0' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  })

const usage = usageOf('verify')
