/** The blob port: whole files of moderate size, named by their 0G Merkle root. What you get hashes to what you asked for. */

export interface StoredBlob {
  /** Merkle root, `0x` and 64 hex digits. */
  readonly root: `0x${string}`
  /** Keep it beside the root, which does not tell it. */
  readonly sizeBytes: number
}

export interface BlobStore {
  /**
   * Stores once: bytes that are there already cost nothing again.
   * Errors: `artifact_store_failed`, `input_invalid` where there is no byte, `input_too_large`, `chain_underfunded`.
   */
  put(bytes: Uint8Array, signal?: AbortSignal): Promise<StoredBlob>
  /**
   * Exactly the bytes that were stored.
   * Errors: `artifact_fetch_failed` where nobody gave them in time, `artifact_digest_mismatch` where somebody gave others.
   */
  get(blob: StoredBlob, signal?: AbortSignal): Promise<Uint8Array>
}
