/** A ring of two fake tabs over real sockets, as soon as the desk calls it ready. They give receipts, signed with keys that their wallets vouch for. */
import type { Desk } from '../src/dispatch/index.ts'
import { fakeSigner, followFakeAttempts } from './fake-receipts.ts'
import type { FakeTab } from './fake-tab.ts'
import { openSocketTab } from './socket-tab.ts'

export interface SocketRing {
  readonly tabs: readonly FakeTab[]
  readonly entry: FakeTab
}

export async function openSocketRing(
  running: { readonly url: string; readonly desk: Desk },
  model: string,
): Promise<SocketRing> {
  const { url, desk } = running
  const tabs: FakeTab[] = []
  const attempts = followFakeAttempts((peer, honest) => {
    const receipt = fakeSigner(peer).sign(honest)
    tabs.find(tab => tab.peer === peer)?.say({ type: 'request-receipted', ...receipt })
  })
  for (const _ of [0, 1]) tabs.push(await openSocketTab(url, { model, attempts }))
  while (desk.snapshot().status !== 'ready') {
    await new Promise<void>(resolve => {
      const forget = desk.onChange(() => {
        forget()
        resolve()
      })
    })
  }
  return { tabs, entry: tabs.find(tab => tab.assignment().seat === 0)! }
}
