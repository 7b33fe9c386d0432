/** Where bundles of evidence lie in the chaos: in memory, behind the address at which a pool keeps them. It judges nothing. */
import { decodeEvidence } from '@computepool/shared/audit'
import { subjectOfHeader } from '../../src/audit/evidence-fits.ts'
import type { AuditDeskOptions } from '../../src/audit/index.ts'

type FetchBytes = (url: string, init: RequestInit) => Promise<Response>

export interface ChaosEvidence {
  /** For the desk. */
  readonly port: NonNullable<AuditDeskOptions['evidence']>
  /** For a peer: bundles, and whatever else `others` has. */
  fetchBytes(others: FetchBytes): FetchBytes
}

const path = '/api/evidence'

export function createChaosEvidence(): ChaosEvidence {
  const bundles = new Map<string, Uint8Array<ArrayBuffer>>()
  const tickets = new Set<string>()
  let opened = 0
  const put = async (sha256: string, { headers, body }: RequestInit): Promise<Response> => {
    const ticket = new Headers(headers).get('authorization')?.replace('Bearer ', '') ?? ''
    if (!tickets.delete(ticket)) return new Response(null, { status: 401 })
    bundles.set(sha256, new Uint8Array(body as Uint8Array<ArrayBuffer>))
    return new Response(null, { status: 201 })
  }
  return {
    port: {
      path,
      openTicket: operator => {
        const ticket = `${++opened} of ${operator}`
        tickets.add(ticket)
        return ticket
      },
      subjectOf: sha256 => {
        const bundle = bundles.get(sha256)
        return bundle === undefined ? null : subjectOfHeader(decodeEvidence(bundle).header)
      },
      holdWhile: () => () => {},
      hold: async () => {},
    },
    fetchBytes: others => async (url, init) => {
      const sha256 = new URL(url).pathname.match(`^${path}/([0-9a-f]{64})$`)?.[1]
      if (sha256 === undefined) return others(url, init)
      if (init.method === 'PUT') return put(sha256, init)
      return new Response(bundles.get(sha256) ?? null, { status: bundles.has(sha256) ? 200 : 404 })
    },
  }
}
