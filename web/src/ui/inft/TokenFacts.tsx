/** What the token is: whose, where, who may ask, where its intelligence lies, who re-encrypts it and what vouches for that. */
import type { InftToken } from '@computepool/shared/inft'
import type { ReactNode } from 'react'
import type { PoolToken } from '../../inft/inft-store.ts'
import { AttestationWords } from '../trust/AttestationWords.tsx'
import { Address } from './Address.tsx'
import { oracleWords, storageWords } from './token-words.ts'

export function TokenFacts({ pool, token }: { pool: PoolToken; token: InftToken | null }) {
  return (
    <section className="stack" aria-labelledby="token-facts">
      <h2 id="token-facts">What it is</h2>
      <dl className="limits token-facts" data-testid="token-facts">
        <Fact name="Owner">
          {token === null ? (
            'Asking the chain.'
          ) : (
            <Address of={token.owner} name="the owner’s address" testId="token-owner" />
          )}
        </Fact>
        <Fact name="Token">
          Number {pool.tokenId} of the contract <Address of={pool.token} name="the contract’s address" /> on chain{' '}
          {pool.chainId}
          {token === null ? '' : `, version ${token.version}`}. Final ERC-7857.
        </Fact>
        <Fact name="Who may ask">
          {pool.isPrivate
            ? 'Only its owner and whom the owner authorised: the chain is asked before each answer.'
            : 'Everybody: this pool is open. Authorisations are kept on the chain, and count once it is made private.'}
        </Fact>
        <Fact name="Where its intelligence lies">
          {storageWords(pool)} Encrypted: anybody can fetch it, and only the owner’s key opens it. What runs the pool
          knows it too.
        </Fact>
        <Fact name="Oracle of transfers">
          <Address of={pool.oracle.address} name="the oracle’s address" />{' '}
          <span className={`chip ${pool.oracle.isSimulated ? 'is-lost' : 'is-ready'}`} data-testid="oracle-level">
            {pool.oracle.isSimulated ? 'simulated' : 'attested'}
          </span>{' '}
          {oracleWords(pool)} It covers the re-encryption at a transfer, and nothing else: not the answers, not the
          seats.
        </Fact>
        <Fact name="Attestation of the orchestrator">
          <AttestationWords />
        </Fact>
      </dl>
    </section>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>
        <strong>{name}</strong>
      </dt>
      <dd>{children}</dd>
    </div>
  )
}
