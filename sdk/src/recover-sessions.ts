/** Gives a payer back the tokens of its open sessions: its account proves itself by one signature, which moves no money. */
import { recoveredSchema, recoveryTypedData } from '@computepool/shared/money'
import type { Hex } from 'viem'
import { askJson } from './ask-pool.ts'
import { type Payer, signerOf, type TypedData } from './payer.ts'
import type { CallOptions, PoolDoor } from './pool-door.ts'
import type { PaidPoolTerms } from './pool-terms.ts'
import { holdSession, type Session } from './session.ts'

export interface RecoveryOrder {
  readonly door: PoolDoor
  readonly model: string
  readonly terms: PaidPoolTerms
  readonly account: Payer
  readonly asked: CallOptions | undefined
}

export async function recoverSessions({ door, model, terms, account, asked }: RecoveryOrder): Promise<Session[]> {
  const signer = signerOf(account)
  const payer = signer.address
  const issuedAt = Math.floor(Date.now() / 1000)
  const { origin } = door
  const data = recoveryTypedData({ chainId: terms.chain.id, vault: terms.vault, payer, origin, issuedAt })
  const signature: Hex = await signer.signTypedData(data as unknown as TypedData)
  const { sessions } = await askJson(door, '/v1/sessions/recover', recoveredSchema, {
    ...asked,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ payer, origin, issuedAt, signature }),
  })
  return sessions.map(({ session, token }) =>
    holdSession({ door, model, id: session.id as Hex, capAtomic: session.capAtomic, token }),
  )
}
