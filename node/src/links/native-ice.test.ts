import { expect, it } from 'vitest'
import { nativeIceServers } from './native-ice.ts'

it('puts the orchestrator’s servers as the library takes them, and leaves out what it cannot use', () => {
  const login = { username: '1:a', credential: 'secret' }
  const turn = { username: '1:a', password: 'secret' }
  expect(
    nativeIceServers([
      { urls: ['stun:stun.test', 'stun:[2001:db8::1]:19302'] },
      { urls: ['turn:relay.test:5000?transport=tcp', 'turn:relay.test', 'turns:relay.test'], ...login },
      { urls: ['turn:no.login', 'https://stun.test', 'stun:'] },
    ]),
  ).toEqual([
    { hostname: 'stun.test', port: 3478 },
    { hostname: '2001:db8::1', port: 19302 },
    { hostname: 'relay.test', port: 5000, relayType: 'TurnTcp', ...turn },
    { hostname: 'relay.test', port: 3478, relayType: 'TurnUdp', ...turn },
    { hostname: 'relay.test', port: 5349, relayType: 'TurnTls', ...turn },
  ])
})
