import { coalitionAbi, streamVaultAbi } from '@computepool/contracts/abi'
import { type Abi, type AbiEvent, type AbiFunction, toEventSelector, toFunctionSelector } from 'viem'
import { describe, expect, it } from 'vitest'
import {
  contractStandIns,
  prepareWorkflow,
  prepareWorkflows,
  vaultWorkflowKeys,
  workflowFiles,
  workflowKeys,
} from './prepare-workflows.ts'
import { referencesIn } from './template.ts'
import { readGraph } from './workflow-graph.ts'
import { type WorkflowExport, workflowExportSchema } from './workflow-schema.ts'
import { parseWorkflow } from './workflow-store.ts'

const vault = '0x00000000000000000000000000000000000000aa'
const coalition = '0x00000000000000000000000000000000000000bb'
const deployment = { chainId: 16602, vault, coalition } as const
const abis: Record<string, Abi> = {
  [contractStandIns.vault]: streamVaultAbi,
  [contractStandIns.coalition]: coalitionAbi,
}
const prepared = prepareWorkflows(deployment)
/** A lone output goes without a name, so that a reference to `result` is the value itself. */
const outputsOf = (entry: AbiFunction | undefined) =>
  entry?.outputs.length === 1 ? entry.outputs.map(output => ({ ...output, name: '' })) : entry?.outputs
const configsOf = ({ nodes }: WorkflowExport) => nodes.map(({ data }) => data.config ?? {})

describe.each(workflowKeys)('the file %s', key => {
  const file = workflowExportSchema.parse(workflowFiles[key])
  const { definition } = prepared.find(each => each.key === key) ?? { definition: file }

  it('is an export that the runner can read', () => {
    expect(readGraph(file).trigger.id).toBe('trigger')
    expect(parseWorkflow(workflowFiles[key])).toEqual(file)
  })

  it('calls its contracts as their ABIs say', () => {
    for (const config of configsOf(file)) {
      if (typeof config.abi !== 'string') continue
      const abi = JSON.parse(config.abi) as (AbiFunction & { name: string })[]
      const real = abis[String(config.contractAddress)] ?? []
      if (config.actionType === 'web3/query-events') {
        const event = real.find(entry => entry.type === 'event' && entry.name === config.eventName) as AbiEvent
        expect(abi.map(entry => toEventSelector(entry as unknown as AbiEvent))).toEqual([toEventSelector(event)])
        continue
      }
      const [called] = abi.filter(entry => entry.type === 'function')
      const meant = real.find(entry => entry.type === 'function' && entry.name === config.abiFunction)
      expect(called && toFunctionSelector(called)).toBe(toFunctionSelector(meant as AbiFunction))
      expect(outputsOf(called)).toEqual(outputsOf(meant as AbiFunction))
      // All errors of the contract, so that a refusal is told by name.
      const errors = (entries: readonly { type: string; name?: string }[]) =>
        entries.filter(({ type }) => type === 'error').map(({ name }) => name)
      expect(errors(abi)).toEqual(errors(real as readonly { type: string; name?: string }[]))
      // A vote may come to decide after its gas was reckoned: that takes a third more.
      const multiplier = config.abiFunction === 'vote' ? '2' : '1.3'
      if (config.actionType === 'web3/write-contract') expect(config.gasLimitMultiplier).toBe(multiplier)
    }
  })

  it('is made for one chain and its contracts, which no input can change', () => {
    const contracts = configsOf(definition).filter(config => 'contractAddress' in config)
    expect(contracts.length).toBeGreaterThan(0)
    for (const { network, contractAddress } of contracts) {
      expect([network, [vault, coalition].includes(String(contractAddress))]).toEqual(['16602', true])
      expect(definition.workflow.name).toContain(contractAddress)
    }
  })

  it('shows the token to nobody but the address that it is for', () => {
    for (const config of configsOf(file)) {
      for (const [setting, value] of Object.entries(config)) {
        const holdsToken = referencesIn(String(value)).some(reference => reference.includes('callback_token'))
        expect(holdsToken).toBe(setting === 'httpHeaders')
      }
    }
  })

  it('has a digest of its content', () => {
    const again = prepareWorkflow(key, workflowFiles[key], deployment)
    const elsewhere = prepareWorkflow(key, workflowFiles[key], { ...deployment, chainId: 31337 })
    expect(again.definition).toEqual(definition)
    expect(elsewhere.definition.workflow.description).not.toBe(definition.workflow.description)
  })
})

describe('a deployment without a registry of coalitions', () => {
  it('has the vault’s workflows alone', () => {
    const keys = prepareWorkflows({ chainId: 16602, vault, coalition: null }).map(({ key }) => key)
    expect(keys).toEqual([...vaultWorkflowKeys])
    expect(() => prepareWorkflow('propose', workflowFiles.propose, { chainId: 16602, vault })).toThrow(
      contractStandIns.coalition,
    )
  })
})

describe('the door for workflows', () => {
  const base = workflowFiles['stream-start'] as WorkflowExport
  const changed = (change: (copy: WorkflowExport) => void): unknown => {
    const copy = structuredClone(base)
    change(copy)
    return copy
  }
  const write = (copy: WorkflowExport) => copy.nodes[1]?.data.config as Record<string, unknown>

  it.each<[string, unknown]>([
    ['nothing', null],
    ['another version', { ...base, version: 2 }],
    ['no time of export', { ...base, exportedAt: 'yesterday' }],
    ['more than it may say', { ...base, owner: 'me' }],
    ['a node with more than it may say', changed(copy => Object.assign(copy.nodes[0]?.data ?? {}, { secret: 1 }))],
    ['too long a name', { ...base, workflow: { name: 'n'.repeat(201) } }],
    [
      'too many nodes',
      { ...base, nodes: Array.from({ length: 201 }, (_, at) => ({ ...base.nodes[0], id: `n${at}` })) },
    ],
    ['an ABI that is no string', changed(copy => Object.assign(write(copy), { abi: [] }))],
    ['arguments that are no JSON', changed(copy => Object.assign(write(copy), { functionArgs: '[1,' }))],
    ['a network by name', changed(copy => Object.assign(write(copy), { network: 'mainnet' }))],
    ['no function', changed(copy => Object.assign(write(copy), { abiFunction: undefined }))],
    ['an integration of somebody’s', changed(copy => Object.assign(write(copy), { integrationId: 'x' }))],
    ['a webhook without https', changed(copy => Object.assign(write(copy), { webhookUrl: 'http://x.example' }))],
    ['a binding to no node', { ...base, integrationBindings: [{ nodeId: 'nobody', integrationType: 'web3' }] }],
    ['more than a megabyte', changed(copy => Object.assign(write(copy), { note: 'x'.repeat(1_100_000) }))],
  ])('refuses %s', (_, input) => {
    expect(() => parseWorkflow(input)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^input_/) }))
  })

  it.each<[string, (copy: WorkflowExport) => void]>([
    ['a circle', copy => void copy.edges.push({ id: 'back', source: 'callback', target: 'set' })],
    ['an edge to nowhere', copy => void copy.edges.push({ id: 'out', source: 'set', target: 'nowhere' })],
    [
      'two triggers',
      copy => void copy.nodes.push({ ...(copy.nodes[0] as WorkflowExport['nodes'][number]), id: 'second' }),
    ],
    ['an unknown action', copy => Object.assign(write(copy), { actionType: 'discord/send' })],
    ['an unknown trigger', copy => Object.assign(copy.nodes[0]?.data.config ?? {}, { triggerType: 'Block' })],
    [
      'a schedule that is none',
      copy => Object.assign(copy.nodes[0]?.data.config ?? {}, { triggerType: 'Schedule', scheduleCron: 'often' }),
    ],
  ])('refuses to run %s', (_, change) => {
    const copy = changed(change) as WorkflowExport
    expect(() => readGraph(copy)).toThrow(expect.objectContaining({ code: 'input_invalid' }))
  })
})
