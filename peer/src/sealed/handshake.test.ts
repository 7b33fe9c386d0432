import { readPacketHeader } from '@computepool/shared/datagram'
import { createSeededRandom } from '@computepool/shared/testing'
import { protocolVersion } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { testPeer, testWallet } from '../../testing/sealed-pair.ts'
import {
  answerText,
  decodeInit,
  decodeReply,
  encodeInit,
  encodeReply,
  type Introduction,
  isSignedBy,
  openingText,
  sessionIdOf,
} from './handshake.ts'
import { agreeOnKeys, createPacketCipher, publicKeyOf } from './packet-cipher.ts'

const introduction: Introduction = { opener: testPeer(2), answerer: testPeer(1), epoch: 7 }
const random = createSeededRandom(1)
const [openerSecret, answererSecret] = [random.bytes(32), random.bytes(32)]
const pairSecret = random.bytes(16)
const both = { openerKey: publicKeyOf(openerSecret), answererKey: publicKeyOf(answererSecret) }

describe('the handshake', () => {
  it('is signed over these words', () => {
    expect(answerText(introduction, both).split('\n').slice(0, 6)).toEqual([
      'ComputePool sealed link',
      `Version: ${protocolVersion}`,
      'Step: answer',
      `Opener: ${introduction.opener}`,
      `Answerer: ${introduction.answerer}`,
      'Epoch: 7',
    ])
    // Of the opener's key alone, whatever else is known.
    expect(openingText(introduction, both)).toMatch(/\nStep: open\n[\s\S]*\nOpener key: [0-9a-f]{64}$/)
    expect(answerText(introduction, both)).toMatch(/\nOpener key: [0-9a-f]{64}\nAnswerer key: [0-9a-f]{64}$/)
  })

  it('comes out as it went in, and not where it is longer or shorter', async () => {
    const sessionId = sessionIdOf(introduction)
    const signature = await testWallet(2).sign('words')
    const link = { sessionId, secret: pairSecret }
    const init = encodeInit(link, both, signature)
    const reply = encodeReply(link, both, signature)
    expect(readPacketHeader(init)).toEqual({ type: 'init', sessionId, number: 0 })
    expect(readPacketHeader(reply)).toEqual({ type: 'reply', sessionId, number: 0 })
    expect(decodeInit(init, link)).toMatchObject({ version: protocolVersion, openerKey: both.openerKey })
    expect(decodeReply(reply, link)).toMatchObject({ version: protocolVersion, ...both })
    expect(await isSignedBy(introduction.opener, 'words', decodeReply(reply, link)!.signature)).toBe(true)
    for (const wrong of [init.slice(1), new Uint8Array(init.length + 1), new Uint8Array(0)]) {
      expect(decodeInit(wrong, link)).toBeNull()
      expect(decodeReply(wrong, link)).toBeNull()
    }
  })

  it('is not read where a byte was changed, or by another secret', async () => {
    const link = { sessionId: sessionIdOf(introduction), secret: pairSecret }
    const signature = await testWallet(2).sign('words')
    const init = encodeInit(link, both, signature)
    const reply = encodeReply(link, both, signature)
    for (let index = 0; index < reply.length; index += 1) {
      const change = (packet: Uint8Array): Uint8Array =>
        packet.map((byte, place) => (place === index ? byte ^ 1 : byte))
      if (index < init.length) expect(decodeInit(change(init), link)).toBeNull()
      expect(decodeReply(change(reply), link)).toBeNull()
    }
    const other = { secret: pairSecret.map(byte => byte ^ 1) }
    expect([decodeInit(init, other), decodeReply(reply, other)]).toEqual([null, null])
  })

  it('belongs to one pair and one assignment', () => {
    const ids = [
      introduction,
      { ...introduction, epoch: 8 },
      { ...introduction, opener: testPeer(3) },
      { ...introduction, answerer: testPeer(3) },
    ].map(sessionIdOf)
    expect(new Set(ids).size).toBe(4)
    expect(ids[0]).toMatch(/^[0-9a-f]{16}$/)
  })

  it('takes no other wallet, no other words, and no nonsense for a signature', async () => {
    const signature = Buffer.from((await testWallet(1).sign('words')).slice(2), 'hex')
    expect(await isSignedBy(testPeer(1), 'words', signature)).toBe(true)
    expect(await isSignedBy(testPeer(2), 'words', signature)).toBe(false)
    expect(await isSignedBy(testPeer(1), 'other words', signature)).toBe(false)
    expect(await isSignedBy(testPeer(1), 'words', new Uint8Array(65))).toBe(false)
    expect(await isSignedBy(testPeer(1), 'words', new Uint8Array(0))).toBe(false)
  })
})

describe('the session keys', () => {
  const transcript = answerText(introduction, both)
  const openerSide = { secret: openerSecret, theirPublic: both.answererKey, transcript, pairSecret, isInitiator: true }
  const answererSide = {
    secret: answererSecret,
    theirPublic: both.openerKey,
    transcript,
    pairSecret,
    isInitiator: false,
  }

  it('are the same at both ends, one for each direction', () => {
    const [opener, answerer] = [agreeOnKeys(openerSide)!, agreeOnKeys(answererSide)!]
    expect(opener).toEqual({ send: answerer.receive, receive: answerer.send })
    expect(opener.send).not.toEqual(opener.receive)
  })

  it('hang on every word of the handshake', () => {
    const other = answerText({ ...introduction, epoch: 8 }, both)
    expect(agreeOnKeys({ ...openerSide, transcript: other })!.send).not.toEqual(agreeOnKeys(openerSide)!.send)
  })

  it('hang on what the desk gave the pair', () => {
    const other = agreeOnKeys({ ...openerSide, pairSecret: random.bytes(16) })!
    expect(other.send).not.toEqual(agreeOnKeys(openerSide)!.send)
  })

  it('are not made from a key that gives the result away', () => {
    expect(agreeOnKeys({ ...openerSide, theirPublic: new Uint8Array(32) })).toBeNull()
  })

  it('seal a packet for these two peers, in this direction, under this number', () => {
    const sessionId = sessionIdOf(introduction)
    const [self, peer] = [introduction.opener, introduction.answerer]
    const opener = createPacketCipher({ keys: agreeOnKeys(openerSide)!, sessionId, self, peer })
    const keys = agreeOnKeys(answererSide)!
    const answerer = createPacketCipher({ keys, sessionId, self: peer, peer: self })
    const packet = opener.seal(5, Uint8Array.of(1, 2, 3))
    const header = readPacketHeader(packet)!
    expect(answerer.open(header, packet)).toEqual(Uint8Array.of(1, 2, 3))
    expect(opener.open(header, packet)).toBeNull()
    expect(answerer.open({ ...header, number: 6 }, packet)).toBeNull()
    expect(answerer.open(header, packet.slice(0, 20))).toBeNull()
    const third = createPacketCipher({ keys, sessionId, self: testPeer(3), peer: self })
    expect(third.open(header, packet)).toBeNull()
    const changed = packet.slice()
    changed[0] = 1
    expect(answerer.open(header, changed)).toBeNull()
  })
})
