/** The versions of the pool's intelligence, newest first: by whom, when, under which roots, and who vouches for a re-encryption. */
import type { InftToken } from '@computepool/shared/inft'
import { TransactionHash } from '../money/TransactionHash.tsx'
import { Address } from './Address.tsx'
import { localTime } from './local-time.ts'
import { writtenBy } from './token-words.ts'
import { useExplorer } from './use-explorer.ts'

export function VersionList({ token }: { token: InftToken }) {
  const explorerUrl = useExplorer()
  return (
    <section className="stack" aria-labelledby="versions">
      <h2 id="versions">Versions of its intelligence</h2>
      <p className="hint">
        A root names the sealed bytes: whoever fetches them computes it again. What they say stays with the owner.
      </p>
      <ol className="rows" data-testid="versions">
        {token.history.toReversed().map(({ version, roots, transaction, atSeconds, by, oracle }) => (
          <li key={transaction} className="finding-row" data-testid="version-row" data-version={version}>
            <p>
              <strong>Version {version}</strong> {writtenBy[by]} <span className="hint">{localTime(atSeconds)}</span>
            </p>
            {roots.map(root => (
              <p key={root}>
                Root <Address of={root} name="the root" />
              </p>
            ))}
            {oracle === null ? null : (
              <p className="hint">
                Encrypted anew by the oracle <Address of={oracle.address} name="the oracle’s address" />
                {oracle.isSimulated ? ', whose attestation was simulated.' : ', registered as attested.'}
              </p>
            )}
            <p className="hint">
              Transaction <TransactionHash hash={transaction} explorerUrl={explorerUrl} />
            </p>
          </li>
        ))}
      </ol>
    </section>
  )
}
