/** A TD under dstack: key and quotes come from its guest agent, over a socket that only the TD has. It never falls back to anything. */
import { existsSync } from 'node:fs'
import { eventLogSchema, readQuote } from '@computepool/shared/attestation'
import { ComputePoolError } from '@computepool/shared/errors'
import { DstackClient } from '@phala/dstack-sdk'
import { toViemAccountSecure } from '@phala/dstack-sdk/viem'
import type { AttestationProvider } from './attestation-provider.ts'

/** Where dstack puts its socket, by age of its image. */
const sockets = ['/var/run/dstack.sock', '/run/dstack.sock', '/var/run/dstack/dstack.sock', '/run/dstack/dstack.sock']

/** Of the key under which this process signs: another path is another key. */
const keyPath = 'computepool/signer'

/**
 * `socket`: of the guest agent; default: dstack's own. The SDK's way to a simulator, an environment variable, is not taken: an address is always
 * given. Errors: `attestation_unavailable`.
 */
export function createDstackProvider(socket?: string): AttestationProvider {
  const endpoint = socket ?? sockets.find(path => existsSync(path))
  if (endpoint === undefined || !existsSync(endpoint)) {
    throw unavailable(`There is no dstack guest agent at ${endpoint ?? sockets.join(', ')}.`)
  }
  const client = new DstackClient(endpoint)
  const key = async () => {
    const answer = await client.getKey(keyPath).catch(told('no key'))
    // The SDK ignores HTTP statuses: a refusal reaches it as a key of no bytes.
    if (answer.key?.length !== 32) throw unavailable('The dstack guest agent gave no key of 32 bytes.')
    return toViemAccountSecure(answer)
  }
  let account: ReturnType<typeof key> | null = null
  return {
    kind: 'tdx-dstack',
    signer: () => {
      account ??= key().catch(error => {
        account = null
        throw error
      })
      return account
    },
    evidence: async reportData => {
      const answer = await client.getQuote(reportData).catch(told('no quote'))
      const quote = String(answer.quote).replace(/^0x/, '').toLowerCase()
      const report = /^([0-9a-f]{2})+$/.test(quote) ? readQuote(Buffer.from(quote, 'hex')) : null
      if (report?.tee !== 'tdx') throw unavailable('The dstack guest agent answered with no quote of a TD.')
      if (!Buffer.from(report.reportData).equals(reportData)) {
        throw unavailable('The dstack guest agent quoted other report data than it was given.')
      }
      const { vm_config: vmConfig = null } = answer
      return { quote, eventLog: logOf(answer.event_log), vmConfig, simulatedSignature: null }
    },
    tcbInfo: async () => {
      const info = await client.info().catch(told('no account of what it runs'))
      return JSON.stringify(info.tcb_info ?? null)
    },
  }
}

function logOf(text: unknown) {
  try {
    return eventLogSchema.parse(JSON.parse(String(text)))
  } catch (cause) {
    throw unavailable('The dstack guest agent’s event log cannot be read.', cause)
  }
}

const told =
  (what: string) =>
  (cause: unknown): never => {
    throw unavailable(`The dstack guest agent gave ${what}.`, cause)
  }

function unavailable(message: string, cause?: unknown): ComputePoolError {
  return new ComputePoolError('attestation_unavailable', message, {
    remedy: 'Run it in a dstack CVM with the guest agent’s socket mounted.',
    cause,
  })
}
