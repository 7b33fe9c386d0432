/** An SGX enclave under Gramine, which shows its hardware as files: report data are written, then the quote is read. */
import { hkdfSync } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readQuote } from '@computepool/shared/attestation'
import { ComputePoolError } from '@computepool/shared/errors'
import { privateKeyToAccount } from 'viem/accounts'
import type { AttestationProvider } from './attestation-provider.ts'

/** `folder`: Gramine's `/dev/attestation`, or one like it. Errors: `attestation_unavailable`. */
export function createGramineProvider(folder = '/dev/attestation'): AttestationProvider {
  const read = (name: string) => readFile(join(folder, name)).catch(told(`${name} cannot be read`))
  // Two who ask at once would get each other's report data.
  let turn: Promise<unknown> = Promise.resolve()
  const quote = async (reportData: Uint8Array): Promise<Buffer> => {
    const type = (await read('attestation_type')).toString('utf8').trim()
    if (type !== 'dcap') throw unavailable(`Gramine attests by "${type}", not by "dcap".`)
    await writeFile(join(folder, 'user_report_data'), reportData).catch(told('user_report_data cannot be written'))
    const bytes = await read('quote')
    const report = readQuote(bytes)
    if (report?.tee !== 'sgx') throw unavailable('Gramine answered with no quote of an enclave.')
    if (!Buffer.from(report.reportData).equals(reportData)) {
      throw unavailable('Gramine quoted other report data than it was given.')
    }
    return bytes
  }
  return {
    kind: 'sgx-gramine',
    signer: async () => {
      // Sealed to the enclave's measurement: another program, and another machine, have another.
      const sealing = await read('keys/_sgx_mrenclave')
      if (sealing.length !== 16 || sealing.every(byte => byte === 0)) throw unavailable('Gramine has no sealing key.')
      const key = Buffer.from(hkdfSync('sha256', sealing, '', 'computepool/signer', 32)).toString('hex')
      return privateKeyToAccount(`0x${key}`)
    },
    evidence: async reportData => {
      const mine = turn.then(() => quote(reportData))
      turn = mine.catch(() => {})
      return { quote: (await mine).toString('hex'), eventLog: null, vmConfig: null, simulatedSignature: null }
    },
  }
}

const told =
  (what: string) =>
  (cause: unknown): never => {
    throw unavailable(`Of Gramine, ${what}.`, cause)
  }

function unavailable(message: string, cause?: unknown): ComputePoolError {
  return new ComputePoolError('attestation_unavailable', message, {
    remedy: 'Run it under gramine-sgx with sgx.remote_attestation = "dcap".',
    cause,
  })
}
