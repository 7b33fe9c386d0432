/**
 * What fixed keys sign about one coalition, as a file that Solidity is held to (contracts/test/coalition-terms.test.ts). Signing is
 * deterministic, so a change of types, domain or nonces shows here as a change of the file; `vitest -u` writes it anew.
 */
import { testAccount } from '@computepool/contracts/testing'
import {
  bondNonceValues,
  type CoalitionTerms,
  coalitionTermsSchema,
  leaveTypedData,
  noSession,
  respondTypedData,
  stakeNonceValues,
  termsOfAssignment,
  voteTypedData,
} from '@computepool/shared/coalition'
import { bigintAsString } from '@computepool/shared/money'
import { encodeAbiParameters, getContractAddress, type Hex, hashTypedData, keccak256, stringToHex } from 'viem'
import { expect, it } from 'vitest'
import { bondNonceOf, stakeNonceOf, termsHashOf } from './hash-terms.ts'
import { signAccusation, signConsent, signLeave, signResponse, signVote } from './sign-terms.ts'

const deployer = testAccount('coalition fixture deployer').address
/** The deployer's first two contracts, whatever their code is. */
const [usdc, coalition] = [0n, 1n].map(nonce => getContractAddress({ from: deployer, nonce }).toLowerCase() as Hex) as [
  Hex,
  Hex,
]
const place = { chainId: 31337, coalition }
const token = { address: usdc, name: 'USD Coin', version: '2' }
const hash = (text: string): Hex => keccak256(stringToHex(text))
const address = (text: string): Hex => hash(text).slice(0, 42) as Hex
const operators = [0, 1, 2].map(at => testAccount(`coalition fixture operator ${at}`))
const auditors = [0, 1, 2].map(at => testAccount(`coalition fixture auditor ${at}`))
const accuser = testAccount('coalition fixture accuser')
/** The test's chain is set to this second: 2096. */
const nowSeconds = 4_000_000_000n
const times = { validAfter: 0n, validBefore: nowSeconds + 3_600n }

function termsOf(of: readonly number[], current?: { id: bigint; version: number }): CoalitionTerms {
  const layers = 12
  const made = termsOfAssignment({
    modelDigest: hash('model'),
    layers,
    pool: address('pool'),
    vault: address('vault'),
    pricePerSecondAtomic: 1_000n,
    stakeAtomic: 5_000_000n,
    proposalEndsAt: nowSeconds + 3_600n,
    endsAt: nowSeconds + 86_400n,
    salt: hash('salt'),
    seats: of.map((operator, at) => ({
      operator: operators[operator]!.address,
      layers: { start: (layers / of.length) * at, end: (layers / of.length) * (at + 1) },
      msPerLayer: 1 + operator,
    })),
    current,
  })
  if (made.kind !== 'terms') throw new Error(made.fault.text)
  return made.terms
}

async function makeFixture() {
  const signer = (at: number) => ({ signer: operators[at]!, place, token })
  const consentOf = async (at: number, terms: CoalitionTerms, hasStake: boolean) => ({
    ...(await signConsent(signer(at), terms, hasStake ? null : times)),
    stakeNonce: stakeNonceOf(termsHashOf(place, terms), operators[at]!.address.toLowerCase() as Hex),
  })
  const proposed = termsOf([0, 1])
  const resplit = termsOf([0, 1, 2], { id: 1n, version: 0 })
  const subject = {
    id: 1n,
    accused: operators[1]!.address.toLowerCase() as Hex,
    reason: 'withheld',
    session: noSession,
    evidenceHash: hash('evidence'),
  } as const
  const { evidenceHash } = subject
  const respond = { dispute: 1n, responseHash: hash('response') }
  const leave = { id: 1n, operator: operators[0]!.address.toLowerCase() as Hex, version: 1 }
  const voteOf = async (at: number) => ({
    ...(await signVote({ signer: auditors[at]!, place }, { dispute: 1n, isGuilty: true, evidenceHash })),
    digest: hashTypedData(voteTypedData(place, { dispute: 1n, isGuilty: true, evidenceHash })),
  })
  return {
    about: 'Made by orchestrator/src/coalition/coalition-fixture.test.ts from test keys; worth nothing on any chain.',
    chainId: place.chainId,
    nowSeconds,
    deployer: deployer.toLowerCase(),
    coalition,
    usdc: token,
    proposed: {
      terms: proposed,
      termsHash: termsHashOf(place, proposed),
      consents: [await consentOf(0, proposed, false), await consentOf(1, proposed, false)],
    },
    resplit: {
      terms: resplit,
      termsHash: termsHashOf(place, resplit),
      consents: [
        await consentOf(0, resplit, true),
        await consentOf(1, resplit, true),
        await consentOf(2, resplit, false),
      ],
    },
    accusation: {
      ...(await signAccusation(
        { signer: accuser, place, token },
        { ...subject, ...times, evidenceUri: 'https://evidence.example/1', bondAtomic: 1_000_000n },
      )),
      bondNonce: bondNonceOf(subject),
    },
    response: {
      ...(await signResponse(signer(1), { ...respond, responseUri: 'https://evidence.example/2' })),
      digest: hashTypedData(respondTypedData(place, respond)),
    },
    votes: [await voteOf(0), await voteOf(1)],
    leave: { ...(await signLeave(signer(0), leave)), digest: hashTypedData(leaveTypedData(place, leave)) },
  }
}

it('signs what the file says that these keys sign', async () => {
  const text = `${JSON.stringify(await makeFixture(), bigintAsString, 2)}\n`
  await expect(text).toMatchFileSnapshot('../../../contracts/test/coalition-terms.fixture.json')
})

it('hashes the same terms from JSON, and others differently', async () => {
  const terms = termsOf([0, 1])
  const read = coalitionTermsSchema.parse(JSON.parse(JSON.stringify(terms, bigintAsString)))
  const termsHash = termsHashOf(place, terms)
  expect(termsHashOf(place, read)).toBe(termsHash)
  const [first, second] = terms.parties as [CoalitionTerms['parties'][0], CoalitionTerms['parties'][0]]
  const others = [
    termsHashOf({ ...place, chainId: 1 }, terms),
    termsHashOf({ ...place, coalition: usdc }, terms),
    termsHashOf(place, { ...terms, stakeAtomic: terms.stakeAtomic + 1n }),
    termsHashOf(place, { ...terms, salt: hash('other') }),
    termsHashOf(place, { ...terms, parties: [first, { ...second, units: second.units + 1 }] }),
    termsHashOf(place, { ...terms, parties: [first] }),
  ]
  expect(new Set([termsHash, ...others]).size).toBe(7)
})

it('binds nonces to terms, operator and accusation', () => {
  const [a, b] = [hash('a'), hash('b')]
  const { parameters, values } = stakeNonceValues(a, usdc)
  expect(stakeNonceOf(a, usdc)).toBe(keccak256(encodeAbiParameters(parameters, values)))
  const subject = { id: 1n, accused: usdc, reason: 'withheld', session: a, evidenceHash: b } as const
  expect(bondNonceValues(subject).values).toEqual(['bond', 1n, usdc, 2, a, b])
  const nonces = [
    stakeNonceOf(a, usdc),
    stakeNonceOf(b, usdc),
    stakeNonceOf(a, coalition),
    bondNonceOf(subject),
    bondNonceOf({ ...subject, reason: 'false-witness' }),
    bondNonceOf({ ...subject, session: b }),
  ]
  expect(new Set(nonces).size).toBe(6)
})
