/**
 * A workflow's nodes in the order in which they run, and who decides whether each of them does. Pure: it reads an export and answers
 * questions; it refuses what the runner could only run wrongly (cycles, two triggers, loops within loops, unknown actions).
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { parseCron } from './cron.ts'
import {
  type ActionType,
  isActionType,
  type WorkflowEdge,
  type WorkflowExport,
  type WorkflowNode,
} from './workflow-schema.ts'

export interface LoopBody {
  /** In running order, without the Collect. */
  readonly nodes: readonly WorkflowNode[]
  readonly collectId: string | null
}

export interface WorkflowGraph {
  readonly trigger: WorkflowNode
  /** Cron of a Schedule trigger; null for a Manual one. */
  readonly schedule: string | null
  /** In running order, without the bodies of loops. */
  readonly nodes: readonly WorkflowNode[]
  /** By the id of the For Each node. */
  readonly loops: ReadonlyMap<string, LoopBody>
  incoming(nodeId: string): readonly WorkflowEdge[]
}

export const actionTypeOf = (node: WorkflowNode): ActionType | null => {
  const actionType = node.data.config?.actionType
  return node.data.type === 'action' && isActionType(actionType) ? actionType : null
}

/** Errors: `input_invalid`, with what is wrong with it. */
export function readGraph(workflow: WorkflowExport): WorkflowGraph {
  const wrong = (why: string): ComputePoolError =>
    new ComputePoolError('input_invalid', `The workflow "${workflow.workflow.name}" cannot run: ${why}.`, {
      remedy: 'Change the workflow; the embedded runner knows a part of KeeperHub’s nodes.',
    })
  const byId = new Map(workflow.nodes.map(node => [node.id, node]))
  if (byId.size !== workflow.nodes.length) throw wrong('two nodes have one id')
  const out = new Map<string, WorkflowEdge[]>()
  const into = new Map<string, WorkflowEdge[]>()
  for (const edge of workflow.edges) {
    if (!byId.has(edge.source) || !byId.has(edge.target)) throw wrong(`the edge ${edge.id} leads to no node`)
    out.set(edge.source, [...(out.get(edge.source) ?? []), edge])
    into.set(edge.target, [...(into.get(edge.target) ?? []), edge])
  }
  const triggers = workflow.nodes.filter(({ data }) => data.type === 'trigger')
  const [trigger] = triggers
  if (!trigger || triggers.length > 1) throw wrong(`it has ${triggers.length} triggers`)
  for (const node of workflow.nodes) {
    if (node !== trigger && actionTypeOf(node) === null) {
      throw wrong(`the action ${JSON.stringify(node.data.config?.actionType)} of "${node.id}" is unknown`)
    }
  }

  const reachable = (starts: readonly string[], isEnd: (node: WorkflowNode) => boolean): Set<string> => {
    const seen = new Set<string>()
    const queue = [...starts]
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      if (seen.has(id) || isEnd(byId.get(id) as WorkflowNode)) continue
      seen.add(id)
      queue.push(...(out.get(id) ?? []).map(({ target }) => target))
    }
    return seen
  }
  const order = sortByEdges(workflow.nodes, into, () => wrong('its edges form a circle'))
  const loops = new Map<string, LoopBody>()
  const inBodies = new Set<string>()
  for (const node of order.filter(each => actionTypeOf(each) === 'For Each')) {
    const edges = out.get(node.id) ?? []
    const isCollect = (each: WorkflowNode): boolean => actionTypeOf(each) === 'Collect'
    const starts = edges.filter(({ sourceHandle }) => sourceHandle === 'loop').map(({ target }) => target)
    const body = reachable(starts, isCollect)
    const nodes = order.filter(({ id }) => body.has(id))
    if (nodes.some(each => actionTypeOf(each) === 'For Each')) throw wrong(`the loop "${node.id}" holds another loop`)
    const collect = order.find(each => {
      const from = (into.get(each.id) ?? []).map(({ source }) => source)
      return isCollect(each) && from.some(source => source === node.id || body.has(source))
    })
    for (const id of body) inBodies.add(id)
    loops.set(node.id, { nodes, collectId: collect?.id ?? null })
  }

  return {
    trigger,
    schedule: scheduleOf(trigger, wrong),
    nodes: order.filter(({ id }) => !inBodies.has(id)),
    loops,
    incoming: nodeId => into.get(nodeId) ?? [],
  }
}

function scheduleOf(trigger: WorkflowNode, wrong: (why: string) => ComputePoolError): string | null {
  const { triggerType, scheduleCron, scheduleTimezone } = trigger.data.config ?? {}
  if (triggerType === 'Manual') return null
  if (triggerType !== 'Schedule')
    throw wrong(`its trigger is ${JSON.stringify(triggerType)}, neither Manual nor Schedule`)
  if (typeof scheduleCron !== 'string') throw wrong('its schedule has no scheduleCron')
  if (scheduleTimezone !== undefined && scheduleTimezone !== 'UTC') throw wrong('its schedule is not in UTC')
  try {
    parseCron(scheduleCron)
  } catch (cause) {
    throw wrong(cause instanceof Error ? cause.message.replace(/\.$/, '') : String(cause))
  }
  return scheduleCron
}

function sortByEdges(
  nodes: readonly WorkflowNode[],
  into: ReadonlyMap<string, readonly WorkflowEdge[]>,
  circle: () => ComputePoolError,
): WorkflowNode[] {
  const sorted: WorkflowNode[] = []
  const done = new Set<string>()
  while (sorted.length < nodes.length) {
    const ready = nodes.find(({ id }) => !done.has(id) && (into.get(id) ?? []).every(({ source }) => done.has(source)))
    if (!ready) throw circle()
    done.add(ready.id)
    sorted.push(ready)
  }
  return sorted
}
