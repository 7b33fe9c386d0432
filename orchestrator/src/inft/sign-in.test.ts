import { testAccount } from '@computepool/contracts/testing'
import { createManualClock, type ManualClock } from '@computepool/shared/testing'
import { createSiweMessage } from 'viem/siwe'
import { beforeEach, describe, expect, it } from 'vitest'
import { createSignIn, type SignIn } from './sign-in.ts'

const person = testAccount('sign-in person')
const stranger = testAccount('sign-in stranger')

let clock: ManualClock
let signIn: SignIn
beforeEach(() => {
  clock = createManualClock()
  signIn = createSignIn({ domain: 'pool.example:8443', chainId: 16602, clock })
})

const messageWith = (changes: object = {}) =>
  createSiweMessage({
    address: person.address,
    domain: 'pool.example:8443',
    uri: 'https://pool.example:8443/',
    version: '1',
    chainId: 16602,
    nonce: signIn.challenge(),
    issuedAt: new Date(clock.wallMs()),
    ...changes,
  })
const signed = async (message: string, by = person) => signIn.verify(message, await by.signMessage({ message }))

describe('a sign-in', () => {
  it('says who it is until it is over', async () => {
    const { token, address, endsAt } = await signed(messageWith())
    expect([address, endsAt - clock.wallMs()]).toEqual([person.address, 12 * 3_600_000])
    expect(signIn.addressOf(token)).toBe(person.address)
    await clock.advance(12 * 3_600_000 - 1)
    expect(signIn.addressOf(token)).toBe(person.address)
    await clock.advance(1)
    expect(signIn.addressOf(token)).toBeNull()
  })

  it('is over when its message said so, or when its person says so', async () => {
    const short = await signed(messageWith({ expirationTime: new Date(clock.wallMs() + 60_000) }))
    const long = await signed(messageWith())
    signIn.signOut(long.token)
    expect([signIn.addressOf(short.token), signIn.addressOf(long.token)]).toEqual([person.address, null])
    await clock.advance(60_000)
    expect(signIn.addressOf(short.token)).toBeNull()
    expect(signIn.addressOf('made up')).toBeNull()
  })

  it('is good once: its challenge is used up, also by a failure', async () => {
    const message = messageWith()
    await signed(message)
    await expect(signed(message)).rejects.toMatchObject({ code: 'peer_unauthenticated' })
    const tried = messageWith()
    await expect(signed(tried, stranger)).rejects.toThrow('not signed by')
    await expect(signed(tried)).rejects.toThrow('challenge')
  })

  it.each([
    ['for another page', { domain: 'evil.example' }, 'not for pool.example'],
    ['for another chain', { chainId: 16661 }, 'chain 16661'],
    ['with a challenge of nobody’s', { nonce: 'ab'.repeat(16) }, 'challenge'],
    ['of somebody else', { address: stranger.address }, 'not signed by'],
    ['of yesterday', { expirationTime: new Date(1_000) }, 'not of now'],
    ['of tomorrow', { notBefore: new Date(4_000_000_000_000) }, 'not of now'],
  ])('is refused %s', async (_, changes, why) => {
    await expect(signed(messageWith(changes))).rejects.toThrow(why)
  })

  it('is refused with a challenge that is five minutes old, and without a message', async () => {
    const message = messageWith()
    await clock.advance(300_000)
    await expect(signed(message)).rejects.toThrow('challenge')
    for (const nonsense of ['', 'hello', 'x'.repeat(100_000)]) {
      await expect(signIn.verify(nonsense, '0x')).rejects.toMatchObject({ code: 'peer_unauthenticated' })
    }
    await expect(signIn.verify(messageWith(), '0x')).rejects.toThrow('not signed by')
  })
})
