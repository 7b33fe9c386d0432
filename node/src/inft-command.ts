/** Reads `computepool inft`'s arguments, finds the key, and prints what came of it. What is done it leaves to others. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import {
  type InftToken,
  type PoolIntelligence,
  poolIntelligenceSchema,
  type TransferView,
} from '@computepool/shared/inft'
import { type Address, getAddress, type Hex, isAddress } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { z } from 'zod'
import { fromHere } from './from-here.ts'
import { type Actor, openActor } from './inft/owner-acts.ts'
import { openPoolDoor, type TokenView } from './inft/pool-door.ts'
import { parseOrigin } from './parse-origin.ts'
import { readOptions, usageOf } from './read-options.ts'
import { readKeystore } from './wallet/read-keystore.ts'

const HELP = `computepool inft <what> --pool URL [options]

The pool as a token (ERC-7857): who owns it, who may use it, what it holds.

show                 owner, versions, who may use it; with --open, what it holds
mint                 a new token that holds what --file says
update               a new version of it, from --file
authorize ADDRESS    lets somebody use the pool, for good or --until
revoke ADDRESS       no more
transfer ADDRESS     hands the token on: run it once to prepare, and again
                     when the receiver has accepted
clone ADDRESS        the same, for a token of its own that holds the same
accept [ID]          by a receiver: publishes its encryption key, then opens
                     and signs for what waits for it, or for one transfer

--pool URL           the pool's origin
--token ID           which token (default: the pool's own)
--file FILE          what it is to hold (JSON; show --open prints it)
--until TIME         seconds since 1970, or a date like 2027-01-31T12:00Z
--open               show: also what it holds, for who has the key to it
--rpc URL            another endpoint of the chain (default: the pool's)
--keystore FILE      the wallet key: a keystore file (version 3)
--password-file FILE its password (default: COMPUTEPOOL_KEYSTORE_PASSWORD)
--owner-of DIR       the owner's key of the embedded chain in this data folder
--json               one JSON object
--help               this text

Without --keystore and --owner-of the key is COMPUTEPOOL_INFT_KEY. What is sealed to it is sealed to a key that follows from its
signature: the same account in a browser opens it too.`

const whats = ['show', 'mint', 'update', 'authorize', 'revoke', 'transfer', 'clone', 'accept'] as const
type What = (typeof whats)[number]

export async function inftCommand(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args)
  if (values.help) {
    console.log(HELP)
    return
  }
  const [what, target, ...rest] = positionals
  if (!isWhat(what) || rest.length > 0) throw usage(`inft takes one of: ${whats.join(', ')}.`)
  const origin = parseOrigin(values.pool ?? '')
  if (origin === null) throw usage('--pool must be an address like https://pool.example.org.')
  const door = openPoolDoor(origin)
  const view = await door.view()
  if (values.token !== undefined && !/^[1-9]\d{0,77}$/.test(values.token)) throw usage('--token must be a number.')
  const tokenId = BigInt(values.token ?? view.tokenId)
  const tell = (object: object, lines: readonly string[]): void =>
    console.log(values.json ? JSON.stringify({ type: `inft-${what}`, ...object }) : lines.join('\n'))
  if (what === 'show' && !values.open) {
    const token = await door.token(tokenId)
    return tell({ view, token }, describe(view, token))
  }
  const account = privateKeyToAccount(await keyOf(values))
  const actor = await openActor({ door, view, account, rpcUrl: values.rpc })
  const done = await act(what, { actor, tokenId, target, values })
  tell(done.told, done.lines)
}

type Values = ReturnType<typeof readArguments>['values']
interface Told {
  readonly told: object
  readonly lines: readonly string[]
}

async function act(
  what: What,
  order: { actor: Actor; tokenId: bigint; target: string | undefined; values: Values },
): Promise<Told> {
  const { actor, tokenId, target, values } = order
  const id = String(tokenId)
  if (what === 'show') {
    const intelligence = await actor.read(tokenId)
    return { told: { tokenId: id, intelligence }, lines: [JSON.stringify(intelligence, null, 2)] }
  }
  if (what === 'mint') {
    const minted = String(await actor.mint(await readIntelligence(values.file)))
    return { told: { tokenId: minted }, lines: [`Minted token ${minted}.`] }
  }
  if (what === 'update') {
    await actor.update(tokenId, await readIntelligence(values.file))
    return { told: { tokenId: id }, lines: [`Token ${id} has a new version.`] }
  }
  if (what === 'accept') {
    const isPublished = await actor.publishKey()
    const accepted = await actor.accept(target)
    const lines = accepted.map(each => `Accepted ${each.id}: token ${each.tokenId} from ${each.from}.`)
    if (isPublished) lines.unshift('Published the encryption key of this account.')
    if (accepted.length === 0) lines.push('Nothing waits to be accepted.')
    return { told: { isPublished, accepted: accepted.map(({ id, state }) => ({ id, state })) }, lines }
  }
  const user = addressOf(what, target)
  if (what === 'authorize') {
    const expiresAt = untilOf(values.until)
    await actor.authorize(tokenId, user, expiresAt)
    const until = expiresAt === 0n ? 'until it is revoked' : `until ${isoOf(Number(expiresAt))}`
    return {
      told: { tokenId: id, user, expiresAt: Number(expiresAt) },
      lines: [`${user} may use token ${id} ${until}.`],
    }
  }
  if (what === 'revoke') {
    await actor.revoke(tokenId, user)
    return { told: { tokenId: id, user }, lines: [`${user} may not use token ${id} any more.`] }
  }
  const { transfer, sent } = await actor.handOver(tokenId, user, what === 'clone')
  return {
    told: { id: transfer.id, state: sent === null ? transfer.state : 'sent', sent },
    lines: [tellSent(transfer, sent)],
  }
}

const tellSent = ({ id, to, deadline }: TransferView, sent: Hex | null): string =>
  sent === null
    ? `Prepared (${id}). Now ${to} has to run \`computepool inft accept\` until ${isoOf(deadline)}; then run this again.`
    : `Sent: ${sent}.`

function describe(view: TokenView, token: InftToken): string[] {
  const { storage, oracle } = view
  return [
    `Token ${token.tokenId} of ${view.token} on chain ${view.chainId}`,
    `  owner    ${token.owner}`,
    `  pool     ${view.isPrivate ? 'private: the owner and whom it authorised may ask' : 'for everybody'}`,
    `  storage  ${storage.kind === 'stand-in' ? 'a STAND-IN of the pool’s own, not 0G’s network' : '0G Storage'}`,
    `  oracle   ${oracle.address}${oracle.isSimulated ? ' (SIMULATED: no hardware vouches for it)' : ''}`,
    ...token.entries.map(({ root, sizeBytes }) => `  holds    ${root} (${sizeBytes} bytes, encrypted)`),
    ...token.authorised.map(
      ({ user, expiresAt }) => `  may use  ${user}${expiresAt === 0 ? '' : ` until ${isoOf(expiresAt)}`}`,
    ),
    ...token.history.map(
      ({ version, by, atSeconds, oracle: who }) =>
        `  version  ${version} by ${by} at ${isoOf(atSeconds)}${who?.isSimulated ? ', by a simulated oracle' : ''}`,
    ),
  ]
}

const isoOf = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000', '')

async function readIntelligence(file: string | undefined): Promise<PoolIntelligence> {
  if (file === undefined) throw usage('--file is missing: JSON as `inft show --open` prints it.')
  const path = fromHere(file)
  try {
    return poolIntelligenceSchema.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (thrown) {
    // Not the cause's own words: they may quote the prompt.
    const where = thrown instanceof z.ZodError ? ` (${thrown.issues[0]?.path.join('.') || 'its fields'})` : ''
    throw usage(`${path} is no pool’s intelligence${where}.`)
  }
}

async function keyOf(values: Values): Promise<Hex> {
  const { keystore, 'password-file': passwordFile, 'owner-of': dataDir } = values
  if (keystore !== undefined) {
    const password =
      passwordFile === undefined
        ? process.env.COMPUTEPOOL_KEYSTORE_PASSWORD
        : (await fileAt(passwordFile)).replace(/\r?\n$/, '')
    if (password === undefined) throw usage('The keystore needs --password-file or COMPUTEPOOL_KEYSTORE_PASSWORD.')
    return readKeystore(await fileAt(keystore), password)
  }
  const found = dataDir === undefined ? process.env.COMPUTEPOOL_INFT_KEY : await ownerKeyIn(dataDir)
  if (found !== undefined && /^0x[0-9a-f]{64}$/i.test(found)) return found as Hex
  // Never repeated.
  throw usage('No key: name one with --keystore or --owner-of, or set COMPUTEPOOL_INFT_KEY (0x and 64 hex digits).')
}

async function ownerKeyIn(dataDir: string): Promise<string | undefined> {
  const text = await fileAt(join(dataDir, 'keys.json'))
  return z.object({ owner: z.string() }).safeParse(JSON.parse(text)).data?.owner
}

async function fileAt(path: string): Promise<string> {
  const file = fromHere(path)
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new ComputePoolError('input_not_found', `${file} cannot be read.`, { remedy: 'Check its path.', cause })
  })
}

function addressOf(what: What, text: string | undefined): Address {
  if (text !== undefined && isAddress(text, { strict: false })) return getAddress(text)
  throw usage(`inft ${what} takes an address.`)
}

function untilOf(text: string | undefined): bigint {
  if (text === undefined) return 0n
  const seconds = /^\d{1,12}$/.test(text) ? Number(text) : Math.floor(Date.parse(text) / 1000)
  if (Number.isSafeInteger(seconds) && seconds > 0) return BigInt(seconds)
  throw usage(`--until is "${text}"; it must be seconds since 1970, or a date like 2027-01-31T12:00Z.`)
}

const isWhat = (text: string | undefined): text is What => (whats as readonly (string | undefined)[]).includes(text)

const readArguments = (args: readonly string[]) =>
  readOptions(usage, {
    args: [...args],
    allowPositionals: true,
    options: {
      pool: { type: 'string' },
      token: { type: 'string' },
      file: { type: 'string' },
      until: { type: 'string' },
      open: { type: 'boolean', default: false },
      rpc: { type: 'string' },
      keystore: { type: 'string' },
      'password-file': { type: 'string' },
      'owner-of': { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  })

const usage = usageOf('inft')
