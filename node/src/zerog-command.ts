/** Reads `computepool zerog`'s arguments and prints what came of them. What a registration says it leaves to others. */
import { randomBytes } from 'node:crypto'
import { ComputePoolError } from '@computepool/shared/errors'
import type { ZerogEarnings } from '@computepool/shared/zerog-compute'
import { formatEther, formatUnits } from 'viem'
import { askAttestation } from './attestation/ask-attestation.ts'
import { readEvidenceFile } from './attestation/read-evidence-file.ts'
import { collateralSchema, verifyQuote } from './attestation/verify-quote.ts'
import { parseOrigin } from './parse-origin.ts'
import { readOptions, usageOf } from './read-options.ts'
import { askToResolve, askToSettle, askZerogDoubts, askZerogEarnings, askZerogStatus } from './zerog/ask-pool.ts'
import { doubtLine, doubtLines, readClaim } from './zerog/doubts.ts'
import { neuronPerToken, registerPool } from './zerog/register-pool.ts'
import { openZerogPlace, providerAccount } from './zerog/zerog-place.ts'

const HELP = `computepool zerog register|status|settle|doubts|resolve|remove [pool] [options]

A pool as one provider of 0G Compute. Its key is in COMPUTEPOOL_ZEROG_KEY; the
pool itself is started with --zerog-provider and the same key.

register <pool>   says the pool's signer, model and prices to 0G's contract; the
                  first time the contract keeps 100 0G. Again: only what changed.
                  The pool is asked by https, or on this machine; a quote that
                  does not bind the signer is refused
status [pool]     what the chain says of the provider, and the pool of its fees,
                  and of what each operator is owed and was paid out of them
settle <pool>     has the pool settle what its users owe, now
doubts <pool>     payouts to operators of which the pool could not see whether
                  they arrived, by ID, and how those before were resolved
resolve <pool> ID with --sent HASH or --not-sent: what became of that one. The
                  pool asks the chain: HASH must be that sum to that wallet,
                  and nothing is owed again that a node shows on the chain
remove <pool>     takes the provider out of the contract; the 100 0G come back

--chain NAME      0g-galileo (default), 0g-mainnet, or an RPC's URL
--rpc URL         another endpoint for a chain that has a name
--contract ADDR   the serving contract (default: 0G's own of that chain)
--provider ADDR   of status: whom to look at, without a key
--input-price P   0G for a million tokens of prompts
--output-price P  0G for a million tokens of answers
--url URL         under which 0G's clients reach the pool (default: <pool>)
--collateral FILE of register: Intel's, to check the quote's signature by, as
                  verify-attestation takes it; without it that is not checked
--sent HASH       of resolve: the transfer by which it arrived, or was made up for
--not-sent        of resolve: it never arrived; it is owed again, and paid
--simulated       of register: although nothing real attests the pool
--again           of register: although 0G's team has to acknowledge it again
--force           of remove: although fees are unsettled, which are lost then
--dry-run         of register: says what would be sent
--json            one JSON object
--help            this text

Nobody but 0G's team can acknowledge a provider's signer, and they do it by
hand. Before that the pool serves none of 0G's users: it could not be paid.`

const notAcknowledged =
  'NOT acknowledged. Only 0G’s team can do that, by hand: ask them, with the provider’s address and the pool’s.'
const acknowledged = 'acknowledged by 0G’s team.'

const quoteWords = {
  verified:
    'signed by Intel, over this signer. Whether the right program runs there, verify-attestation --measurements says.',
  'not checked': 'binds this signer; NOT checked whether Intel signed it (--collateral).',
  none: 'none: SIMULATED, no hardware vouches for this signer.',
} as const

type Values = ReturnType<typeof readArguments>['values']

export async function zerogCommand(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args)
  const [what, pool, ...more] = positionals
  if (values.help || what === undefined) {
    console.log(HELP)
    return
  }
  const run = Object.hasOwn(commands, what) ? commands[what] : undefined
  const [id, ...rest] = what === 'resolve' ? more : [undefined, ...more]
  if (run === undefined || rest.length > 0) throw usage(`There is no "zerog ${[what, ...rest].join(' ')}".`)
  const origin = pool === undefined ? null : parseOrigin(pool)
  if (pool !== undefined && origin === null) throw usage(`"${pool}" is no address like https://pool.example.org.`)
  const { lines, json } = await run(values, origin, id)
  console.log(values.json ? JSON.stringify({ type: `zerog-${what}`, ...json }, bigintAsText) : lines.join('\n'))
}

interface Told {
  readonly lines: readonly string[]
  readonly json: object
}

type Command = (values: Values, pool: string | null, id: string | undefined) => Promise<Told>

const commands: Readonly<Record<string, Command>> = {
  register: async (values, pool) => {
    const origin = required(pool, 'register takes the pool’s address.')
    requirePrivateWay(origin)
    const collateral = await readEvidenceFile(collateralSchema, values.collateral)
    const place = await placeOf(values)
    const earnings = await askZerogEarnings(origin)
    const nonce = randomBytes(32).toString('hex')
    const attestation = await askAttestation(origin, nonce)
    const quote = attestation.quote === null ? null : Buffer.from(attestation.quote, 'hex')
    const registered = await registerPool({
      ...{ place, attestation, nonce },
      verdict: collateral === null || quote === null ? null : verifyQuote(quote, collateral, Date.now()),
      url: values.url === undefined ? origin : required(parseOrigin(values.url), `--url is "${values.url}".`),
      inputPriceNeuron: neuronPerToken(
        required(values['input-price'] ?? null, '--input-price is missing.'),
        '--input-price',
      ),
      outputPriceNeuron: neuronPerToken(
        required(values['output-price'] ?? null, '--output-price is missing.'),
        '--output-price',
      ),
      isSimulationMeant: values.simulated,
      isLossMeant: values.again,
      isDryRun: values['dry-run'],
    })
    const { did, terms, stakeNeuron, transaction, quoteSignature, isAcknowledged } = registered
    const { serving, provider } = place.serving
    return {
      json: {
        chainId: place.chainId,
        serving,
        provider,
        ...registered,
        cutBasisPoints: earnings?.cutBasisPoints ?? null,
      },
      lines: [
        `${place.chainName}: ${did === 'nothing' ? 'all was so already' : did}${transaction ? ` (${transaction})` : ''}.`,
        `  provider       ${provider}`,
        ...termsLines(terms),
        `  operators      ${earnings === null ? 'NOT PAID: the pool was not started with --zerog-provider.' : termsOf(earnings)}`,
        `  quote          ${quoteWords[quoteSignature]}`,
        ...(stakeNeuron > 0n ? [`  stake          ${formatEther(stakeNeuron)} 0G`] : []),
        `  signer is      ${isAcknowledged ? acknowledged : notAcknowledged}`,
      ],
    }
  },

  status: async (values, pool) => {
    const place = await placeOf(values)
    const { serving, provider } = place.serving
    const service = await place.serving.service()
    const fees = pool === null ? null : await askZerogStatus(pool)
    const earnings = pool === null ? null : await askZerogEarnings(pool)
    const chain = { chainId: place.chainId, serving, provider, service }
    return {
      json: { ...chain, pool: fees, earnings },
      lines: [
        `${place.chainName}, contract ${serving}: provider ${provider}`,
        ...(service === null ? ['  not registered'] : termsLines(service)),
        ...(service === null ? [] : [`  signer is      ${service.isAcknowledged ? acknowledged : notAcknowledged}`]),
        ...(fees === null
          ? []
          : [
              `  unsettled      ${formatEther(BigInt(fees.unsettledNeuron))} 0G of ${fees.unsettledUsers} users, by the pool’s word`,
              `  pool           ${fees.problem ?? 'serves 0G’s users.'}`,
            ]),
        ...(earnings === null ? [] : earningsLines(earnings)),
      ],
    }
  },

  settle: async (_values, pool) => {
    const origin = required(pool, 'settle takes the pool’s address.')
    const told = await askToSettle(origin, providerAccount(process.env), Date.now())
    const lines = told.items.map(
      ({ user, feeNeuron, unsettledNeuron, outcome, transaction }) =>
        `  ${user}  ${formatEther(BigInt(feeNeuron) - BigInt(unsettledNeuron))} of ${formatEther(BigInt(feeNeuron))} 0G  ${outcome}${transaction ? ` (${transaction})` : ''}`,
    )
    const rest = `${formatEther(BigInt(told.unsettledNeuron))} 0G are still unsettled.`
    if (told.problem !== null) process.exitCode = 3
    return { json: told, lines: [told.problem ?? `${told.items.length} users’ fees:`, ...lines, rest] }
  },

  doubts: async (_values, pool) => {
    const told = await askZerogDoubts(required(pool, 'doubts takes the pool’s address.'))
    return { json: told, lines: doubtLines(told) }
  },

  resolve: async (values, pool, id) => {
    const origin = required(pool, 'resolve takes the pool’s address and a doubt’s ID.')
    const word = { ...readClaim(id, values), nowMs: Date.now() }
    const told = await askToResolve(origin, providerAccount(process.env), word)
    return { json: told, lines: [...(told.isNew ? [] : ['It was resolved so already.']), ...doubtLine(told.doubt)] }
  },

  remove: async (values, pool) => {
    if (!values.force) {
      const { unsettledNeuron } = await askZerogStatus(required(pool, 'remove takes the pool’s address, or --force.'))
      if (unsettledNeuron !== '0') {
        const message = `${formatEther(BigInt(unsettledNeuron))} 0G of fees are unsettled; without a service they are lost.`
        throw new ComputePoolError('input_invalid', message, { remedy: 'Settle first, or say --force.' })
      }
    }
    const place = await placeOf(values)
    const { did, transaction } = await place.serving.remove()
    const what = did === 'removed' ? `removed, the stake is back (${transaction})` : 'there was nothing to remove'
    return { json: { did, transaction }, lines: [`${place.chainName}: ${what}.`] }
  },
}

/** Whoever sits on the way could otherwise put their own pool's answer in place of this one's. */
function requirePrivateWay(origin: string): void {
  const { protocol, hostname } = new URL(origin)
  if (protocol === 'https:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)) return
  throw usage(`register asks a pool by https, or on this machine; this is ${origin}.`)
}

const placeOf = (values: Values) =>
  openZerogPlace({
    ...{ chain: values.chain, rpcUrl: values.rpc, contract: values.contract, provider: values.provider },
    environment: process.env,
  })

function termsLines(terms: Awaited<ReturnType<typeof registerPool>>['terms']): string[] {
  return [
    `  url            ${terms.url}`,
    `  model          ${terms.model}`,
    `  verifiability  ${terms.verifiability} (never TeeML: the tabs that compute are attested by nothing)`,
    `  prices         ${formatUnits(terms.inputPriceNeuron, 12)} and ${formatUnits(terms.outputPriceNeuron, 12)} 0G for a million tokens in and out`,
    `  signer         ${terms.signer}`,
  ]
}

const coins = (neuron: string): string => formatEther(BigInt(neuron))

const termsOf = ({ cutBasisPoints, payoutAtNeuron }: ZerogEarnings): string =>
  `who serves is paid what is received, less gas and ${cutBasisPoints / 100} % for the provider; from ${coins(payoutAtNeuron)} 0G on.`

function earningsLines(earnings: ZerogEarnings): string[] {
  const { receivedNeuron, gasNeuron, cutNeuron, carriedNeuron, operators } = earnings
  return [
    `  operators      ${termsOf(earnings)}`,
    `  received       ${coins(receivedNeuron)} 0G: gas ${coins(gasNeuron)}, the provider’s ${coins(cutNeuron)}, carried on ${coins(carriedNeuron)}`,
    ...operators.map(
      ({ wallet, owedNeuron, sendingNeuron, paidNeuron, doubtedNeuron }) =>
        `  ${wallet}  owed ${coins(owedNeuron)}  being sent ${coins(sendingNeuron)}  paid ${coins(paidNeuron)} 0G${doubtedNeuron === '0' ? '' : `  in doubt ${coins(doubtedNeuron)}`}`,
    ),
  ]
}

function readArguments(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  return readOptions(usage, {
    args: [...args],
    allowPositionals: true,
    options: {
      ...{ chain: { ...text, default: '0g-galileo' }, rpc: text, contract: text, provider: text, url: text },
      ...{ 'input-price': text, 'output-price': text, 'dry-run': flag },
      ...{
        sent: text,
        'not-sent': flag,
        collateral: text,
        simulated: flag,
        again: flag,
        force: flag,
        json: flag,
        help: { ...flag, short: 'h' },
      },
    },
  })
}

function required(value: string | null, what: string): string {
  if (value !== null) return value
  throw usage(what)
}

const bigintAsText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)

const usage = usageOf('zerog')
