/** The pool's public list of disputes, parsed at the door. It keeps nothing. */
import { type DisputeView, disputesSchema } from '@computepool/shared/money'
import { type FetchLike, readJson, send } from './api-door.ts'

export async function fetchDisputes(
  fetchImpl: FetchLike = (path, init) => fetch(path, init),
): Promise<readonly DisputeView[]> {
  return (await readJson(await send(fetchImpl, '/api/disputes'), disputesSchema)).disputes
}
