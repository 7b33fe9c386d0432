import type { PeerId } from '@computepool/shared/wire'
import { afterEach, expect, test } from 'vitest'
import { type AxlStandIn, startAxlStandIn } from '../../testing/axl-stand-in.ts'
import { openReach } from './open-reach.ts'

const self: PeerId = `0x${'a'.repeat(40)}.00000001`
let overlay: AxlStandIn | null = null
afterEach(async () => {
  await overlay?.close()
  overlay = null
})

test('it tells the key that its daemon has now, and that it is another one', async () => {
  overlay = startAxlStandIn()
  const daemon = await overlay.startDaemon()
  const before = daemon.key
  const notices: string[] = []
  let changed = (): void => {}
  const told = new Promise<void>(resolve => {
    changed = resolve
  })
  const reach = await openReach({ axlUrl: daemon.url, usesWebRtc: false }, text => notices.push(text), changed)
  expect(reach.reach).toEqual({ webrtc: false, axl: before })
  const transport = reach.openTransport(self, { sign: async () => '0x' })
  await daemon.stop()
  while (notices.length === 0) await new Promise(resolve => setTimeout(resolve, 1))
  await daemon.start({ newKey: true })
  await told
  expect(daemon.key).not.toBe(before)
  expect(reach.reach).toEqual({ webrtc: false, axl: daemon.key })
  await transport.close()
})
