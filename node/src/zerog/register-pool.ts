/** Registers a pool with 0G Compute by what the pool itself says of its signer and model. It never says more of it than is so. */
import type { ServiceTerms } from '@computepool/orchestrator/zerog-compute/serving-client.ts'
import { needsAcknowledgingAgain } from '@computepool/orchestrator/zerog-compute/serving-client.ts'
import { type AttestationBody, judgeAttestation, type QuoteVerdict } from '@computepool/shared/attestation'
import { ComputePoolError } from '@computepool/shared/errors'
import { additionalInfoOf, serviceType, verifiabilityOf } from '@computepool/shared/zerog-compute'
import { type Address, formatEther, getAddress, type Hex, parseUnits } from 'viem'
import type { ZerogPlace } from './zerog-place.ts'

export interface RegisterOptions {
  readonly place: ZerogPlace
  readonly attestation: AttestationBody
  /** That the attestation was asked with. */
  readonly nonce: string
  /** Whether Intel signed its quote; null: nobody brought collateral to tell by. */
  readonly verdict: QuoteVerdict | null
  /** Under which 0G's clients reach it. */
  readonly url: string
  readonly inputPriceNeuron: bigint
  readonly outputPriceNeuron: bigint
  /** Simulated attestation is meant. */
  readonly isSimulationMeant: boolean
  /** An acknowledgement may be lost. */
  readonly isLossMeant: boolean
  readonly isDryRun: boolean
}

export interface Registered {
  readonly did: 'registered' | 'updated' | 'nothing' | 'would register' | 'would update'
  readonly transaction: Hex | null
  readonly terms: ServiceTerms
  readonly stakeNeuron: bigint
  /** Of the pool's quote, by Intel; `none` of simulated evidence, which has no quote. */
  readonly quoteSignature: 'verified' | 'not checked' | 'none'
  /** What the chain says afterwards. */
  readonly isAcknowledged: boolean
}

/** 0G's prices are in neuron for one token, people's in 0G for a million. Errors: `input_invalid`. */
export function neuronPerToken(perMillion: string, option: string): bigint {
  if (/^\d{1,9}(\.\d{1,12})?$/.test(perMillion)) return parseUnits(perMillion, 12)
  throw new ComputePoolError('input_invalid', `${option} is "${perMillion}".`, {
    remedy: 'It is 0G for a million tokens, like 0.05, with 12 decimals at most.',
  })
}

/** Errors: `input_invalid`, `attestation_refused`, `chain_underfunded`, `chain_reverted`, `chain_unreachable`. */
export async function registerPool(options: RegisterOptions): Promise<Registered> {
  const { place, attestation, inputPriceNeuron, outputPriceNeuron } = options
  const { serving, client } = place
  const isLocal = place.chainId === 31337
  if (!isLocal && !options.url.startsWith('https://')) {
    throw new ComputePoolError('input_invalid', `0G’s clients reach a provider by https; this is ${options.url}.`, {
      remedy: 'Name the public address with --url.',
    })
  }
  const quoteSignature = vouchedBy(options, isLocal)
  const { model } = attestation.claims
  if (typeof model !== 'string') {
    throw new ComputePoolError('input_invalid', 'The pool’s attestation claims no model.', {
      remedy: 'Register a pool of this version of ComputePool.',
    })
  }
  const terms: ServiceTerms = {
    ...{ serviceType, url: options.url, model, inputPriceNeuron, outputPriceNeuron },
    verifiability: verifiabilityOf(attestation.kind),
    additionalInfo: additionalInfoOf(attestation.kind),
    signer: getAddress(attestation.signer as Address),
  }
  const now = await serving.service()
  if (now?.isAcknowledged && needsAcknowledgingAgain(now, terms) && !options.isLossMeant) {
    throw new ComputePoolError('input_invalid', 'This change would take 0G’s acknowledgement away.', {
      remedy:
        'Leave signer, model and attestation as they are, or say --again: then 0G’s team has to look at it again.',
    })
  }
  const stakeNeuron = now === null ? await serving.leastStakeNeuron() : 0n
  const has = await client.getBalance({ address: serving.provider })
  if (has < stakeNeuron) {
    const message = `${serving.provider} has ${formatEther(has)} 0G; a first registration stakes ${formatEther(stakeNeuron)}.`
    throw new ComputePoolError('chain_underfunded', message, { remedy: 'Send it that, and some for gas.' })
  }
  if (options.isDryRun) {
    const did = now === null ? 'would register' : 'would update'
    return { did, transaction: null, terms, stakeNeuron, quoteSignature, isAcknowledged: now?.isAcknowledged ?? false }
  }
  const { did, transaction } = await serving.register(terms, stakeNeuron)
  const isAcknowledged = (await serving.service())?.isAcknowledged ?? false
  return { did, transaction, terms, stakeNeuron, quoteSignature, isAcknowledged }
}

/** What an answer must pass before 100 0G are staked on its kind; Intel's signature only where collateral was brought. */
const asked = ['hardware', 'debug', 'event-log', 'report-data', 'freshness'] as const
const askedOfIntel = ['collateral', 'signature'] as const

function vouchedBy(options: RegisterOptions, isLocal: boolean): Registered['quoteSignature'] {
  const { attestation, nonce, verdict, isSimulationMeant } = options
  if (attestation.kind === 'simulated') {
    if (isLocal || isSimulationMeant) return 'none'
    throw refused(
      'The pool’s attestation is simulated: nobody will acknowledge it.',
      'Start the pool in a TEE (--attestation tdx-dstack), or say --simulated to stake 100 0G all the same.',
    )
  }
  const { checks } = judgeAttestation(attestation, verdict, { nonce, measurements: null, statuses: [] })
  const counted: readonly string[] = verdict === null ? asked : [...asked, ...askedOfIntel]
  const failed = checks.filter(({ name, ok }) => !ok && counted.includes(name))
  if (failed.length === 0) return verdict === null ? 'not checked' : 'verified'
  const why = failed.map(({ name, detail }) => `${name}: ${detail}`).join('; ')
  throw refused(
    `The pool says ${attestation.kind}, and its evidence does not bear it out (${why}).`,
    'Look at it with computepool verify-attestation, and start the pool in the TEE that it names.',
  )
}

const refused = (message: string, remedy: string): ComputePoolError =>
  new ComputePoolError('attestation_refused', message, { remedy })
