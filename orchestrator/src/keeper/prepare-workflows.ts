/**
 * Our workflow files made ready for one deployment: chain and contracts are written into them, so that a run cannot be pointed at
 * another contract by its input. The digest in the description tells whether a keeper holds this very version.
 */
import type { Address } from 'viem'
import { canonicalJson, sha256Hex } from './run-store.ts'
import { type WorkflowExport, workflowExportSchema } from './workflow-schema.ts'
import activateAndPool from './workflows/activate-and-pool.json' with { type: 'json' }
import castVote from './workflows/cast-vote.json' with { type: 'json' }
import handleBreach from './workflows/handle-breach.json' with { type: 'json' }
import propose from './workflows/propose.json' with { type: 'json' }
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
  /** The registry of coalitions; null where the pool is unstaked, and then there are no workflows of coalitions. */
  readonly coalition?: Address | null | undefined
}

export const vaultWorkflowKeys = ['stream-start', 'stream-stop', 'set-units', 'reap'] as const
/** `cast-vote` is an auditor's, for an organisation of its own. */
export const coalitionWorkflowKeys = ['propose', 'activate-and-pool', 'handle-breach', 'cast-vote'] as const
export const workflowKeys = [...vaultWorkflowKeys, ...coalitionWorkflowKeys] as const
export type WorkflowKey = (typeof workflowKeys)[number]

/** As they stand in the files, for chain 31337 and the contracts' stand-ins. */
export const workflowFiles: Readonly<Record<WorkflowKey, unknown>> = {
  'stream-start': streamStart,
  'stream-stop': streamStop,
  'set-units': setUnits,
  reap,
  propose,
  'activate-and-pool': activateAndPool,
  'handle-breach': handleBreach,
  'cast-vote': castVote,
}

/** What stands in the files where a contract's address goes. */
export const contractStandIns = {
  vault: '0x0000000000000000000000000000000000000000',
  coalition: '0x0000000000000000000000000000000000000001',
} as const

export const prepareWorkflows = (deployment: KeeperDeployment): PreparedWorkflow[] =>
  (deployment.coalition ? workflowKeys : vaultWorkflowKeys).map(key =>
    prepareWorkflow(key, workflowFiles[key], deployment),
  )

/** Throws a plain `Error` where the file calls a contract that the deployment has not. */
export function prepareWorkflow(key: string, file: unknown, deployment: KeeperDeployment): PreparedWorkflow {
  const { chainId } = deployment
  const parsed = workflowExportSchema.parse(file)
  const called = new Set<Address>()
  const nodes = parsed.nodes.map(node => {
    const { config } = node.data
    if (!config || !('contractAddress' in config)) return node
    const contractAddress = addressOf(String(config.contractAddress), deployment)
    called.add(contractAddress)
    return { ...node, data: { ...node.data, config: { ...config, network: String(chainId), contractAddress } } }
  })
  const digest = sha256Hex(canonicalJson([nodes, parsed.edges])).slice(0, 16)
  const workflow = {
    name: `ComputePool ${key} · chain ${chainId} · ${[...called].join(' · ')}`,
    description: `${parsed.workflow.description ?? ''} [${digest}]`,
  }
  return { key, definition: { ...parsed, workflow, nodes } }
}

function addressOf(standIn: string, { vault, coalition }: KeeperDeployment): Address {
  if (standIn === contractStandIns.vault) return vault
  if (standIn === contractStandIns.coalition && coalition) return coalition
  throw new Error(`The workflow calls ${standIn}, which stands for no contract of this deployment.`)
}
