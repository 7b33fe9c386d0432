/** The pool's token as routes and gates see it, and the one of a pool that has none. */
import { ComputePoolError } from '@computepool/shared/errors'
import type { InftView } from '@computepool/shared/inft'
import type { Address } from 'viem'
import type { AccessGate } from './access-gate.ts'
import type { BlobBook } from './blob-book.ts'
import type { SignIn } from './sign-in.ts'
import type { ReadToken } from './token-views.ts'
import type { TransferDesk } from './transfer-desk.ts'

export interface OpenedInft {
  readonly tokenId: bigint
  view(): Promise<InftView>
  readonly readToken: ReadToken
  /** The text that `address` is to sign. Errors: `swarm_busy`. */
  challenge(address: Address): string
  readonly signIn: SignIn
  /** Null without a storage. */
  readonly blobs: BlobBook | null
  readonly transfers: TransferDesk | null
  /** Null where the pool is for everybody. */
  readonly access: AccessGate | null
}

export interface InftDesk {
  /** True: nobody is served whom `access` does not let in, also while it cannot be asked. */
  readonly isPrivate: boolean
  /** Null where there is a token; else why there is none. */
  why(): string | null
  /** Errors: `chain_unavailable` where there is none, `chain_unreachable` while it is being made, or what is in its way. */
  opened(): OpenedInft
}

/** Of a pool that is no token. */
export function noInft(why: string): InftDesk {
  return {
    isPrivate: false,
    why: () => why,
    opened: () => {
      throw new ComputePoolError('chain_unavailable', `This pool is no token. ${why}`, {
        remedy: 'Ask its operator.',
      })
    },
  }
}
