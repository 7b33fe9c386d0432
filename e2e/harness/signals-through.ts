/** Signals with another address in place of a peer's own (RFC 8839 candidates). It knows no sockets. */
import type { LinkSignal } from '@computepool/shared/wire'

export interface ThroughAddress {
  readonly address: string
  readonly port: number
}

type Description = Extract<LinkSignal, { type: 'description' }>
type Candidate = Extract<LinkSignal, { type: 'candidate' }>

/** The description without a candidate: they travel as signals of their own. */
export function descriptionThrough(signal: Description, through: ThroughAddress): Description {
  // Told in the text by a peer that gathers before it speaks: one line is enough, for all lead through the same address.
  let isTold = false
  const lines = signal.sdp.split(/(?<=\n)/).flatMap(line => {
    if (!line.startsWith('a=candidate:')) return [line]
    const candidate = rewritten(line.slice(2).trimEnd(), through)
    if (candidate === null || isTold) return []
    isTold = true
    return [`a=${candidate}\r\n`]
  })
  return { ...signal, sdp: lines.join('') }
}

/** Null for a candidate that must not be known: it would be a way around. */
export function candidateThrough(signal: Candidate, through: ThroughAddress): Candidate | null {
  if (signal.candidate === '') return signal
  const candidate = rewritten(signal.candidate, through)
  return candidate === null ? null : { ...signal, candidate }
}

/** candidate:<foundation> <component> <transport> <priority> <address> <port> typ <type> …; only UDP of a host itself passes. */
function rewritten(candidate: string, { address, port }: ThroughAddress): string | null {
  const match = /^((?:a=)?candidate:)(\S+) (\d+) (udp) (\d+) (\S+) (\d+) typ host\b(.*)$/i.exec(candidate)
  if (!match) return null
  const [, prefix, foundation, component, transport, priority, , , rest] = match
  return `${prefix}${foundation} ${component} ${transport} ${priority} ${address} ${port} typ host${rest}`
}
