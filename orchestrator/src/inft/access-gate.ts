/**
 * The door of a private pool: only the token's owner and whom it authorised come in, before anything is paid or queued. Who somebody is
 * says its sign-in; an address in a header says nothing. Where the chain cannot be asked, nobody comes in.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { accessHeader } from '@computepool/shared/inft'
import type { Address } from 'viem'
import type { InftPlace } from './inft-reader.ts'
import type { SignIn } from './sign-in.ts'
import type { UsageGate } from './usage-gate.ts'

export interface AccessGateOptions {
  readonly signIn: Pick<SignIn, 'addressOf'>
  readonly gate: Pick<UsageGate, 'allows'>
  readonly place: InftPlace
  readonly tokenId: bigint
  /** Told to whom is refused; asked each time, so it keeps its answer for a while. */
  readonly ownerOf: () => Promise<Address>
}

export interface AccessGate {
  /** Who asks. Errors: `peer_unauthenticated`, `peer_not_authorised`, `chain_unreachable`. */
  require(request: Request): Promise<Address>
}

export function createAccessGate({ signIn, gate, place, tokenId, ownerOf }: AccessGateOptions): AccessGate {
  const which = `token ${tokenId} of ${place.token} on chain ${place.chainId}`
  return {
    async require(request) {
      const token = request.headers.get(accessHeader)
      const user = token === null ? null : signIn.addressOf(token)
      if (user === null) {
        throw new ComputePoolError(
          'peer_unauthenticated',
          token === null
            ? `This pool is private: it is for the owner of ${which}, and for whom it authorised.`
            : 'This sign-in is not known here, or is over.',
          { remedy: `Sign in with your wallet (POST /api/inft/sign-in), and send the token as "${accessHeader}".` },
        )
      }
      if (await gate.allows(tokenId, user)) return user
      const owner = await ownerOf().catch(() => null)
      throw new ComputePoolError('peer_not_authorised', `${user} may not use this private pool (${which}).`, {
        remedy: `Ask ${owner === null ? 'the token’s owner' : `its owner ${owner}`} to authorise your address (authorizeUsage).`,
        context: { owner, token: place.token, tokenId: String(tokenId), chainId: place.chainId },
      })
    },
  }
}
