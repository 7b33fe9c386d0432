/** Reads `computepool verify-attestation`'s arguments, draws the nonce, and prints each check. What proves something it leaves to others. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import {
  type AnswerEvidence,
  type AnswerJudgement,
  type AttestationBody,
  type AttestationJudgement,
  answerSignatureSchema,
  expectedMeasurementsSchema,
  judgeAttestation,
  verifyAnswer,
} from '@computepool/shared/attestation'
import { ComputePoolError } from '@computepool/shared/errors'
import { askAttestation, askSignature } from './attestation/ask-attestation.ts'
import { readEvidenceFile } from './attestation/read-evidence-file.ts'
import { collateralSchema, verifyQuote } from './attestation/verify-quote.ts'
import { fromHere } from './from-here.ts'
import { parseOrigin } from './parse-origin.ts'
import { readOptions, usageOf } from './read-options.ts'

const HELP = `computepool verify-attestation <url> [options]

Asks a pool what vouches for its orchestrator, over a nonce drawn here, and
verifies the answer against Intel's root. The tabs that compute are covered by
no attestation. Nothing but the pool is asked over the network.

<url>                the pool's origin
--collateral FILE    Intel's collateral for the quote's platform (JSON, as
                     dcap-qvl writes it), from Intel or a PCCS, never the pool
--measurements FILE  what has to run there (JSON): mrtd, rtmr0, rtmr1, rtmr2 and
                     composeHash or rtmr3; of an enclave mrenclave
--status LIST        platform statuses to accept (default: UpToDate)
--answer KEY         also check an answer of this pool by its ZG-Res-Key, within
                     20 minutes of it, or a FILE with what /v1/signature/KEY said
--request FILE       with --answer: the request's body, byte by byte
--response FILE      with --answer: the answer's body, byte by byte
--json               one JSON object
--help               this text

An answer's bodies as curl keeps them: curl -D HEAD -o RESPONSE --data-binary
@REQUEST ...; the key is in HEAD.

Exit code 0: hardware vouches for it, and every check passed. 3: it is not
verified; simulated evidence never is. 1: it could not be asked or judged.`

export async function verifyAttestationCommand(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args)
  if (values.help) {
    console.log(HELP)
    return
  }
  const [url, ...rest] = positionals
  if (url === undefined || rest.length > 0) throw usage('verify-attestation takes one URL.')
  const origin = parseOrigin(url)
  if (origin === null) throw usage(`"${url}" is no address like https://pool.example.org.`)
  const collateral = await readEvidenceFile(collateralSchema, values.collateral)
  const measurements = await readEvidenceFile(expectedMeasurementsSchema, values.measurements)
  const answer = await readAnswer(values, origin)
  const nonce = randomBytes(32).toString('hex')
  const body = await askAttestation(origin, nonce)
  const verdict = body.quote === null ? null : verifyQuote(Buffer.from(body.quote, 'hex'), collateral, Date.now())
  const judged = judgeAttestation(body, verdict, { nonce, measurements, statuses: values.status.split(',') })
  const { kind, signer, claims } = body
  const checked = answer === null ? null : verifyAnswer({ ...answer, attestation: body, judged })
  const ofAnswer = checked === null ? {} : { answer: checked }
  console.log(
    values.json
      ? JSON.stringify({ type: 'attestation', kind, signer, claims, ...judged, ...ofAnswer })
      : [...tellJudgement(body, judged), ...(checked === null ? [] : tellAnswer(checked))].join('\n'),
  )
  process.exitCode = judged.verified && checked?.verified !== false ? 0 : 3
}

/** Read before anything is asked that takes long: a signature is not kept for ever. Null where no answer was named. */
async function readAnswer(
  { answer, request, response }: ReturnType<typeof readArguments>['values'],
  origin: string,
): Promise<Pick<AnswerEvidence, 'request' | 'response' | 'signed'> | null> {
  const given = [answer, request, response].filter(value => value !== undefined)
  if (given.length === 0) return null
  if (answer === undefined || request === undefined || response === undefined) {
    throw usage('--answer, --request and --response go together.')
  }
  const isKey = /^[0-9a-f]{32}$/.test(answer)
  const signed = isKey ? await askSignature(origin, answer) : await readEvidenceFile(answerSignatureSchema, answer)
  const [sent, received] = await Promise.all([request, response].map(file => readFile(fromHere(file)).catch(unread)))
  return { request: sent!, response: received!, signed: signed! }
}

const unread = (cause: unknown): never => {
  throw new ComputePoolError('input_invalid', `A body cannot be read: ${String(cause).slice(0, 300)}`, {
    remedy: 'Name the files that hold the request’s and the answer’s bodies.',
    cause,
  })
}

function tellAnswer({ checks, matches, verified }: AnswerJudgement): string[] {
  return [
    'Answer',
    ...checks.map(({ name, ok, detail }) => `  ${ok ? 'passed' : 'FAILED'}  ${name}: ${detail}`),
    verified
      ? 'Verified: these are the bytes that this orchestrator signed.'
      : matches
        ? 'Signed by this orchestrator’s key, which is NOT verified: nothing more than its own word.'
        : 'NOT verified: this is not what this orchestrator signed.',
  ]
}

function tellJudgement({ kind, signer, claims }: AttestationBody, judged: AttestationJudgement): string[] {
  return [
    `Attestation ${kind} of signer ${signer}`,
    ...Object.entries(claims).map(([name, value]) => `  claims  ${JSON.stringify(name)}: ${JSON.stringify(value)}`),
    ...judged.checks.map(({ name, ok, detail }) => `  ${ok ? 'passed' : 'FAILED'}  ${name}: ${detail}`),
    judged.verified
      ? 'Verified: hardware vouches for this orchestrator, and for no tab behind it.'
      : judged.level === 'simulated'
        ? 'NOT verified: SIMULATED. No hardware vouches for this; anybody can make such evidence.'
        : 'NOT verified.',
  ]
}

const readArguments = (args: readonly string[]) =>
  readOptions(usage, {
    args: [...args],
    allowPositionals: true,
    options: {
      collateral: { type: 'string' },
      measurements: { type: 'string' },
      status: { type: 'string', default: 'UpToDate' },
      answer: { type: 'string' },
      request: { type: 'string' },
      response: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  })

const usage = usageOf('verify-attestation')
