/** Asks the browser about the machine once, and again on demand. */
import { useCallback, useEffect, useMemo, useState } from 'react'
import { useServices } from '../shell/services.ts'
import { type Assessment, assessMachine } from './assess-machine.ts'
import type { Machine } from './machine.ts'

export function useMachine(): { assessment: Assessment | null; checkAgain: () => void } {
  const { probeMachine } = useServices()
  const [machine, setMachine] = useState<Machine | null>(null)
  const [round, setRound] = useState(0)
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new round asks again
  useEffect(() => {
    let isCurrent = true
    void probeMachine().then(answer => {
      if (isCurrent) setMachine(answer)
    })
    return () => {
      isCurrent = false
    }
  }, [probeMachine, round])
  const checkAgain = useCallback(() => {
    setMachine(null)
    setRound(before => before + 1)
  }, [])
  const assessment = useMemo(() => (machine === null ? null : assessMachine(machine)), [machine])
  return { assessment, checkAgain }
}
