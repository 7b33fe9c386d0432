/** Asks every while how the token and the wallet's transfers stand, while the page is seen: the other party acts on another machine. */
import { useEffect } from 'react'
import { useServices } from '../shell/services.ts'

const everyMs = 10_000

export function useAskedAgain(): void {
  const { tokens, acts } = useServices()
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'hidden') return
      void tokens.refresh()
      void acts.look()
    }, everyMs)
    return () => clearInterval(timer)
  }, [tokens, acts])
}
