/** What each seat can see, and what stands between a reader and a seat that cheats; the pool's own figures are live. docs/trust.md has the long form. */
import type { ReactNode } from 'react'
import { Link } from '../router/Link.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { AttestationWords } from './AttestationWords.tsx'
import { AuditPay } from './AuditPay.tsx'
import { PoolStakeChip } from './PoolStakeChip.tsx'
import { PoolTrust } from './PoolTrust.tsx'

export function TrustPage() {
  const { pool: poolStore } = useServices()
  const { pool } = useStore(poolStore)
  return (
    <div className="docs">
      <header className="activity-head">
        <h1 tabIndex={-1}>What each seat can see</h1>
        <PoolStakeChip pool={pool} />
      </header>
      <p>
        Strangers compute your answer. Nothing here is hidden from them by hardware: do not send what a stranger may not
        read.
      </p>
      <AttestationWords />
      <p className="links-line">
        <Link to="/token">The pool’s token: its owner, whom it authorises, where its intelligence lies</Link>
      </p>
      <Sees />
      <Checked
        pool={
          pool === null ? null : (
            <>
              <PoolTrust pool={pool} />
              <AuditPay pool={pool} />
            </>
          )
        }
      />
      <Stakes />
    </div>
  )
}

const seers: readonly (readonly [who: string, what: string])[] = [
  [
    'Entry, the seat with the first layers',
    'The text: all tokens of the prompt, and each token of the answer as it comes round again.',
  ],
  ['Exit, the seat with the last layers', 'Every token that it draws; with penalties or drafts the prompt’s too.'],
  [
    'Seats in between',
    'Activations. Text can be recovered from them in part, the better the nearer to the entry, and nothing hides it.',
  ],
  [
    'An auditor',
    'For a check that was drawn: what the checked seat received and sent. Activations, and the text where that seat is the entry. Any peer that joins as an auditor may be asked, but for the entry’s text, as long as an auditor of the pool’s owner is here. With “Only trusted ends” it goes to such, or to operators who may hold text, alone.',
  ],
  [
    'Everybody, after a conviction',
    'The evidence: the same for that one request. It is public, so that anybody can compute it again.',
  ],
  [
    'The orchestrator',
    'Prompts and answers, and no live activation. Receipts bring it hashes, counts and eight sums of a row under random signs. It stores evidence, and reads its header alone.',
  ],
  ['Relays and networks', 'Sizes and times. Links between peers are encrypted.'],
  ['The chain', 'Payers, operators, amounts and times. No text.'],
]

function Sees() {
  return (
    <section className="stack" aria-labelledby="sees">
      <h2 id="sees" tabIndex={-1}>
        Who sees what
      </h2>
      <dl className="limits" data-testid="who-sees">
        {seers.map(([who, what]) => (
          <div key={who}>
            <dt>
              <strong>{who}</strong>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p className="hint">
        Seats keep what they received of recent answers in memory for a while, so that it can be checked. That a seat
        forgets it, nobody can check. “Only trusted ends” in the chat asks for an entry and an exit whose operators have
        staked and have earned standing: it narrows who sees the text, and hides it from nobody else named here.
      </p>
    </section>
  )
}

const kinds: readonly (readonly [how: string, what: string])[] = [
  [
    'Once, on joining',
    'A tab computes known activations through its layers before it may serve. It proves that it could, not that it goes on.',
  ],
  [
    'Every answer, by signature',
    'Each seat signs what it received and what it sent. Neighbours that disagree, or a seat that signs nothing, lose their pay for it.',
  ],
  [
    'By sampling',
    'Another machine computes some answers’ layers again, after they are over, and compares. Which ones is drawn after the receipts are signed, so a seat cannot know. Newcomers are drawn every time, others less often, never below the pool’s least rate.',
  ],
  [
    'When nobody asks',
    'Where the pool runs auditors, a ring that has just formed, or has answered nothing for a while, gets a short request of the pool’s own, and is checked on all of it. Seats get it like any other; the first, which sees the words, may guess.',
  ],
  [
    'Before it has a seat',
    'Who stands by with layers loaded computes what a fresh seed makes, and so does somebody else who holds the same layers. Where the two differ a third decides. It shows that the right layers are at hand, not that they will be used.',
  ],
  [
    'By hardware',
    'No seat: no enclave vouches for any of them. What vouches for the orchestrator is said at the top of this page.',
  ],
  [
    'Not at all',
    'What a seat remembers or passes on. How long the orchestrator says that work took. Engines that nobody measured against each other: their checks end as “not judged”. Prices, and who stands behind an address.',
  ],
]

function Checked({ pool }: { pool: ReactNode }) {
  return (
    <section className="stack" aria-labelledby="checks">
      <h2 id="checks" tabIndex={-1}>
        What is checked, and how
      </h2>
      <dl className="limits">
        {kinds.map(([how, what]) => (
          <div key={how}>
            <dt>
              <strong>{how}</strong>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p>
        Sampling has limits, computed in advance: at the least rate of 0.61, who cheats on every step is caught within 5
        requests with probability 0.99. That holds where checks are answered, engines were measured, and the pool’s
        owner runs auditors: where nobody does, a cheat whose friend is asked to check it can last twice as long. Who
        cheats only on the last tenth of long answers can go on for 50 requests with 0.76 to 0.99. And an answer that
        was wrong has been read by then: a check convicts, it does not mend.
      </p>
      {pool === null ? null : (
        <>
          <h3>In this pool, measured</h3>
          {pool}
        </>
      )}
    </section>
  )
}

function Stakes() {
  return (
    <section className="stack" aria-labelledby="stakes">
      <h2 id="stakes" tabIndex={-1}>
        What a stake is for
      </h2>
      <p>
        In a staked pool each operator’s own money lies in a registry on the chain before its work is paid. A conviction
        becomes an accusation there, with a bond; auditors whom the registry’s owner named compute the evidence again
        and vote. Guilty of a wrong output, the one reason that a pool accuses of today: the stake goes to the harmed
        session’s payer, then to the accuser’s cost, then to the other members. Innocent: the bond goes to the accused.
        Whoever names the auditors can bring about any verdict: that owner is to be trusted with it.
      </p>
      <p>
        In an unstaked pool a conviction costs the place, the pay from then on, and the standing. A new key begins anew,
        with a tenth of the weight, and is checked every time.
      </p>
    </section>
  )
}
