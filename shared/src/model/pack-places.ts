/**
 * Where else a pack's parts are: files of 0G Storage, named by Merkle root. It lies beside the manifest and outside its digest: a place
 * needs no trust, since every byte is checked against the manifest, and it may change without the pack becoming another.
 */
import { z } from 'zod'
import type { FileRef } from './manifest.ts'

export const placesName = '0g.json'
/** 514 parts of a few pieces each take some 200 kB. */
export const mostPlacesBytes = 1 << 20
/** 0G's gateway gives files up to 100 MiB; a larger part lies there in pieces of this size. */
export const pieceBytes = 64 << 20

const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
/** Like https://gateway.example, perhaps with a path; no query, no user, no slash at the end. */
const gateway = z
  .string()
  .max(300)
  .regex(/^https?:\/\/[A-Za-z0-9.:[\]-]+(?:\/[A-Za-z0-9._~-]+)*$/)

const packPieceSchema = z.strictObject({
  /** Merkle root, as 0G computes it. */
  root: z.string().regex(/^0x[0-9a-f]{64}$/),
  sizeBytes: z.int().positive().max(pieceBytes),
})
export type PackPiece = z.infer<typeof packPieceSchema>

const placesSchema = z.strictObject({
  format: z.literal('computepool-places'),
  version: z.literal(1),
  /** Of the pack that it tells of. */
  manifestSha256: sha256,
  /** True where it is no network but a stand-in of somebody's machine. */
  isStandIn: z.boolean(),
  /** The chain on which the storing was paid. */
  chainId: z.int().positive(),
  /** Each gives any of the files at `/file?root=`; in the order in which they are to be asked. */
  gateways: z.array(gateway).min(1).max(8),
  /** Whether they are to be asked before the pool. */
  isFirst: z.boolean(),
  /** Those that are stored, by the digest of the whole part; its pieces in their order. */
  parts: z.array(z.strictObject({ sha256, pieces: z.array(packPieceSchema).min(1).max(1024) })).max(514),
})
export type PackPlaces = z.infer<typeof placesSchema>

/** Null where `value` does not tell of the pack whose manifest has that digest. */
export function parsePackPlaces(value: unknown, manifestSha256: string): PackPlaces | null {
  const parsed = placesSchema.safeParse(value)
  return parsed.success && parsed.data.manifestSha256 === manifestSha256 ? parsed.data : null
}

/** The pieces that make up `file`; null where it is not stored, or where they are not as long as it. */
export function piecesOf(places: PackPlaces, file: FileRef): readonly PackPiece[] | null {
  const pieces = places.parts.find(part => part.sha256 === file.sha256)?.pieces
  const sizeBytes = pieces?.reduce((sum, piece) => sum + piece.sizeBytes, 0)
  return pieces !== undefined && sizeBytes === file.sizeBytes ? pieces : null
}
