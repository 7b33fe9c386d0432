/**
 * A dispute desk over a real Coalition, StreamVault and keeper on anvil, with a ledger of its own, coalitions to be accused in, auditors
 * to vote, and what each account holds. It expects nothing by itself.
 */
import { coalitionAbi } from '@computepool/contracts/abi'
import { testAccount } from '@computepool/contracts/testing'
import { createGate } from '@computepool/shared/testing'
import { encodeFunctionData, erc20Abi, type Hex, keccak256, type PublicClient, toHex, zeroHash } from 'viem'
import { createVaultReader } from '../src/chain/vault-reader.ts'
import { createCoalitionReader } from '../src/coalition/coalition-reader.ts'
import { relayTo } from '../src/coalition/relay-coalition.ts'
import { signAccusation } from '../src/coalition/sign-terms.ts'
import type { DisputeChain, DisputeKillPoint } from '../src/disputes/dispute-ports.ts'
import type { Breach, DisputeDesk, DisputeDeskOptions } from '../src/disputes/index.ts'
import { createDisputeDesk } from '../src/disputes/index.ts'
import { hostClock } from '../src/host.ts'
import { createLedger } from '../src/payments/ledger.ts'
import { type Key, longMs, lower, noCallback, openCoalitionStage } from './coalition-stage.ts'
import { bondAtomic } from './keeper-coalition.ts'

export type DisputeStage = Awaited<ReturnType<typeof openDisputeStage>>

let breaches = 0

/** `sessions`: how many can be harmed. Close it afterwards. */
export async function openDisputeStage(sessions = 9) {
  const stage = await openCoalitionStage()
  const { chain, coalition, home } = stage
  // Before the chain’s clock is moved: no voucher is good after that.
  const opened: Awaited<ReturnType<typeof stage.openSession>>[] = []
  for (let i = 0; i < sessions; i++) opened.push(await stage.openSession())
  const openSession = () => opened.shift()!
  const client = chain.publicClient as PublicClient
  const accuser = testAccount('pool’s accuser')
  const { usdc } = chain.manifest.contracts
  const token = { address: usdc, name: chain.manifest.usdc.name, version: chain.manifest.usdc.version }
  const terms = { vault: chain.vault, leaseSeconds: 60, bufferSeconds: 60, sessionSeconds: 86_400 }
  const ledger = createLedger({ db: home.database.db, clock: hostClock, terms })
  const reader = createCoalitionReader(client, coalition.address)
  const members = new Map<string, readonly bigint[]>()
  const disputeChain: DisputeChain = {
    ...{ client, reader, relay: relayTo(coalition.address), place: coalition.place, token, accuser },
    relayer: home.queue,
    fund: (to, amountAtomic) => chain.mintUsdc(to, amountAtomic),
    hasWorkflows: true,
  }
  const harmed = { vaultSession: createVaultReader(client, chain.vault).session }
  const acquitted: string[] = []
  const faults: string[] = []
  const looks = new Set<() => void>()

  const openDesk = ({ fund, ...change }: Partial<DisputeDeskOptions> & { fund?: null } = {}): DisputeDesk => {
    const desk = createDisputeDesk({
      db: home.database.db,
      clock: hostClock,
      vault: chain.vault,
      chain: fund === null ? { ...disputeChain, fund } : disputeChain,
      coalitionsOf: async operator => members.get(operator) ?? [],
      keeper: home.keeper,
      ledger,
      harmed,
      origin: 'https://pool.example',
      onAcquitted: operator => acquitted.push(operator),
      onFault: fault => {
        faults.push(fault.code)
        for (const look of [...looks]) look()
      },
      onChange: () => {
        for (const look of [...looks]) look()
      },
      pollMs: 50,
      ...change,
    })
    desk.start()
    return desk
  }

  /** An active coalition of new operators with units in the ledger and on the chain, and a breach of the first of them. */
  async function breachOf(parties: readonly Key[]): Promise<Breach & { id: bigint }> {
    const id = await coalition.propose(parties)
    await coalition.send(coalition.relay.activate(id))
    for (const party of parties) members.set(lower(party), [...(members.get(lower(party)) ?? []), id])
    const sha256 = keccak256(toHex(`bundle ${++breaches}`)).slice(2)
    const evidence = { sha256, path: `/api/evidence/${sha256}` }
    return {
      id,
      operator: lower(parties[0]!),
      what: 'wrong-output',
      requestId: `request ${breaches}`,
      members: parties.map(lower),
      evidence,
    }
  }

  async function giveUnits(parties: readonly Key[]): Promise<void> {
    const { unitsEpoch } = await readVault()
    const wanted = parties.map((party, at) => ({ member: lower(party), units: 100 + at }))
    const epoch = await ledger.setUnits(wanted, { aboveEpoch: unitsEpoch, isForced: true })
    const input = {
      ...{ epoch: String(epoch), members: wanted.map(({ member }) => member) },
      ...{ units: wanted.map(({ units }) => String(units)), outbox_id: '', callback_url: '', callback_token: '' },
    }
    const { executionId } = await home.keeper.execute('set-units', input, { idempotencyKey: `units ${epoch}` })
    await home.keeper.wait(executionId, 30_000)
  }
  const readVault = async (): Promise<{ unitsEpoch: number }> => ({
    unitsEpoch: Number(
      await client.readContract({
        address: chain.vault,
        abi: [
          { type: 'function', name: 'unitsEpoch', stateMutability: 'view', inputs: [], outputs: [{ type: 'uint64' }] },
        ],
        functionName: 'unitsEpoch',
      }),
    ),
  })

  type View = Awaited<ReturnType<DisputeDesk['list']>>[number]
  const viewOf = async (desk: DisputeDesk, { evidence }: Breach): Promise<View | undefined> =>
    (await desk.list()).find(view => view.evidence?.sha256 === evidence.sha256)

  /** Resolves when the dispute looks so; it is looked at whenever something was written down. */
  async function until(desk: DisputeDesk, breach: Breach, isSo: (view: View) => boolean): Promise<View> {
    for (;;) {
      const changed = createGate()
      looks.add(changed.open)
      try {
        const view = await viewOf(desk, breach)
        if (view !== undefined && isSo(view)) return view
        await changed.opened
      } finally {
        looks.delete(changed.open)
      }
    }
  }

  async function untilFault(code: string): Promise<void> {
    while (!faults.includes(code)) {
      const changed = createGate()
      looks.add(changed.open)
      await changed.opened
      looks.delete(changed.open)
    }
  }

  /** A desk that dies at this point: what it did before stays, and nothing comes after. Resolves when it is dead. */
  async function dieAt(point: DisputeKillPoint, act: (doomed: DisputeDesk) => Promise<unknown>): Promise<boolean> {
    const died = createGate()
    let isDead = false
    const doomed = openDesk({
      killPoint: at => {
        if (at !== point) return
        isDead = true
        died.open()
        return new Promise<never>(() => {})
      },
    })
    await Promise.race([died.opened, act(doomed)])
    void doomed.close()
    return isDead
  }

  /** Somebody else than the pool accuses on the same evidence, and may be voted on at once. */
  async function accuseBy(by: Key, { id, operator }: Breach & { id: bigint }, evidenceHash: Hex) {
    const accusation = {
      ...{ id, accused: operator as Hex, session: zeroHash, evidenceHash, bondAtomic },
      reason: 'wrong-output',
      ...{ evidenceUri: '', validAfter: 0n, validBefore: 4_000_000_000n },
    } as const
    await coalition.send(
      coalition.relay.accuse(await signAccusation({ signer: by, place: coalition.place, token }, accusation)),
    )
    const { disputes: dispute } = await reader.totals()
    await chain.passSeconds(61)
    return { dispute }
  }

  /** A closed session that owes its operators so much, and whoever paid for it. */
  async function harmedSession(dueAtomic: bigint): Promise<{ session: Hex; payer: Key }> {
    const { id: session, payer } = openSession()
    const input = { session_id: session, epoch: '1', due_atomic: String(dueAtomic), final: true }
    const key = { idempotencyKey: `close ${session}` }
    await ledger.adopt({
      ...{ id: session, payer: payer.address, nonce: session, capAtomic: 2_000_000n, pricePerSecondAtomic: 1_000n },
      ...{ expiresAt: 4_000_000_000, epoch: 0 },
    })
    const { executionId } = await home.keeper.execute('stream-stop', { ...input, ...noCallback }, key)
    await home.keeper.wait(executionId, longMs)
    return { session, payer }
  }

  /** A session whose only request, the breach’s, ran for 3 s by the ledger, of which the vault hears when it is carried there. */
  async function owingSession({ requestId }: Breach, isOver = true) {
    const { id: session, payer } = openSession()
    await ledger.adopt({
      ...{ id: session, payer: payer.address, nonce: session, capAtomic: 2_000_000n, pricePerSecondAtomic: 1_000n },
      ...{ expiresAt: 4_000_000_000, epoch: 0 },
    })
    await ledger.startRequest({ sessionId: session, requestId, readMs: () => 3_000 })
    const end = () =>
      ledger.endRequest({ sessionId: session, requestId, meteredMs: 3_000, tokens: 1, stoppedBy: 'stop' })
    if (isOver) await end()
    const carry = async (): Promise<void> => {
      const [{ spentAtomic: dueAtomic }, row] = await Promise.all([ledger.view(session), ledger.session(session)])
      const order = { session_id: session, epoch: String(row!.epoch), due_atomic: String(dueAtomic), final: true }
      const { executionId } = await home.keeper.execute(
        'stream-stop',
        { ...order, ...noCallback },
        { idempotencyKey: `carry ${session}` },
      )
      const { status, error } = await home.keeper.wait(executionId, longMs)
      if (status !== 'success') throw new Error(`The close ended as ${status}: ${error}`)
    }
    return { session, payer, dueAtomic: 3_000n, carry, end }
  }

  /** The breach’s request is of a session of the pool’s former vault, in the same database. */
  async function sessionOfFormerVault({ requestId, evidence }: Breach): Promise<void> {
    const former = createLedger({
      db: home.database.db,
      clock: hostClock,
      terms: { ...terms, vault: `0x${'77'.repeat(20)}` },
    })
    const sessionId = `0x${evidence.sha256}` as const
    await former.adopt({
      ...{
        id: sessionId,
        payer: accuser.address,
        nonce: sessionId,
        capAtomic: 2_000_000n,
        pricePerSecondAtomic: 1_000n,
      },
      ...{ expiresAt: 4_000_000_000, epoch: 0 },
    })
    await former.startRequest({ sessionId, requestId })
  }

  async function setAuditor(auditor: Hex, isAuditor: boolean, owner: Key): Promise<void> {
    const args = [auditor, isAuditor] as const
    const set = { address: coalition.address, abi: coalitionAbi, functionName: 'setAuditor', args } as const
    await client.waitForTransactionReceipt({ hash: await chain.wallet(owner).writeContract(set) })
  }

  async function spendAll({ address }: Key): Promise<void> {
    const balance = await usdcOf(address)
    if (balance === 0n) return
    const data = encodeFunctionData({
      abi: erc20Abi,
      functionName: 'transfer',
      args: [chain.accounts.owner.address, balance],
    })
    await chain.testClient.setBalance({ address, value: 10n ** 18n })
    const hash = await chain.wallet(accuser).sendTransaction({ to: usdc, data })
    await client.waitForTransactionReceipt({ hash })
  }

  const usdcOf = (account: Hex): Promise<bigint> =>
    client.readContract({ address: usdc, abi: erc20Abi, functionName: 'balanceOf', args: [account] })

  return {
    ...stage,
    accuser,
    disputeChain,
    accuserElsewhere: stage.accuser(),
    accuseBy,
    harmedSession,
    owingSession,
    sessionOfFormerVault,
    harmed,
    faults,
    spendAll,
    setAuditor,
    ledger,
    reader,
    acquitted,
    untilFault,
    openDesk,
    breachOf,
    giveUnits,
    viewOf,
    until,
    dieAt,
    usdcOf,
  }
}
