/**
 * Our workflow files made ready for one deployment: chain and vault are written into them, so that a run cannot be pointed at another
 * contract by its input. The digest in the description tells whether a keeper holds this very version.
 */
import type { Address } from 'viem'
import { canonicalJson, sha256Hex } from './run-store.ts'
import { type WorkflowExport, workflowExportSchema } from './workflow-schema.ts'
import reap from './workflows/reap.json' with { type: 'json' }
import setUnits from './workflows/set-units.json' with { type: 'json' }
import streamStart from './workflows/stream-start.json' with { type: 'json' }
import streamStop from './workflows/stream-stop.json' with { type: 'json' }

/** A workflow and the short name that callers of the port use. */
export interface PreparedWorkflow {
  readonly key: string
  readonly definition: WorkflowExport
}

export interface KeeperDeployment {
  readonly chainId: number
  readonly vault: Address
}

export const workflowKeys = ['stream-start', 'stream-stop', 'set-units', 'reap'] as const
export type WorkflowKey = (typeof workflowKeys)[number]

/** As they stand in the files, for chain 31337 and no vault. */
export const workflowFiles: Readonly<Record<WorkflowKey, unknown>> = {
  'stream-start': streamStart,
  'stream-stop': streamStop,
  'set-units': setUnits,
  reap,
}

export const prepareWorkflows = (deployment: KeeperDeployment): PreparedWorkflow[] =>
  workflowKeys.map(key => prepareWorkflow(key, workflowFiles[key], deployment))

export function prepareWorkflow(key: string, file: unknown, { chainId, vault }: KeeperDeployment): PreparedWorkflow {
  const parsed = workflowExportSchema.parse(file)
  const nodes = parsed.nodes.map(node => {
    const { config } = node.data
    if (!config || !('contractAddress' in config)) return node
    return { ...node, data: { ...node.data, config: { ...config, network: String(chainId), contractAddress: vault } } }
  })
  const digest = sha256Hex(canonicalJson([nodes, parsed.edges])).slice(0, 16)
  const workflow = {
    name: `ComputePool ${key} · chain ${chainId} · ${vault}`,
    description: `${parsed.workflow.description ?? ''} [${digest}]`,
  }
  return { key, definition: { ...parsed, workflow, nodes } }
}
