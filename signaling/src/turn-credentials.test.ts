import { describe, expect, it } from 'vitest'
import { iceServersFor, turnCredentials } from './turn-credentials.ts'

const config = {
  stunUrls: ['stun:stun.example.org:3478'],
  turn: { urls: ['turn:turn.example.org:3478'], secret: 'north', lifetimeSeconds: 600 },
}

describe('turnCredentials', () => {
  it('agrees with a credential that OpenSSL computed', () => {
    // printf '1700000000:peer' | openssl dgst -sha1 -hmac Jefe -binary | base64
    const { username, credential } = turnCredentials('peer', 'Jefe', 1700000000)
    expect(username).toBe('1700000000:peer')
    expect(credential).toBe('nLac7yIQRwspM1W2Gdv6mT6jJuc=')
  })
})

describe('iceServersFor', () => {
  it('gives STUN as it is and TURN with credentials that live as long as configured', () => {
    const [stun, turn] = iceServersFor('0xabc.00000001', config, 1_700_000_000_001)
    expect(stun).toEqual({ urls: ['stun:stun.example.org:3478'] })
    expect(turn?.username).toBe('1700000601:0xabc.00000001')
    expect(turn?.credential).toBe(turnCredentials('0xabc.00000001', 'north', 1700000601).credential)
  })

  it('never gives the secret away, nor the same credential to two peers', () => {
    const one = JSON.stringify(iceServersFor('a', config, 0))
    expect(one).not.toContain('north')
    expect(one).not.toBe(JSON.stringify(iceServersFor('b', config, 0)))
  })

  it('gives nothing where nothing is configured', () => {
    expect(iceServersFor('a', { stunUrls: [], turn: null }, 0)).toEqual([])
  })
})
