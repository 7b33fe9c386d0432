/**
 * Calls of the coalition contract, for whoever pays the gas: authority lies in the signatures that they carry, so any relayer may send
 * any of them. Each is calldata, and the same arguments as JSON for a keeper's workflow. It sends nothing.
 */
import { coalitionAbi } from '@computepool/contracts/abi'
import {
  type Accusation,
  type CoalitionTerms,
  type Consent,
  emptySignature,
  type LeaveWord,
  type ResponseWord,
  reasonIndex,
  type VoteWord,
} from '@computepool/shared/coalition'
import type { KeeperValue } from '@computepool/shared/ports'
import { type Address, encodeFunctionData, type Hex } from 'viem'

export interface CoalitionCall {
  readonly to: Address
  readonly data: Hex
  readonly functionName: string
  /** For `functionArgs` of a workflow's step: numbers as decimal strings, structs as objects. */
  readonly args: readonly KeeperValue[]
}

export interface CoalitionRelay {
  propose(terms: CoalitionTerms, consents: readonly Consent[]): CoalitionCall
  /** More consents to a proposal, with the terms that they are of. */
  consent(id: bigint, terms: CoalitionTerms, consents: readonly Consent[]): CoalitionCall
  activate(id: bigint): CoalitionCall
  resplit(id: bigint, terms: CoalitionTerms, consents: readonly Consent[]): CoalitionCall
  leave(word: LeaveWord): CoalitionCall
  end(id: bigint): CoalitionCall
  release(id: bigint, operator: Address): CoalitionCall
  accuse(accusation: Accusation): CoalitionCall
  respond(word: ResponseWord): CoalitionCall
  vote(word: VoteWord): CoalitionCall
  /** Ends a dispute that found no quorum in time. */
  close(dispute: bigint): CoalitionCall
  settle(dispute: bigint): CoalitionCall
  /** The money goes to the account, whoever asks. */
  withdraw(account: Address): CoalitionCall
}

/** Calls of the contract at `coalition`. */
export function relayTo(coalition: Address): CoalitionRelay {
  const call = (data: Hex, functionName: string, args: readonly unknown[]): CoalitionCall => ({
    to: coalition,
    data,
    functionName,
    args: args.map(asJson),
  })
  const make = <const N extends CallName>(functionName: N, args: CallArgs<N>): CoalitionCall =>
    call(
      encodeFunctionData({ abi: coalitionAbi, functionName, args } as never),
      functionName,
      args as readonly unknown[],
    )
  return {
    propose: (terms, consents) => make('propose', [terms, consents]),
    consent: (id, terms, consents) => make('consent', [id, terms, consents]),
    activate: id => make('activate', [id]),
    resplit: (id, terms, consents) => make('resplit', [id, terms, consents]),
    leave: ({ id, operator, signature }) => make('leave', [id, operator, signature]),
    end: id => make('end', [id]),
    release: (id, operator) => make('release', [id, operator]),
    accuse({ id, accused, reason, session, evidenceHash, evidenceUri, ...rest }) {
      const { accuser, bondAtomic, validAfter, validBefore, bondSignature } = rest
      const bond = {
        operator: accuser,
        termsSignature: emptySignature,
        validAfter,
        validBefore,
        stakeSignature: bondSignature,
      } as const
      return make('accuse', [id, accused, reasonIndex(reason), session, evidenceHash, evidenceUri, bond, bondAtomic])
    },
    respond: ({ dispute, responseHash, responseUri, signature }) =>
      make('respond', [dispute, responseHash, responseUri, signature]),
    vote: ({ dispute, isGuilty, auditor, signature }) => make('vote', [dispute, isGuilty, auditor, signature]),
    close: dispute => make('close', [dispute]),
    settle: dispute => make('settle', [dispute]),
    withdraw: account => make('withdraw', [account]),
  }
}

type CallName = Extract<
  Parameters<typeof encodeFunctionData<typeof coalitionAbi>>[0]['functionName'],
  keyof CoalitionRelay
>
type CallArgs<N extends CallName> = NonNullable<
  Parameters<typeof encodeFunctionData<typeof coalitionAbi, N>>[0]['args']
>

/** JSON without loss: whole numbers of every size become decimal strings. */
export function asJson(value: unknown): KeeperValue {
  if (typeof value === 'bigint' || typeof value === 'number') return value.toString()
  if (Array.isArray(value)) return value.map(asJson)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, asJson(inner)]))
  }
  return value as KeeperValue
}
