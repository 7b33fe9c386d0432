/** One line beside an operator's other earnings, where the pool is a provider of 0G Compute: what it is owed and was paid of what 0G's users paid. */
import { useEffect } from 'react'
import { formatCoins } from '../format/format-money.ts'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'

export function ZerogLine({ operator }: { operator: string }) {
  const { zerogEarnings } = useServices()
  const earned = useStore(zerogEarnings)
  useEffect(() => zerogEarnings.watch(operator), [zerogEarnings, operator])
  if (earned === null || earned.operator !== operator) return null
  const { owedNeuron, sendingNeuron, paidNeuron, doubtedNeuron, payoutAtNeuron } = earned
  return (
    <p className="hint" data-testid="zerog-earnings" data-owed={String(owedNeuron)} data-paid={String(paidNeuron)}>
      From 0G’s users: {formatCoins(owedNeuron)} owed
      {sendingNeuron === 0n ? '' : `, ${formatCoins(sendingNeuron)} being sent`}, {formatCoins(paidNeuron)} paid to this
      key’s wallet on 0G’s chain, by the pool’s book
      {doubtedNeuron === 0n ? '' : `; ${formatCoins(doubtedNeuron)} sent, and nobody can see whether it arrived`}. It is
      paid from {formatCoins(payoutAtNeuron)} on.
    </p>
  )
}
