/**
 * KeeperHub's export format, version 1, as a door: strict where theirs is, with their limits, and narrower where a file of theirs
 * would only fail at run time (ABI and arguments are JSON strings, networks decimal strings). It knows the shape, not what runs it.
 */
import { z } from 'zod'

/** KeeperHub refuses a larger import. */
export const mostImportBytes = 1_048_576

const jsonArrayText = z.string().refine(text => isJson(text, Array.isArray), 'must be a JSON array in a string')
const networkText = z.string().regex(/^[1-9][0-9]{0,15}$/, 'must be a chain id as a decimal string')

// A value that only a template gives is not JSON yet: `[{{@trigger:Trigger.members}}]` becomes it.
const templatedArray = z
  .string()
  .refine(text => isJson(text.replace(/\{\{[^}]*\}\}/g, '0'), Array.isArray), 'must be a JSON array in a string')
const templatedObject = z
  .string()
  .refine(text => isJson(text.replace(/\{\{[^}]*\}\}/g, '0'), isPlainObject), 'must be a JSON object in a string')

const web3Config = z.looseObject({
  network: networkText,
  contractAddress: z.string().min(1),
  abi: jsonArrayText,
})
const contractConfig = web3Config.extend({
  abiFunction: z.string().min(1),
  functionArgs: templatedArray.optional(),
  gasLimitMultiplier: z.string().optional(),
})

/** What each action needs, by `actionType`; an action that is not here is not run here. */
export const actionConfigs = {
  'web3/write-contract': contractConfig,
  'web3/read-contract': contractConfig,
  'web3/query-events': web3Config.extend({
    eventName: z.string().min(1),
    eventArgs: templatedArray.optional(),
    fromBlock: z.string().optional(),
    toBlock: z.string().optional(),
    blockCount: z.union([z.string(), z.number()]).optional(),
  }),
  'HTTP Request': z.looseObject({
    endpoint: z.string().min(1),
    httpMethod: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).default('POST'),
    httpHeaders: templatedObject.optional(),
    httpBody: z.string().optional(),
    timeout: z.coerce.number().min(1).max(30).default(5),
    failOnError: z.union([z.boolean(), z.string()]).optional(),
    retryAttempts: z.coerce.number().int().min(0).max(5).default(0),
    retryDelay: z.coerce.number().min(0).max(30).default(1),
  }),
  Condition: z.looseObject({ condition: z.union([z.string().min(1), z.boolean()]) }),
  'For Each': z.looseObject({
    arraySource: z.string().min(1),
    maxIterations: z.coerce.number().int().min(1).max(1000).optional(),
  }),
  Collect: z.looseObject({}),
} as const satisfies Record<string, z.ZodType>

export type ActionType = keyof typeof actionConfigs
export const isActionType = (value: unknown): value is ActionType =>
  typeof value === 'string' && Object.hasOwn(actionConfigs, value)

const nodeSchema = z.strictObject({
  id: z.string().min(1),
  type: z.string(),
  position: z.object({ x: z.number(), y: z.number() }),
  data: z.strictObject({
    label: z.string().max(500),
    description: z.string().max(2000).optional(),
    type: z.enum(['trigger', 'action']),
    config: z.record(z.string(), z.unknown()).optional(),
    status: z.enum(['idle', 'running', 'success', 'error']).optional(),
    enabled: z.boolean().optional(),
  }),
})

const edgeSchema = z.looseObject({
  id: z.string().min(1),
  source: z.string(),
  target: z.string(),
  type: z.string().optional(),
  sourceHandle: z.string().nullable().optional(),
  targetHandle: z.string().nullable().optional(),
  label: z.string().optional(),
  data: z.unknown().optional(),
})

export const workflowExportSchema = z
  .strictObject({
    version: z.literal(1),
    exportedAt: z.iso.datetime(),
    workflow: z.strictObject({ name: z.string().min(1).max(200), description: z.string().max(2000).optional() }),
    nodes: z.array(nodeSchema).max(200),
    edges: z.array(edgeSchema).max(500),
    integrationBindings: z.array(z.object({ nodeId: z.string().min(1), integrationType: z.string().min(1) })),
  })
  .superRefine(({ nodes, integrationBindings }, context) => {
    const ids = new Set(nodes.map(({ id }) => id))
    for (const [index, { nodeId }] of integrationBindings.entries()) {
      if (!ids.has(nodeId)) {
        context.addIssue({ code: 'custom', path: ['integrationBindings', index, 'nodeId'], message: 'names no node' })
      }
    }
    for (const [index, { data }] of nodes.entries()) {
      const config = data.config ?? {}
      const path = ['nodes', index, 'data', 'config']
      if (typeof config.webhookUrl === 'string' && !config.webhookUrl.startsWith('https://')) {
        context.addIssue({ code: 'custom', path: [...path, 'webhookUrl'], message: 'must be https' })
      }
      if ('integrationId' in config || 'integrationConfig' in config) {
        context.addIssue({ code: 'custom', path, message: 'a portable export names no integration' })
      }
      const { actionType } = config
      if (data.type !== 'action' || !isActionType(actionType)) continue
      const parsed = actionConfigs[actionType].safeParse(config)
      for (const issue of parsed.error?.issues ?? []) {
        context.addIssue({ code: 'custom', path: [...path, ...issue.path], message: issue.message })
      }
    }
  })

export type WorkflowExport = z.infer<typeof workflowExportSchema>
export type WorkflowNode = WorkflowExport['nodes'][number]
export type WorkflowEdge = WorkflowExport['edges'][number]

function isJson(text: string, test: (value: unknown) => boolean): boolean {
  try {
    return test(JSON.parse(text))
  } catch {
    return false
  }
}

const isPlainObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)
