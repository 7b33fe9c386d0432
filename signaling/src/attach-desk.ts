/**
 * Signs this process in to a detached hub as its desk, over a real WebSocket and with a key. It knows sockets and keys;
 * `connect-remote-hub.ts` knows the messages.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { privateKeyToAccount } from 'viem/accounts'
import { WebSocket } from 'ws'
import { connectRemoteHub, type DeskSocket, type RemoteHub, type RemoteHubOptions } from './connect-remote-hub.ts'

/** Where a detached hub is, and who its desk is. */
export interface DetachedHub {
  /** The hub's own origin, such as http://10.0.0.2:8788. */
  readonly url: string
  /** Private key of an address on the hub's list of desks. */
  readonly deskKey: `0x${string}`
}

/** Keeps trying until closed; each new reason why the hub is out of reach goes to `onFault` once. */
export function attachDesk(
  at: DetachedHub,
  options: Omit<RemoteHubOptions, 'openSocket' | 'address' | 'sign'>,
): RemoteHub {
  const account = privateKeyToAccount(at.deskKey)
  const url = new URL('/desk', at.url).href.replace(/^http/, 'ws')
  let told = ''
  return connectRemoteHub({
    ...options,
    address: account.address.toLowerCase(),
    sign: message => account.signMessage({ message }),
    openSocket() {
      const socket = new WebSocket(url)
      socket.on('open', () => {
        told = ''
      })
      socket.on('error', ({ message }) => {
        if (message === told) return
        told = message
        options.onFault?.(unreachable(at.url, message))
      })
      return socket as unknown as DeskSocket
    },
  })
}

const unreachable = (url: string, reason: string): ComputePoolError =>
  new ComputePoolError('peer_unreachable', `The signaling hub at ${url} cannot be reached: ${reason}.`, {
    remedy: 'Start it, or correct COMPUTEPOOL_SIGNALING_URL; it is tried again every two seconds.',
  })
