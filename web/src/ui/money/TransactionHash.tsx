/** A transaction: its hash to copy, and a link where the chain has an explorer. */
import { shortHex } from '../format/format-money.ts'
import { CopyButton } from '../shell/CopyButton.tsx'

export interface TransactionHashProps {
  readonly hash: string
  readonly explorerUrl: string | null
  readonly testId?: string
}

export function TransactionHash({ hash, explorerUrl, testId }: TransactionHashProps) {
  const address = explorerAddress(explorerUrl, hash)
  return (
    <span className="transaction" data-testid={testId} data-hash={hash}>
      <code title={hash}>{shortHex(hash)}</code>
      <CopyButton text={hash} label={`Copy the hash ${shortHex(hash)}`} />
      {address === null ? null : (
        <a href={address} target="_blank" rel="noreferrer">
          Explorer
        </a>
      )}
    </span>
  )
}

/** Only a web address: what a server tells is not yet a link to follow. */
function explorerAddress(explorerUrl: string | null, hash: string): string | null {
  if (explorerUrl === null || !/^https?:\/\//.test(explorerUrl)) return null
  return `${explorerUrl.replace(/\/+$/, '')}/tx/${hash}`
}
