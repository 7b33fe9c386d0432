/**
 * Which text a peer's key signs for a hub: a sign-in of its own address, for this very peer, to the pool that it connects to. An
 * orchestrator could else pass on the challenge of another pool's hub, and be taken for the peer there.
 */
import { parseSiweMessage } from 'viem/siwe'

/** `pageUrl`: where the peer connects to, of which only the host counts; null: not known, and not looked at. */
export function isOurChallenge(message: string, peer: string, pageUrl: string | null): boolean {
  const { address, requestId, domain, uri } = parseSiweMessage(message)
  if (address?.toLowerCase() !== peer.slice(0, 42) || requestId !== peer) return false
  if (pageUrl === null) return true
  const [page, named, origin] = [hostOf(pageUrl), hostOf(`http://${domain}`), hostOf(uri)]
  if (page === null || named === null || origin === null) return false
  if (domain === page.host && origin.host === page.host) return true
  // Started without a public name it calls itself by loopback, whatever name or port of its network leads to it.
  return isLoopback(named.hostname) && isLoopback(origin.hostname) && isLocal(page.hostname)
}

function hostOf(url: string | undefined): URL | null {
  return url !== undefined && URL.canParse(url) ? new URL(url) : null
}

const isLoopback = (name: string): boolean => name === 'localhost' || name === '[::1]' || /^127(\.\d+){3}$/.test(name)

/** A name that nobody elsewhere can be led to: loopback, a private network's address, or one of its names. */
function isLocal(name: string): boolean {
  if (isLoopback(name) || name.endsWith('.localhost') || name.endsWith('.local')) return true
  if (name.startsWith('[')) return /^\[f[cd]|^\[fe[89ab]/.test(name)
  return !name.includes('.') || /^(10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01]))(\.\d+){2,3}$/.test(name)
}
