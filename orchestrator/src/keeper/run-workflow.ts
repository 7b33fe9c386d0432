/**
 * Walks one run through its workflow, step by step, each stored before and after: a step that was done is not done again by whoever
 * resumes the run. It knows branches and loops; what an action does is given to it.
 */
import type { Clock } from '@computepool/shared/ports'
import type { KeeperRunRow, KeeperStepRow } from '../store/keeper-tables.ts'
import { evaluateCondition } from './condition.ts'
import { redact, secretsIn } from './redact.ts'
import type { RunStore } from './run-store.ts'
import { StepFault, storableText } from './step-fault.ts'
import { type NodeOutputs, renderJson, renderText, resolveReference } from './template.ts'
import { actionTypeOf, type WorkflowGraph } from './workflow-graph.ts'
import type { WorkflowEdge, WorkflowNode } from './workflow-schema.ts'
import type { WriteStep } from './write-contract.ts'

export interface RunTools {
  readonly store: RunStore
  readonly clock: Clock
  /** Throws where the run was cancelled; asked before every step. */
  readonly checkGoingOn: () => void
  /** Performs an action that neither branches nor loops. */
  readonly perform: (node: WorkflowNode, config: Record<string, unknown>, step: WriteStep) => Promise<unknown>
}

/** A step that failed, for reasons of its own: the run ends in `error`. */
export class StepFailed extends Error {}

type Outputs = Map<string, { label: string; data: unknown }>

const jsonSettings = new Set(['abi', 'functionArgs', 'eventArgs', 'httpHeaders'])
// A body may be any text; only one that is JSON is escaped as such.
const isJsonSetting = (key: string, value: string): boolean =>
  jsonSettings.has(key) || (key === 'httpBody' && /^\s*[{[]/.test(value) && !/^\s*\{\{/.test(value))
const mostStepBytes = 256 * 1024

/** Resolves with the last step's output. Errors: `StepFailed`; anything else is a fault of ours or of the store. */
export async function runWorkflow(run: KeeperRunRow, graph: WorkflowGraph, tools: RunTools): Promise<unknown> {
  const input = JSON.parse(run.input) as Record<string, unknown>
  const secrets = secretsIn(input)
  const done = new Map((await tools.store.steps(run.id)).map(row => [`${row.nodeId} ${row.iteration}`, row]))
  const outputs: Outputs = new Map()
  const results = new Map<string, unknown[]>()
  const taken = new Set<string>()
  let last: unknown = null
  const step = (node: WorkflowNode, scope: Outputs, iteration: number) =>
    performStep({ run, node, scope, iteration, input, secrets, done, tools })

  for (const node of graph.nodes) {
    const edges = graph.incoming(node.id)
    const isTrigger = node.data.type === 'trigger'
    if (!isTrigger && !edges.some(edge => isTaken(edge, graph, taken, outputs))) continue
    taken.add(node.id)
    const actionType = actionTypeOf(node)
    if (node.data.enabled === false) outputs.set(node.id, { label: node.data.label, data: null })
    else if (actionType === 'Collect') {
      const loopId = [...graph.loops].find(([, { collectId }]) => collectId === node.id)?.[0] ?? ''
      const collected = results.get(loopId) ?? []
      outputs.set('__collected', { label: '', data: { results: collected, count: collected.length } })
      last = await step(node, outputs, -1)
    } else last = await step(node, outputs, -1)
    if (actionType === 'For Each') {
      results.set(node.id, await runLoop(node, graph, outputs, step))
    }
  }
  return last
}

/** The bodies, one after the other; a failure does not keep the others from their turn, but fails the loop. */
async function runLoop(
  node: WorkflowNode,
  graph: WorkflowGraph,
  outputs: Outputs,
  step: (node: WorkflowNode, scope: Outputs, iteration: number) => Promise<unknown>,
): Promise<unknown[]> {
  const items = loopItems(node, outputs)
  const body = graph.loops.get(node.id)?.nodes ?? []
  const results: unknown[] = []
  let failed: StepFailed | null = null
  for (const [index, currentItem] of items.entries()) {
    const scope: Outputs = new Map(outputs)
    scope.set(node.id, { label: node.data.label, data: { currentItem, index, totalItems: items.length } })
    const taken = new Set([node.id])
    let result: unknown = currentItem
    try {
      for (const inner of body) {
        if (!graph.incoming(inner.id).some(edge => isTaken(edge, graph, taken, scope, node.id))) continue
        taken.add(inner.id)
        if (inner.data.enabled === false) scope.set(inner.id, { label: inner.data.label, data: null })
        else result = await step(inner, scope, index)
      }
    } catch (thrown) {
      if (!(thrown instanceof StepFailed)) throw thrown
      failed ??= thrown
      continue
    }
    results.push(result)
  }
  if (failed) throw failed
  return results
}

function loopItems(node: WorkflowNode, outputs: NodeOutputs): unknown[] {
  const { arraySource, maxIterations } = node.data.config ?? {}
  const source = String(arraySource ?? '').trim()
  const reference = /^\{\{([^{}]+)\}\}$/.exec(source)?.[1]
  const found =
    reference === undefined
      ? { isFound: true as const, value: parseArray(source) }
      : resolveReference(reference, outputs)
  if (!found.isFound || !Array.isArray(found.value)) throw new StepFailed(`The loop's source ${source} is no array.`)
  return maxIterations === undefined ? found.value : found.value.slice(0, Number(maxIterations))
}

function parseArray(source: string): unknown {
  try {
    return JSON.parse(source)
  } catch {
    return null
  }
}

function isTaken(
  edge: WorkflowEdge,
  graph: WorkflowGraph,
  taken: ReadonlySet<string>,
  outputs: NodeOutputs,
  loopId?: string,
): boolean {
  if (!taken.has(edge.source)) {
    // A Collect inside the loop's body is reached when the loop is done.
    return [...graph.loops].some(
      ([id, { nodes, collectId }]) =>
        collectId === edge.target && taken.has(id) && nodes.some(each => each.id === edge.source),
    )
  }
  const handle = edge.sourceHandle ?? null
  const data = outputs.get(edge.source)?.data as { condition?: unknown } | null | undefined
  if (handle === 'true' || handle === 'false') return data?.condition === (handle === 'true')
  if (handle === 'loop') return edge.source === loopId
  if (handle === 'done') return true
  return data === null || data === undefined || !('condition' in data) || data.condition === true
}

interface StepRequest {
  readonly run: KeeperRunRow
  readonly node: WorkflowNode
  readonly scope: Outputs
  readonly iteration: number
  readonly input: Record<string, unknown>
  readonly secrets: readonly string[]
  readonly done: ReadonlyMap<string, KeeperStepRow>
  readonly tools: RunTools
}

async function performStep({
  run,
  node,
  scope,
  iteration,
  input,
  secrets,
  done,
  tools,
}: StepRequest): Promise<unknown> {
  const { store, clock } = tools
  const label = node.data.label
  const actionType = actionTypeOf(node)
  const known = done.get(`${node.id} ${iteration}`)
  const isKnown = known?.status === 'success' && actionType !== null
  if (isKnown) {
    const data: unknown = JSON.parse(known.output ?? 'null')
    scope.set(node.id, { label, data })
    return data
  }
  tools.checkGoingOn()
  scope.set('__system', { label: 'System', data: systemValues(clock.wallMs()) })
  const nodeName = label || actionType || 'Trigger'
  const key = { runId: run.id, nodeId: node.id, iteration }
  const told = (value: unknown): string => JSON.stringify(redact(value, secrets)) ?? 'null'
  const begin = (config: unknown): Promise<void> =>
    store.beginStep(key, {
      nodeName,
      nodeType: actionType ?? 'trigger',
      // The ABI stands in the definition already, and is most of it.
      input: told({ ...(config as object), abi: undefined }),
      startedAtMs: clock.wallMs(),
    })
  const fail = async (error: string): Promise<never> => {
    const safe = String(redact(error, secrets))
    await store.endStep(key, { status: 'error', output: null, error: safe, completedAtMs: clock.wallMs() })
    throw new StepFailed(`${nodeName}: ${safe}`)
  }
  let config: Record<string, unknown> = {}
  try {
    config =
      actionType === 'Condition' || actionType === 'For Each' ? { ...node.data.config } : renderConfig(node, scope)
  } catch (thrown) {
    await begin(node.data.config ?? {})
    return fail(storableText(thrown))
  }
  await begin(config)
  let output: unknown
  try {
    output = await produce()
  } catch (thrown) {
    tools.checkGoingOn()
    if (thrown instanceof StepFault) throw thrown
    return fail(storableText(thrown))
  }
  const text = told(output)
  if (Buffer.byteLength(text) > mostStepBytes) return fail(`The step gave more than ${mostStepBytes} bytes.`)
  await store.endStep(key, { status: 'success', output: text, error: null, completedAtMs: clock.wallMs() })
  const data: unknown = actionType === null ? output : JSON.parse(text)
  scope.set(node.id, { label, data })
  return data

  async function produce(): Promise<unknown> {
    if (actionType === null) return { success: true, data: { ...triggerValues(run), ...input } }
    if (actionType === 'Condition') {
      return { success: true, condition: evaluateCondition(config.condition as string | boolean, scope) }
    }
    if (actionType === 'For Each') return { success: true, arrayLength: loopItems(node, scope).length }
    if (actionType === 'Collect') return scope.get('__collected')?.data
    return tools.perform(node, config, { ...key, nodeName })
  }
}

/** Settings after templates; those that are JSON keep being JSON. Errors: `UnresolvedReference`. */
function renderConfig({ data }: WorkflowNode, outputs: NodeOutputs): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(data.config ?? {}).map(([key, value]) => {
      if (typeof value !== 'string') return [key, value]
      return [key, isJsonSetting(key, value) ? renderJson(value, outputs) : renderText(value, outputs)]
    }),
  )
}

const triggerValues = ({ createdAtMs }: KeeperRunRow) => ({
  triggered: true,
  timestamp: createdAtMs,
  triggeredAt: new Date(createdAtMs).toISOString(),
})

const systemValues = (nowMs: number) => ({
  unixTimestamp: Math.floor(nowMs / 1000),
  unixTimestampMs: nowMs,
  isoTimestamp: new Date(nowMs).toISOString(),
})
