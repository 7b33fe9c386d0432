import { describe, it } from 'vitest'
import { createFakeKeeper } from './fake-keeper.ts'
import { createGate, type KeeperContractHarness, keeperContract } from './keeper-contract.ts'

function openHarness(): KeeperContractHarness {
  const counts = { works: 0, fails: 0, waits: 0, sends: 0 }
  const gate = createGate()
  const at = { waits: createGate(), sends: createGate() }
  const keeper = createFakeKeeper({
    works: async () => void counts.works++,
    fails: async () => {
      counts.fails++
      throw new Error('It was meant to fail')
    },
    waits: async () => {
      counts.waits++
      at.waits.open()
      await gate.opened
    },
    sends: async (_, { sent }) => {
      counts.sends++
      const { confirm } = sent('0x01')
      at.sends.open()
      await gate.opened
      confirm()
    },
  })
  return {
    keeper,
    input: { callback_token: 'secret-token' },
    begun: workflow => counts[workflow],
    reached: workflow => at[workflow].opened,
    release: () => gate.open(),
    close: async () => {},
  }
}

describe('the fake keeper', () => {
  for (const { name, run } of keeperContract) it(name, () => run(openHarness()))
})
