/** What the token's page says, apart from how it looks. Pure. */
import type { InftToken, TransferView } from '@computepool/shared/inft'
import type { Act, ActKind } from '../../inft/acts-store.ts'
import type { PoolToken } from '../../inft/inft-store.ts'
import { shortHex } from '../format/format-money.ts'

export const isSameAddress = (one: string | null | undefined, other: string | null | undefined): boolean =>
  one != null && other != null && one.toLowerCase() === other.toLowerCase()

export type Role = 'nobody' | 'owner' | 'authorised' | 'stranger'

/** What an address is to the pool. `nowSeconds`: an authorisation that ended counts no more. */
export function roleOf(token: InftToken, address: string | null, nowSeconds: number): Role {
  if (address === null) return 'nobody'
  if (isSameAddress(token.owner, address)) return 'owner'
  const grant = token.authorised.find(({ user }) => isSameAddress(user, address))
  return grant !== undefined && (grant.expiresAt === 0 || grant.expiresAt > nowSeconds) ? 'authorised' : 'stranger'
}

export const roleWords: Readonly<Record<Role, string>> = {
  nobody: 'Connect a wallet to see what it is to this pool.',
  owner: 'This wallet owns the pool’s token.',
  authorised: 'This wallet is authorised to use the pool.',
  stranger: 'This wallet neither owns the token nor is authorised.',
}

export const storageWords = ({ storage }: PoolToken): string =>
  storage.kind === 'stand-in'
    ? 'A stand-in for 0G Storage in this orchestrator’s data folder: same interface and roots, but not 0G’s network. Only this server keeps the bytes.'
    : '0G Storage.'

export const oracleWords = ({ oracle }: PoolToken): string =>
  oracle.isSimulated
    ? 'Simulated: it runs in the orchestrator, and no hardware vouches for it. Whoever runs this server can read what it re-encrypts.'
    : 'Registered with an attested measurement. The chain checks no quote: the verifier’s owner vouches for it.'

export const writtenBy: Readonly<Record<InftToken['history'][number]['by'], string>> = {
  mint: 'minted',
  update: 'written by its owner',
  transfer: 'encrypted anew for a new owner',
}

export const endWords = (expiresAt: number, when: (seconds: number) => string): string =>
  expiresAt === 0 ? 'until it is revoked' : `until ${when(expiresAt)}`

export function transferWords(
  { from, to, state, deadline, isClone }: TransferView,
  account: string,
  when: (s: number) => string,
) {
  const isOurs = isSameAddress(from, account)
  const whose = isOurs ? `to ${shortHex(to)}` : `from ${shortHex(from)}`
  const whom = `${isClone ? 'A clone' : 'The token'} ${whose}`
  const [send, sends] = isClone
    ? ['Send the clone', 'sends the clone']
    : ['Hand the token over', 'hands the token over']
  switch (state) {
    case 'prepared':
      return isOurs
        ? `${whom}: the oracle has encrypted it anew. Now the receiver has to open and sign it, by ${when(deadline)}.`
        : `${whom}: open it, and sign that you have it, by ${when(deadline)}. The owner then ${sends}.`
    case 'accepted':
      return isOurs
        ? `${whom}: the receiver opened it and signed. ${send} by ${when(deadline)}.`
        : `${whom}: you have signed. The owner ${sends} by ${when(deadline)}, or not.`
    case 'sent':
      return `${whom}: done, the chain has it.`
    case 'over':
      return `${whom}: over. Its time ended, or the token changed since.`
  }
}

const actNames: Readonly<Record<ActKind, string>> = {
  grant: 'Authorise',
  revoke: 'Revoke',
  publish: 'Publish the key',
  open: 'Open the newest version',
  write: 'Write a new version',
  offer: 'Prepare the transfer',
  'offer-clone': 'Prepare the clone',
  accept: 'Open and sign',
  'hand-over': 'Hand the token over',
  clone: 'Send the clone',
}

const stepWords: Readonly<Record<Exclude<Act['step'], 'failed' | 'done'>, string>> = {
  key: 'Sign the text in your wallet: your key is derived from it. It moves no money.',
  'key-again': 'Sign the same text once more: two equal signatures show that the key can be made again.',
  'signing-in': 'Sign in with your wallet, unless you have: this server then knows who asks.',
  opening: 'Fetching the container, comparing it with its root, opening it here.',
  storing: 'Handing it to the server.',
  preparing: 'The oracle opens it and encrypts it anew for the receiver.',
  signing: 'It opened. Sign in your wallet that you have it.',
  checking: 'Asking the chain whether it would take this.',
  asked: 'Asked: confirm the transaction in your wallet.',
  sent: 'Sent: waiting for a block.',
  confirmed: 'Confirmed: a block has it.',
}

const doneWords: Readonly<Partial<Record<ActKind, string>>> = {
  open: 'Opened, in this page only.',
  offer: 'Prepared. The receiver opens and signs it on this page, with its wallet.',
  'offer-clone': 'Prepared. The receiver opens and signs it on this page, with its wallet.',
  accept: 'Signed. Now the owner can send it.',
}

export function actWords({ kind, step }: Act): string {
  if (step === 'failed') return `${actNames[kind]}: it did not work.`
  if (step === 'done') return doneWords[kind] ?? 'Done.'
  return `${actNames[kind]}. ${stepWords[step]}`
}
