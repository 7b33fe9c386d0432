/** The workflows that an organisation has in the embedded keeper, by id and by name. It checks what comes in and starts nothing. */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock, Entropy } from '@computepool/shared/ports'
import { and, asc, eq } from 'drizzle-orm'
import { z } from 'zod'
import type { Database } from '../store/database.ts'
import { keeperWorkflowsTable } from '../store/keeper-tables.ts'
import { poolOrganisation, type RunStore } from './run-store.ts'
import { readGraph, type WorkflowGraph } from './workflow-graph.ts'
import { mostImportBytes, type WorkflowExport, workflowExportSchema } from './workflow-schema.ts'

export interface StoredWorkflow {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly digest: string
  readonly enabled: boolean
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly definition: WorkflowExport
  readonly graph: WorkflowGraph
}

const patchSchema = z.strictObject({
  name: z.string().min(1).max(200).optional(),
  description: z.string().max(2000).optional(),
  nodes: z.array(z.unknown()).optional(),
  edges: z.array(z.unknown()).optional(),
  enabled: z.boolean().optional(),
})

export type WorkflowStore = ReturnType<typeof createWorkflowStore>

export function createWorkflowStore(
  db: Database,
  runs: RunStore,
  clock: Clock,
  entropy: Entropy,
  organisation = poolOrganisation,
) {
  const table = keeperWorkflowsTable
  const isOurs = eq(table.organisation, organisation)
  const isNamed = (name: string) => and(isOurs, eq(table.name, name))
  const parsed = new Map<string, { definition: WorkflowExport; graph: WorkflowGraph }>()
  const definitionOf = async (digest: string): Promise<{ definition: WorkflowExport; graph: WorkflowGraph }> => {
    const known = parsed.get(digest)
    if (known) return known
    const text = await runs.definition(digest)
    if (text === null) throw new ComputePoolError('bug_unreachable_state', `The workflow definition ${digest} is gone.`)
    const definition = parseWorkflow(JSON.parse(text))
    const read = { definition, graph: readGraph(definition) }
    parsed.set(digest, read)
    return read
  }
  const complete = async (row: typeof keeperWorkflowsTable.$inferSelect): Promise<StoredWorkflow> => ({
    ...row,
    ...(await definitionOf(row.digest)),
  })
  const find = async (id: string): Promise<StoredWorkflow> => {
    const [row] = await db
      .select()
      .from(table)
      .where(and(isOurs, eq(table.id, id)))
    if (!row) throw unknownWorkflow(id)
    return complete(row)
  }
  const store = async (id: string | null, input: unknown, enabled: boolean): Promise<StoredWorkflow> => {
    const definition = parseWorkflow(input)
    readGraph(definition)
    const digest = await runs.keepDefinition(JSON.stringify(definition))
    const { name, description = '' } = definition.workflow
    const nowMs = clock.wallMs()
    const values = { name, description, digest, enabled, updatedAtMs: nowMs }
    if (id !== null)
      await db
        .update(table)
        .set(values)
        .where(and(isOurs, eq(table.id, id)))
    else {
      id = `wf_${Buffer.from(entropy.bytes(12)).toString('hex')}`
      await db
        .insert(table)
        .values({ id, organisation, ...values, createdAtMs: nowMs })
        .onConflictDoUpdate({ target: [table.organisation, table.name], set: values })
    }
    const [row] = await db.select().from(table).where(isNamed(name))
    return complete(row as typeof keeperWorkflowsTable.$inferSelect)
  }
  return {
    definitionOf,
    find,
    async byName(name: string): Promise<StoredWorkflow | null> {
      const [row] = await db.select().from(table).where(isNamed(name))
      return row ? complete(row) : null
    },
    async list(): Promise<StoredWorkflow[]> {
      const rows = await db.select().from(table).where(isOurs).orderBy(asc(table.createdAtMs))
      return Promise.all(rows.map(complete))
    },
    /** A new workflow, or the new version of the one of that name. Errors: `input_invalid`. */
    import: (input: unknown, enabled = true): Promise<StoredWorkflow> => store(null, input, enabled),
    /** Errors: `input_not_found`, `input_invalid`. */
    async update(id: string, input: unknown): Promise<StoredWorkflow> {
      const current = await find(id)
      const patch = patchSchema.safeParse(input)
      if (!patch.success) throw invalid(patch.error)
      const { name, description, nodes, edges, enabled } = patch.data
      const definition = {
        ...current.definition,
        workflow: { name: name ?? current.name, description: description ?? current.description },
        nodes: nodes ?? current.definition.nodes,
        edges: edges ?? current.definition.edges,
      }
      return store(id, definition, enabled ?? current.enabled)
    },
  }
}

/** Errors: `input_too_large`, `input_invalid` with the first fault and its place. */
export function parseWorkflow(input: unknown): WorkflowExport {
  const sizeBytes = Buffer.byteLength(JSON.stringify(input) ?? '')
  if (sizeBytes > mostImportBytes) {
    throw new ComputePoolError(
      'input_too_large',
      `The workflow has ${sizeBytes} bytes; ${mostImportBytes} are accepted.`,
    )
  }
  const result = workflowExportSchema.safeParse(input)
  if (!result.success) throw invalid(result.error)
  return result.data
}

const invalid = (error: z.ZodError): ComputePoolError => {
  const [issue] = error.issues
  return new ComputePoolError(
    'input_invalid',
    `The workflow is no export of version 1: ${issue?.path.join('.')} ${issue?.message}.`,
    {
      remedy: 'Send what KeeperHub’s Download gives.',
      context: { param: issue?.path.join('.') ?? '' },
    },
  )
}

export const unknownWorkflow = (name: string): ComputePoolError =>
  new ComputePoolError('input_not_found', `The keeper knows no workflow "${name}".`, {
    remedy: 'Import it, or check the name.',
  })
