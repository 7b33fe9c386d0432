/**
 * What the provider's key signed, in a file beside the fee book: a provider need have no database. It keeps nonces over kills as the ledger's table
 * does for other keys.
 */
import type { Hex } from 'viem'
import { z } from 'zod'
import type { SignerStore, StoredTransaction } from '../chain/signer-store.ts'
import { damaged, openFeeJournal } from './fee-journal.ts'

const hash = z.string().regex(/^0x[0-9a-f]{64}$/) as unknown as z.ZodType<Hex>
const hex = z.string().regex(/^0x[0-9a-fA-F]+$/) as unknown as z.ZodType<Hex>
const statusSchema = z.enum(['signed', 'mined', 'gone'])
const lineSchema = z.discriminatedUnion('type', [
  z.strictObject({
    ...{ type: z.literal('signed'), hash, raw: hex, chainId: z.int(), address: z.string(), nonce: z.int() },
    ...{ recipient: z.string(), createdAtMs: z.number(), status: statusSchema },
  }),
  z.strictObject({ type: z.literal('settled'), hash, status: z.enum(['mined', 'gone']) }),
  z.strictObject({ type: z.literal('removed'), hash }),
])
type Row = StoredTransaction & { readonly status: z.infer<typeof statusSchema> }

/** Of those whose end is known, so many are kept: their other versions may be asked for. */
const mostSettled = 500

export interface SignerFile extends SignerStore {
  end(): Promise<void>
}

/** Errors: `chain_state_invalid`. */
export async function openSignerFile(file: string, onFault: (fault: unknown) => void): Promise<SignerFile> {
  const journal = await openFeeJournal({ file, shorten: lines => asLines(replay(file, lines)), onFault })
  const rows = replay(file, journal.lines)
  const write = async (line: z.infer<typeof lineSchema>): Promise<void> => {
    await journal.append(line)
    apply(rows, line)
  }
  const read = (isWanted: (row: Row) => boolean): StoredTransaction[] =>
    [...rows.values()]
      .filter(isWanted)
      .sort((a, b) => a.nonce - b.nonce || a.createdAtMs - b.createdAtMs)
      .map(({ status: _status, ...row }) => row)
  const isOf = (row: Row, chainId: number, address: string): boolean =>
    row.chainId === chainId && row.address === address.toLowerCase()
  return {
    add: async row => {
      if (rows.has(row.hash)) return
      await write({ type: 'signed', ...row, address: row.address.toLowerCase(), status: 'signed' })
    },
    remove: hash => write({ type: 'removed', hash }),
    settle: (hash, status) => write({ type: 'settled', hash, status }),
    unmined: async (chainId, address) => read(row => row.status === 'signed' && isOf(row, chainId, address)),
    versions: async (chainId, address, nonce) => read(row => row.nonce === nonce && isOf(row, chainId, address)),
    end: () => journal.close(),
  }
}

function replay(file: string, lines: readonly unknown[]): Map<Hex, Row> {
  const rows = new Map<Hex, Row>()
  for (const [at, line] of lines.entries()) {
    const parsed = lineSchema.safeParse(line)
    if (!parsed.success) throw damaged(file, at, parsed.error)
    apply(rows, parsed.data)
  }
  return rows
}

function apply(rows: Map<Hex, Row>, line: z.infer<typeof lineSchema>): void {
  if (line.type === 'removed') rows.delete(line.hash)
  else if (line.type === 'signed') {
    const { type: _type, ...row } = line
    rows.set(row.hash, row)
  } else {
    const known = rows.get(line.hash)
    if (known !== undefined) rows.set(line.hash, { ...known, status: line.status })
  }
  dropOldest(rows)
}

function dropOldest(rows: Map<Hex, Row>): void {
  const settled = [...rows.values()].filter(({ status }) => status !== 'signed')
  for (const { hash } of settled.slice(0, -mostSettled)) rows.delete(hash)
}

const asLines = (rows: ReadonlyMap<Hex, Row>): object[] => [...rows.values()].map(row => ({ type: 'signed', ...row }))
