/** A ring of two fake tabs over real sockets, as soon as the desk calls it ready. */
import type { Desk } from '../src/dispatch/index.ts'
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
  const tabs = [await openSocketTab(url, { model }), await openSocketTab(url, { model })]
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
