/** Small workflows for tests of the keeper, and a sender that only pretends. */

import type { PreparedWorkflow } from '../src/keeper/prepare-workflows.ts'
import type { MinedTransaction, TransactionSender } from '../src/keeper/transaction-sender.ts'
import { workflowExportSchema } from '../src/keeper/workflow-schema.ts'

export interface TestNode {
  readonly id: string
  readonly label?: string
  readonly config: Record<string, unknown>
  readonly enabled?: boolean
}
export type TestEdge = readonly [source: string, target: string, handle?: string]

export const manual = { triggerType: 'Manual' }

/** A workflow of a trigger and these nodes. */
export function testWorkflow(
  key: string,
  nodes: readonly TestNode[],
  edges: readonly TestEdge[],
  trigger: Record<string, unknown> = manual,
): PreparedWorkflow {
  const definition = workflowExportSchema.parse({
    version: 1,
    exportedAt: '2026-01-01T00:00:00.000Z',
    workflow: { name: `Test ${key}`, description: '' },
    nodes: [{ id: 'trigger', label: 'Trigger', config: trigger }, ...nodes].map(
      ({ id, label, config, ...rest }, at) => ({
        id,
        type: at === 0 ? 'trigger' : 'action',
        position: { x: at * 272, y: 0 },
        data: {
          label: label ?? id,
          type: at === 0 ? 'trigger' : 'action',
          config,
          ...('enabled' in rest && rest.enabled !== undefined ? { enabled: rest.enabled } : {}),
        },
      }),
    ),
    edges: edges.map(([source, target, sourceHandle], at) => ({
      id: `e${at}`,
      source,
      target,
      ...(sourceHandle === undefined ? {} : { sourceHandle }),
    })),
    integrationBindings: [],
  })
  return { key, definition }
}

/** One HTTP Request to `https://<key>.example`, with the token in its headers. */
export const httpWorkflow = (key: string): PreparedWorkflow =>
  testWorkflow(
    key,
    [
      {
        id: 'ask',
        config: {
          actionType: 'HTTP Request',
          endpoint: `https://${key}.example/`,
          httpMethod: 'POST',
          httpHeaders: '{"Authorization": "Bearer {{@trigger:Trigger.callback_token}}"}',
          httpBody: '{"token": "{{@trigger:Trigger.callback_token}}"}',
        },
      },
    ],
    [['trigger', 'ask']],
  )

const pokeAbi = JSON.stringify([
  { type: 'function', name: 'poke', stateMutability: 'nonpayable', inputs: [], outputs: [] },
])

export const writeWorkflow = (key: string): PreparedWorkflow =>
  testWorkflow(
    key,
    [
      {
        id: 'poke',
        config: {
          actionType: 'web3/write-contract',
          network: '31337',
          contractAddress: '0x00000000000000000000000000000000000000aa',
          abi: pokeAbi,
          abiFunction: 'poke',
          functionArgs: '[]',
        },
      },
    ],
    [['trigger', 'poke']],
  )

export interface PretendSender extends TransactionSender {
  readonly submitted: number
  readonly resubmitted: number
  /** Gives every transaction a receipt from now on. */
  mine(status?: MinedTransaction['status']): void
}

export function createPretendSender(onSubmitted: () => void = () => {}): PretendSender {
  let status: MinedTransaction['status'] | null = null
  let submitted = 0
  let resubmitted = 0
  return {
    address: '0x00000000000000000000000000000000000000bb',
    async submit(_, onSigned) {
      const signed = {
        hash: `0x${(++submitted).toString(16).padStart(64, '0')}` as const,
        nonce: submitted - 1,
        raw: '0x' as const,
      }
      await onSigned(signed)
      onSubmitted()
      return signed
    },
    async resubmit() {
      resubmitted++
    },
    receipt: async () =>
      status === null ? null : { status, blockNumber: 7n, gasUsed: 21_000n, effectiveGasPrice: 1n },
    minedNonce: async () => 0,
    mine(as = 'success') {
      status = as
    },
    get submitted() {
      return submitted
    },
    get resubmitted() {
      return resubmitted
    },
  }
}
