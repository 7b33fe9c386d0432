/** The wallet in use: its address, what it holds, the right chain, the faucet; else the wallets to choose from. */
import type { PaidTerms } from '@computepool/shared/money'
import { formatAtomic, shortHex } from '../format/format-money.ts'
import { ErrorPanel } from '../operate/ErrorPanel.tsx'
import { CopyButton } from '../shell/CopyButton.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'

export function WalletPanel({ terms }: { terms: PaidTerms }) {
  const { wallet: store } = useServices()
  const { wallet, funds, found, busy, error } = useStore(store)
  const isTest = terms.chain.isEmbedded
  const isBusy = busy !== 'none'
  return (
    <div className="wallet" data-testid="wallet" data-address={wallet?.address} data-kind={wallet?.kind}>
      {wallet === null ? (
        <p className="hint">{walletWords(busy, found.length)}</p>
      ) : (
        <p className="wallet-line">
          <span>{wallet.name}</span>
          <code title={wallet.address}>{shortHex(wallet.address)}</code>
          <CopyButton text={wallet.address} label="Copy the wallet’s address" />
          {funds === null ? null : (
            <strong data-testid="wallet-funds" data-atomic={funds.usdcAtomic.toString()}>
              {formatAtomic(funds.usdcAtomic, isTest)}
            </strong>
          )}
        </p>
      )}
      <div className="acts">
        {wallet !== null && !wallet.isOnChain ? (
          <button
            type="button"
            className="button small"
            data-testid="switch-chain"
            disabled={isBusy}
            onClick={() => void store.switchChain()}
          >
            Switch to {terms.chain.name}
          </button>
        ) : null}
        {wallet !== null && terms.hasFaucet ? (
          <button
            type="button"
            className="button small"
            data-testid="faucet"
            disabled={isBusy}
            onClick={() => void store.askFaucet()}
          >
            {busy === 'faucet' ? 'The faucet is pouring' : 'Get test USDC from the faucet'}
          </button>
        ) : null}
        {found
          .filter(({ name }) => name !== wallet?.name)
          .map(({ id, name }) => (
            <button
              key={id}
              type="button"
              className="button small"
              data-testid="connect-wallet"
              disabled={isBusy}
              onClick={() => void store.connect(id)}
            >
              Use {name}
            </button>
          ))}
        {wallet?.kind === 'injected' && isTest ? (
          <button type="button" className="button small" disabled={isBusy} onClick={() => void store.takeBurner()}>
            Use this browser’s own key
          </button>
        ) : null}
      </div>
      {error === null ? null : <ErrorPanel error={error} />}
    </div>
  )
}

function walletWords(busy: string, found: number): string {
  if (busy === 'looking') return 'Looking for wallets.'
  if (found === 0) return 'No wallet was found in this browser. Install one, then reload this page.'
  return 'Choose a wallet to pay from.'
}
