import type { Context } from 'hono'

/** What proxies and tunnels add; none of them is proof of anything. */
const proxyHeaders = [
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'forwarded',
  'x-real-ip',
  'via',
  'cf-connecting-ip',
  'true-client-ip',
]

/** True where a proxy says that it speaks for somebody: the socket's address is not the caller's then. */
export const isProxied = (c: Context): boolean => proxyHeaders.some(name => c.req.header(name) !== undefined)
