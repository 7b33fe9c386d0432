/** How somebody gets access: whom to tell which address, and what happens then. The refusals of a private pool link here. */
import type { InftToken } from '@computepool/shared/inft'
import { useEffect, useRef } from 'react'
import type { PoolToken } from '../../inft/inft-store.ts'
import { Link } from '../router/Link.tsx'
import { Address } from './Address.tsx'

export function HowToAsk({ pool, token }: { pool: PoolToken; token: InftToken | null }) {
  const head = useRef<HTMLHeadingElement>(null)
  // The router looked for it before this page was loaded.
  useEffect(() => {
    if (window.location.hash !== '#ask') return
    head.current?.scrollIntoView()
    head.current?.focus({ preventScroll: true })
  }, [])
  return (
    <section className="stack" aria-labelledby="ask" data-testid="how-to-ask">
      <h2 id="ask" ref={head} tabIndex={-1}>
        How to ask for access
      </h2>
      <ol className="plain-list numbered">
        <li>Connect the wallet that you want to use the pool with, and copy its address.</li>
        <li>
          Send that address to the owner
          {token === null ? '' : ' '}
          {token === null ? null : <Address of={token.owner} name="the owner’s address" />}, and say that it is about
          token {pool.tokenId} of <Address of={pool.token} name="the contract’s address" /> on chain {pool.chainId}.
          This page carries no messages: the chain knows the owner’s address only.
        </li>
        <li>The owner authorises it here with one transaction, with an end or without.</li>
        <li>
          Sign in with that wallet, here or in the <Link to="/chat">chat</Link>, and ask. It works within seconds.
        </li>
      </ol>
    </section>
  )
}
