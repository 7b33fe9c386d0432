/** Where 0G Compute's serving contract for inference lies, by 0G's own words of 2026; not tried from here. */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Address } from 'viem'

const known: Readonly<Record<number, Address>> = {
  16602: '0xa79F4c8311FF93C06b8CfB403690cc987c93F91E',
  16661: '0x47340d900bdFec2BD393c626E12ea0656F938d84',
}

/** Errors: `input_invalid` for a chain that 0G Compute is not on. */
export function servingAddressOf(chainId: number): Address {
  const address = known[chainId]
  if (address !== undefined) return address
  throw new ComputePoolError('input_invalid', `Where 0G Compute’s contract lies on chain ${chainId} is not known.`, {
    remedy: 'Name its address.',
  })
}
