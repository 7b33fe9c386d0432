/**
 * The signaling hub that the desk commands: one in this process on the page's own socket server, or a detached one that this
 * process attaches to as its desk. The desk notices no difference.
 */
import type { Server } from 'node:http'
import {
  attachDesk,
  attachSignaling,
  createSignalingHub,
  type DetachedHub,
  type RemoteHub,
  verifySignature,
} from '@computepool/signaling'
import type { Desk } from './dispatch/index.ts'
import { hostClock, hostEntropy } from './host.ts'

export interface OpenHubOptions {
  readonly server: Server
  /** Origin of the page whose tabs sign in. */
  readonly url: string
  /** Null: a hub in this process. */
  readonly detached: DetachedHub | null
  readonly desk: Desk
  readonly isProxyTrusted: boolean
  readonly onFault: (fault: unknown) => void
}

export type OpenHub = Pick<RemoteHub, 'command' | 'setCoalition'> & { close(): Promise<void> }

/** Whom a wallet is asked to sign in to; nothing happens on the chain. */
const signInChainId = 1

export function openHub({ server, url, detached, desk, isProxyTrusted, onFault }: OpenHubOptions): OpenHub {
  if (detached !== null) {
    const hub = attachDesk(detached, { desk, clock: hostClock, onFault })
    return { command: hub.command, setCoalition: hub.setCoalition, close: async () => hub.close() }
  }
  const hub = createSignalingHub({
    clock: hostClock,
    entropy: hostEntropy,
    domain: { domain: new URL(url).host, uri: url, chainId: signInChainId },
    desk,
    verifySignature,
    onFault,
  })
  const { close } = attachSignaling(server, hub, { path: '/signal', isProxyTrusted })
  return { command: hub.command, setCoalition: hub.setCoalition, close }
}
