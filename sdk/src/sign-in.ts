/** Signs in to a private pool with a wallet (EIP-4361): its challenge is read before it is signed, so that no other site's can be slipped in. */
import { accessHeader, challengeSchema, signedInSchema } from '@computepool/shared/inft'
import type { Hex, LocalAccount, WalletClient } from 'viem'
import { askJson } from './ask-pool.ts'
import type { CallOptions, PoolDoor } from './pool-door.ts'
import { PoolError } from './pool-error.ts'

/** Who asks: a viem account that has a key, or a wallet client with an account. */
export type Person = Pick<LocalAccount, 'address' | 'signMessage'> | Pick<WalletClient, 'account' | 'signMessage'>

/** The door with this person's access: for some hours, as the pool allows. Errors: `not_allowed`, `refused`. */
export async function signIn(door: PoolDoor, person: Person, options: CallOptions = {}): Promise<PoolDoor> {
  const account = 'address' in person ? null : person.account
  const address = 'address' in person ? person.address : person.account?.address
  if (address === undefined) throw refused('The wallet client has no account.')
  const post = (body: object) =>
    ({
      ...options,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }) as const
  const { message } = await askJson(door, '/api/inft/sign-in/challenge', challengeSchema, post({ address }))
  const { host } = new URL(door.origin)
  const [first = '', second = ''] = message.split('\n')
  const isOurs = first === `${host} wants you to sign in with your Ethereum account:`
  if (!isOurs || second.toLowerCase() !== address.toLowerCase()) {
    throw refused(`The pool at ${host} asked for a signature that is for somebody else: "${first.slice(0, 120)}".`)
  }
  const sign = person.signMessage as (asked: object) => Promise<Hex>
  const signature = await sign.call(person, account === null ? { message } : { message, account })
  const { token } = await askJson(door, '/api/inft/sign-in', signedInSchema, post({ message, signature }))
  return { ...door, headers: { ...door.headers, [accessHeader]: token } }
}

const refused = (message: string): PoolError =>
  new PoolError({
    kind: 'refused',
    code: 'sdk_sign_in_strange',
    message,
    remedy: 'Nothing was signed. Use the address under which the pool names itself.',
  })
