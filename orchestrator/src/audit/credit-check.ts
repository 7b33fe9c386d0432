/** What a check is worth to those who made it. It knows no peers and no clock. */
import type { AuditPay } from './audit-pay.ts'
import type { OpenCheck } from './open-check.ts'

/** What they said of it somebody vouched for says too: it counts by how much they computed, once each. */
export function creditCheck(
  pay: Pick<AuditPay, 'earned'>,
  { drawn, paid }: Pick<OpenCheck, 'drawn' | 'paid'>,
  operators: readonly string[],
): void {
  const { layers, endPosition } = drawn
  for (const operator of operators) {
    if (paid.has(operator)) continue
    paid.add(operator)
    pay.earned(operator, (layers.end - layers.start) * endPosition)
  }
}
