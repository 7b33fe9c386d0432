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
  if (!/^\d+(\.\d+){3}$/.test(name)) return !name.includes('.')
  const [first, second] = name.split('.').map(Number) as [number, number]
  if (first === 10 || (first === 192 && second === 168) || (first === 169 && second === 254)) return true
  // 100.64/10: behind a provider, and a tailnet's.
  return (first === 172 && second >> 4 === 1) || (first === 100 && second >> 6 === 1)
}
