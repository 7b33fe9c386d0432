/**
 * Every error code of the product in one table: the prefix says who must act, the row says what HTTP, OpenAI's SDKs and a
 * retrying client make of it. A code that is not here does not exist.
 */

/** What a caller may do next: nothing, the same again, another peer or coalition, or the same later. */
export type Retry = 'never' | 'same' | 'other' | 'later'

export interface ErrorRow {
  readonly httpStatus: number
  /** `error.type` in an OpenAI error body. */
  readonly openaiType: string
  /** `error.code` in an OpenAI error body, where OpenAI has a name of its own for it. */
  readonly openaiCode?: string
  readonly retry: Retry
}

const invalid = { httpStatus: 400, openaiType: 'invalid_request_error', retry: 'never' } as const
const unpaid = { httpStatus: 402, openaiType: 'payment_error', retry: 'never' } as const
const server = { httpStatus: 500, openaiType: 'server_error' } as const
const unavailable = { httpStatus: 503, openaiType: 'server_error' } as const

export const errorTable = {
  input_invalid: invalid,
  input_unsupported: { ...invalid, openaiCode: 'unsupported_parameter' },
  input_version_unsupported: invalid,
  input_context_too_long: { ...invalid, openaiCode: 'context_length_exceeded' },
  input_too_large: { ...invalid, httpStatus: 413 },
  input_model_unknown: { ...invalid, httpStatus: 404, openaiCode: 'model_not_found' },
  input_not_found: { ...invalid, httpStatus: 404 },
  payment_required: unpaid,
  payment_voucher_refused: unpaid,
  payment_voucher_conflict: { ...invalid, httpStatus: 409 },
  payment_cap_reached: unpaid,
  payment_session_unknown: { ...invalid, httpStatus: 404 },
  payment_session_opening: { ...invalid, httpStatus: 409, retry: 'later' },
  payment_session_closed: unpaid,
  payment_session_full: { httpStatus: 429, openaiType: 'rate_limit_error', retry: 'later' },
  payment_challenge_invalid: unpaid,
  payment_signature_declined: unpaid,
  payment_wallet_failed: unpaid,
  swarm_layers_missing: { ...unavailable, retry: 'later' },
  swarm_trust_missing: { ...unavailable, retry: 'later' },
  swarm_busy: { httpStatus: 429, openaiType: 'rate_limit_error', openaiCode: 'rate_limit_exceeded', retry: 'later' },
  swarm_overloaded: { ...unavailable, retry: 'later' },
  swarm_coalition_lost: { ...unavailable, retry: 'same' },
  swarm_no_placement: { ...unavailable, retry: 'later' },
  peer_unauthenticated: { httpStatus: 401, openaiType: 'authentication_error', retry: 'never' },
  peer_not_authorised: { httpStatus: 403, openaiType: 'permission_error', retry: 'never' },
  peer_version_refused: { ...server, retry: 'never' },
  peer_rate_limited: { httpStatus: 429, openaiType: 'rate_limit_error', retry: 'later' },
  peer_message_invalid: { ...server, retry: 'other' },
  peer_frame_invalid: { ...server, retry: 'other' },
  peer_frame_too_large: { ...server, retry: 'other' },
  peer_timed_out: { ...server, retry: 'other' },
  peer_disconnected: { ...server, retry: 'other' },
  peer_unreachable: { ...server, retry: 'other' },
  engine_unavailable: { ...server, retry: 'other' },
  engine_self_test_failed: { ...server, retry: 'other' },
  engine_device_lost: { ...server, retry: 'other' },
  engine_out_of_memory: { ...server, retry: 'other' },
  engine_worker_died: { ...server, retry: 'other' },
  engine_prefix_missing: { ...server, retry: 'same' },
  engine_failed: { ...server, retry: 'other' },
  artifact_invalid: { ...server, retry: 'never' },
  artifact_type_unsupported: { ...server, retry: 'never' },
  artifact_digest_mismatch: { ...server, retry: 'same' },
  artifact_fetch_failed: { ...server, retry: 'same' },
  artifact_store_failed: { ...unavailable, retry: 'later' },
  artifact_quota_exceeded: { ...server, retry: 'never' },
  chain_reverted: { httpStatus: 502, openaiType: 'server_error', retry: 'same' },
  chain_unavailable: { ...unavailable, retry: 'never' },
  chain_unreachable: { ...unavailable, retry: 'later' },
  chain_wrong: { ...unavailable, retry: 'never' },
  chain_state_invalid: { ...unavailable, retry: 'never' },
  chain_due_late: { ...unavailable, retry: 'later' },
  chain_deploy_refused: { httpStatus: 502, openaiType: 'server_error', retry: 'never' },
  chain_underfunded: { httpStatus: 502, openaiType: 'server_error', retry: 'later' },
  chain_keeper_unavailable: { ...unavailable, retry: 'later' },
  chain_keeper_refused: { httpStatus: 502, openaiType: 'server_error', retry: 'never' },
  chain_keeper_conflict: { httpStatus: 409, openaiType: 'server_error', retry: 'never' },
  bug_contract_invalid: { ...server, retry: 'never' },
  chain_ledger_locked: { ...unavailable, retry: 'later' },
  chain_ledger_newer: { ...unavailable, retry: 'never' },
  chain_ledger_changed: { ...unavailable, retry: 'never' },
  chain_ledger_unreachable: { ...unavailable, retry: 'later' },
  attestation_unavailable: { ...unavailable, retry: 'later' },
  attestation_refused: { ...unavailable, retry: 'never' },
  bug_unreachable_state: { ...server, retry: 'never' },
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof errorTable

/** True where `value` is a code of the table: for errors that arrive as data. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorTable, value)
}
