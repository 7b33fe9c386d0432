/** An address or a root: shortened for eyes, whole for who copies it, with "you" where it is the wallet in use. */
import { shortHex } from '../format/format-money.ts'
import { CopyButton } from '../shell/CopyButton.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { isSameAddress } from './token-words.ts'

export function Address({ of, name, testId }: { of: string; name: string; testId?: string }) {
  const { wallet } = useServices()
  const own = useStore(wallet).wallet?.address
  return (
    <span className="transaction" data-testid={testId} data-value={of}>
      <code title={of}>{shortHex(of)}</code>
      {isSameAddress(of, own) ? <span className="chip">you</span> : null}
      <CopyButton text={of} label={`Copy ${name} ${shortHex(of)}`} />
    </span>
  )
}
