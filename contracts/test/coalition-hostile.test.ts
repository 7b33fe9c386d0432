import { type Abi, encodeErrorResult, encodeFunctionData, type Hex, parseAbi, toFunctionSelector } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { expect, test, vi } from 'vitest'
import { coalitionAbi } from '../abi/index.ts'
import { artifactOf } from '../build/compile.ts'
import { auditors, type CoalitionBench, config, noHash, openCoalitionBench, treasury } from './coalition-bench.ts'
import {
  accuse,
  against,
  ann,
  ballot,
  ben,
  cay,
  creditsOf,
  decide,
  evidenceHash,
  expectEmptied,
  found,
  half,
  harmed,
  watcher,
} from './coalition-scenes.ts'
import { compileTimeoutMs, roles } from './vault-bench.ts'

vi.setConfig({ testTimeout: compileTimeoutMs })

async function withToken(hostileToken: string, body: (bench: CoalitionBench) => Promise<void>): Promise<void> {
  const bench = await openCoalitionBench({ hostileToken })
  try {
    await body(bench)
  } finally {
    await bench.close()
  }
}

test('a token that keeps a fee makes neither a stake nor a bond', () =>
  withToken('FeeToken', async bench => {
    const terms = bench.terms([ann, ben])
    const consent = await bench.signer.consent(ann, terms)
    const before = await bench.usdcOf(ann.address)
    expect(await bench.attempt('propose', [terms, [consent]])).toBe('TransferShort')
    await bench.send('propose', [terms, []])
    expect(await bench.attempt('consent', [1n, terms, [consent]])).toBe('TransferShort')
    expect(await bench.usdcOf(ann.address)).toBe(before)
    expect(await bench.read('heldAtomic')).toBe(0n)
  }))

test('an account that the token blocks keeps nobody else from being paid', () =>
  withToken('BlockingToken', async bench => {
    const abi = parseAbi(['function setBlocked(address account, bool blocked)']) as Abi
    const setBlocked = (account: string, blocked: boolean) =>
      bench.call(roles.owner, bench.addresses.usdc, abi, 'setBlocked', [account, blocked])
    const { id } = await found(bench, [ann, ben, cay])
    const session = await bench.harmedSession(harmed, 1_501n)
    const dispute = await accuse(bench, watcher, against(id, ann, { session }))
    await decide(bench, dispute, true)
    for (const account of [harmed.address, ben.address, treasury]) await setBlocked(account, true)
    await bench.send('settle', [dispute])
    expect(await bench.attempt('withdraw', [harmed.address])).toBe(toFunctionSelector('Blocked()'))
    const waiting = await bench.creditOf(harmed.address)
    expect(waiting).toBe(1_501n)
    for (const { address } of [watcher, cay]) {
      const credit = await bench.creditOf(address)
      const before = await bench.usdcOf(address)
      await bench.send('withdraw', [address])
      expect((await bench.usdcOf(address)) - before).toBe(credit)
    }
    // It waits until the token lets it go.
    for (const account of [harmed.address, ben.address, treasury]) await setBlocked(account, false)
    await bench.send('withdraw', [harmed.address])
    await expectEmptied(bench)
  }))

test('a token that calls back finds every door of the coalition shut', () =>
  withToken('ReentrantToken', async bench => {
    const abi = parseAbi([
      'function attack(address target, bytes callData)',
      'function answer() view returns (bytes)',
      'function tried() view returns (bool)',
    ]) as Abi
    const token = bench.addresses.usdc
    const shut = encodeErrorResult({ abi: coalitionAbi, errorName: 'ReentrancyGuardReentrantCall' })
    const answer = (): Promise<Hex> => bench.readAt<Hex>(token, abi, 'answer')

    // Everything stands ready, so that only the guard can refuse it: one to settle, one to vote on, one to release, a credit.
    const { id, terms } = await found(bench, [ann, ben, cay])
    const settled = await accuse(bench, watcher, against(id, ann, { reason: half }))
    await decide(bench, settled, true)
    await bench.send('settle', [settled])
    const toSettle = await accuse(bench, watcher, against(id, ben, { reason: half }))
    await decide(bench, toSettle, true)
    await bench.wait(config.unbondingSeconds)
    const open = await accuse(bench, harmed, against(id, cay))
    const next = { ...bench.terms([cay]), stakeAtomic: terms.stakeAtomic, id, version: 1 }
    const proposal = bench.terms([ann, cay], { salt: evidenceHash })
    await bench.send('propose', [proposal, []])
    const other = { ...proposal, salt: noHash, endsAt: proposal.endsAt + 1n }
    const doors: [string, readonly unknown[]][] = [
      ['withdraw', [watcher.address]],
      ['release', [id, ann.address]],
      ['settle', [toSettle]],
      ['close', [open]],
      ['vote', await ballot(bench, watcher, open, true)],
      ['respond', [open, evidenceHash, '', await bench.signer.respond(cay, open, evidenceHash)]],
      ['accuse', await bench.accusation(watcher, against(id, cay))],
      ['leave', [id, cay.address, await bench.signer.leave(cay, id, 0)]],
      ['resplit', [id, next, [await bench.signer.consent(cay, next, true)]]],
      ['end', [id]],
      ['activate', [2n]],
      ['consent', [2n, proposal, [await bench.signer.consent(cay, proposal)]]],
      ['propose', [other, [await bench.signer.consent(ann, other)]]],
    ]
    // In the middle of a stake that comes in, of a bond, and of a credit that goes out.
    const moments: [string, readonly unknown[]][] = [
      ['consent', [2n, proposal, [await bench.signer.consent(ann, proposal)]]],
      ['accuse', await bench.accusation(ben, against(id, cay))],
      ['withdraw', [watcher.address]],
    ]
    for (const [moment, momentArgs] of moments) {
      for (const [door, args] of doors) {
        await bench.apart(async () => {
          const data = encodeFunctionData({ abi: coalitionAbi as Abi, functionName: door, args })
          await bench.call(roles.stranger, token, abi, 'attack', [bench.coalition, data])
          await bench.send(moment, momentArgs)
          expect([moment, door, await bench.readAt(token, abi, 'tried'), await answer()]).toEqual([
            moment,
            door,
            true,
            shut,
          ])
          expect(await bench.read('heldAtomic')).toBe(await bench.usdcOf(bench.coalition))
        })
      }
    }
  }))

test('a vault that lies or breaks holds up no verdict, and pays nobody more than the slash', async () => {
  const bench = await openCoalitionBench()
  try {
    const artifact = await artifactOf('HostileVault', ['test/hostile'])
    const vault = await bench.deploy(artifact, [])
    const { id, terms } = await found(bench, [ann, ben, cay], { vault })
    const dispute = await accuse(bench, watcher, against(id, ann, { session: evidenceHash, reason: half }))
    await decide(bench, dispute, true)
    const slashed = (terms.stakeAtomic * BigInt(config.slashBps[half])) / 10_000n
    const all = { [harmed.address]: slashed }
    const nothing = {}
    const [voter, , silent] = auditors as [PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount]
    const ways: Record<string, readonly [way: number, payer: string, due: bigint, paid: Record<string, bigint>]> = {
      'tells the truth': [0, harmed.address, 100n, { [harmed.address]: 100n }],
      'names all that there is': [0, harmed.address, 2n ** 256n - 1n, all],
      'names what uint96 cuts to nothing': [0, harmed.address, 2n ** 96n, all],
      'names nobody': [0, `0x${'00'.repeat(20)}`, 5_000n, nothing],
      'names the guilty one': [0, ann.address, 5_000n, nothing],
      'names the contract': [0, bench.coalition, 5_000n, nothing],
      'names an auditor that voted': [0, voter.address, 5_000n, nothing],
      'names an auditor that did not': [0, silent.address, 100n, { [silent.address]: 100n }],
      reverts: [1, harmed.address, 5_000n, nothing],
      'burns its gas': [2, harmed.address, 5_000n, nothing],
      floods: [3, harmed.address, 5_000n, nothing],
      'floods and reverts': [4, harmed.address, 5_000n, nothing],
      'answers too little': [5, harmed.address, 5_000n, nothing],
      'answers with dirt': [6, harmed.address, 5_000n, nothing],
    }
    for (const [name, [way, payer, due, paid]] of Object.entries(ways)) {
      await bench.apart(async () => {
        await bench.call(roles.stranger, vault, artifact.abi, 'behave', [way, payer, due])
        expect([name, await bench.attempt('settle', [dispute], roles.stranger, { gas: 1_500_000n })]).toEqual([
          name,
          'ok',
        ])
        for (const account of [harmed.address, ann.address, bench.coalition, `0x${'00'.repeat(20)}`] as const) {
          expect([name, await bench.creditOf(account)]).toEqual([name, paid[account] ?? 0n])
        }
        expect([name, ...(await creditsOf(bench, [voter, silent]))]).toEqual([name, 0n, paid[silent.address] ?? 0n])
        const credits = await creditsOf(bench, [harmed, watcher, ben, cay, silent])
        const given = credits.reduce((sum, one) => sum + one, await bench.creditOf(treasury))
        expect(given).toBe(slashed + config.bondAtomic)
        await expectEmptied(bench)
      })
    }
  } finally {
    await bench.close()
  }
})
