/** Whether this tab may ask a private pool, as far as it knows: who is signed in, and what that address is to the pool's token. */
import { useEffect } from 'react'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { roleOf } from './token-words.ts'

/** `open`: no private pool, or not known; `unauthorised`: signed in, and the chain lists it not. */
export type PoolAccess = 'open' | 'signed-out' | 'unauthorised' | 'authorised'

export function usePoolAccess(): PoolAccess {
  const { tokens, access } = useServices()
  const { pool, token } = useStore(tokens)
  const { address } = useStore(access)
  const isPrivate = pool?.isPrivate === true
  useEffect(() => tokens.look(), [tokens])
  // A sign-in is worth nothing by itself: the chain is asked what the address is.
  useEffect(() => {
    if (isPrivate && address !== null) void tokens.refresh()
  }, [tokens, isPrivate, address])
  if (!isPrivate) return 'open'
  if (address === null) return 'signed-out'
  if (token === null) return 'authorised'
  return roleOf(token, address, Date.now() / 1000) === 'stranger' ? 'unauthorised' : 'authorised'
}
