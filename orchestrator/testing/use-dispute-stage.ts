/** A real Coalition, vault and keeper for the tests of a file, with a dispute desk over them; the registry's books are looked at after each. It registers vitest's hooks. */
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import type { DisputeDesk } from '../src/disputes/index.ts'
import { type DisputeStage, openDisputeStage } from './dispute-stage.ts'

/** `take` is given the stage and a desk before the first test; `deskOf`: whichever desk is open at the end. */
export function useDisputeStage(
  take: (stage: DisputeStage, desk: DisputeDesk) => void,
  deskOf: () => DisputeDesk | undefined,
): void {
  let stage: DisputeStage
  beforeAll(async () => {
    stage = await openDisputeStage()
    take(stage, stage.openDesk())
  }, 240_000)
  afterAll(async () => {
    await deskOf()?.close()
    await stage?.close()
  })
  // Whatever happened: what lies in the registry is what its books say.
  afterEach(async () => {
    expect(await stage.usdcOf(stage.coalition.address)).toBe((await stage.reader.totals()).heldAtomic)
  })
}
