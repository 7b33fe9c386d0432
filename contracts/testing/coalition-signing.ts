/**
 * What people sign about a coalition, made by viem from the types as the contract's interface names them: terms and stakes, leaving,
 * bonds, answers and votes. It knows no rule of the contract, so wrong words are made as easily as good ones.
 */
import { type Address, encodeAbiParameters, type Hex, hashTypedData, keccak256, type PrivateKeyAccount } from 'viem'

export interface SignedParty {
  readonly operator: Address
  readonly firstLayer: number
  readonly endLayer: number
  readonly units: number
}

/** `ICoalition.Terms`. */
export interface SignedTerms {
  readonly modelDigest: Hex
  readonly layers: number
  readonly pool: Address
  readonly vault: Address
  readonly pricePerSecondAtomic: bigint
  readonly stakeAtomic: bigint
  readonly proposalEndsAt: bigint
  readonly endsAt: bigint
  readonly version: number
  readonly id: bigint
  readonly salt: Hex
  readonly parties: readonly SignedParty[]
}

/** `ICoalition.Consent`, of a party or of an accuser. */
export interface SignedConsent {
  readonly operator: Address
  readonly termsSignature: Hex
  readonly validAfter: bigint
  readonly validBefore: bigint
  readonly stakeSignature: Hex
}

export interface SignedAccusation {
  readonly id: bigint
  readonly accused: Address
  /** The contract's number of the reason. */
  readonly reason: number
  readonly session: Hex
  readonly evidenceHash: Hex
}

export interface SigningPlace {
  readonly chainId: number
  readonly coalition: Address
  /** The token of stakes and bonds, with its EIP-712 name and version. */
  readonly usdc: { readonly address: Address; readonly name: string; readonly version: string }
}

const fields = (list: string) =>
  list.split(', ').map(field => {
    const [type, name] = field.split(' ') as [string, string]
    return { name, type }
  })
const types = {
  Terms: fields(
    'bytes32 modelDigest, uint16 layers, address pool, address vault, uint96 pricePerSecondAtomic, uint96 stakeAtomic, uint64 proposalEndsAt, uint64 endsAt, uint32 version, uint256 id, bytes32 salt, Party[] parties',
  ),
  Party: fields('address operator, uint16 firstLayer, uint16 endLayer, uint32 units'),
}
const receiveTypes = {
  ReceiveWithAuthorization: fields(
    'address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce',
  ),
}
const stakeNonceTypes = [{ type: 'string' }, { type: 'bytes32' }, { type: 'address' }]
const bondNonceTypes = ['string', 'uint256', 'address', 'uint8', 'bytes32', 'bytes32'].map(type => ({ type }))

export type CoalitionSigner = ReturnType<typeof coalitionSigner>

/** Signs for one contract on one chain; make another for another place to get signatures that are worth nothing here. */
export function coalitionSigner({ chainId, coalition, usdc }: SigningPlace) {
  const domain = { name: 'ComputePool Coalition', version: '1', chainId, verifyingContract: coalition }

  const termsHash = (terms: SignedTerms): Hex =>
    hashTypedData({ domain, types, primaryType: 'Terms', message: { ...terms } } as never)
  const stakeNonce = (terms: SignedTerms, operator: Address): Hex =>
    keccak256(encodeAbiParameters(stakeNonceTypes, ['stake', termsHash(terms), operator]))
  const bondNonce = ({ id, accused, reason, session, evidenceHash }: SignedAccusation): Hex =>
    keccak256(encodeAbiParameters(bondNonceTypes, ['bond', id, accused, reason, session, evidenceHash]))

  const word = (account: PrivateKeyAccount, primaryType: string, list: string, message: Record<string, unknown>) =>
    account.signTypedData({ domain, types: { [primaryType]: fields(list) }, primaryType, message })

  /** A ReceiveWithAuthorization of `account`'s to the coalition, good from the start of time on. */
  const authorize = (account: PrivateKeyAccount, value: bigint, nonce: Hex, validBefore = 2n ** 40n): Promise<Hex> =>
    account.signTypedData({
      domain: { name: usdc.name, version: usdc.version, chainId, verifyingContract: usdc.address },
      types: receiveTypes,
      primaryType: 'ReceiveWithAuthorization',
      message: { from: account.address, to: coalition, value, validAfter: 0n, validBefore, nonce },
    })

  return {
    domain,
    termsHash,
    stakeNonce,
    bondNonce,
    authorize,

    /** `hasStake`: the party's stake lies in the coalition, so none is authorized. */
    async consent(account: PrivateKeyAccount, terms: SignedTerms, hasStake = false): Promise<SignedConsent> {
      const message = { ...terms } as never
      return {
        operator: account.address,
        termsSignature: await account.signTypedData({ domain, types, primaryType: 'Terms', message }),
        validAfter: 0n,
        validBefore: 2n ** 40n,
        stakeSignature: hasStake
          ? '0x'
          : await authorize(account, terms.stakeAtomic, stakeNonce(terms, account.address)),
      }
    },
    /** `version`: of the terms in force. */
    leave: (account: PrivateKeyAccount, id: bigint, version: number): Promise<Hex> =>
      word(account, 'Leave', 'uint256 id, address operator, uint32 version', {
        id,
        operator: account.address,
        version,
      }),
    /** The accuser's bond, as `accuse` takes it. */
    async bond(account: PrivateKeyAccount, subject: SignedAccusation, bondAtomic: bigint): Promise<SignedConsent> {
      const stakeSignature = await authorize(account, bondAtomic, bondNonce(subject))
      const times = { validAfter: 0n, validBefore: 2n ** 40n }
      return { operator: account.address, termsSignature: '0x', ...times, stakeSignature }
    },
    respond: (account: PrivateKeyAccount, dispute: bigint, responseHash: Hex): Promise<Hex> =>
      word(account, 'Respond', 'uint256 dispute, bytes32 responseHash', { dispute, responseHash }),
    /** `evidenceHash`: of the dispute. */
    vote: (account: PrivateKeyAccount, dispute: bigint, isGuilty: boolean, evidenceHash: Hex): Promise<Hex> =>
      word(account, 'Vote', 'uint256 dispute, bool isGuilty, bytes32 evidenceHash', {
        dispute,
        isGuilty,
        evidenceHash,
      }),
  }
}
