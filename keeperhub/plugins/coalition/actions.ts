/** The plugin's actions as KeeperHub's builder shows them: fields, outputs, and which step performs each. */

export interface ConfigField {
  readonly key: string
  readonly label: string
  readonly type: 'chain-select' | 'template-input' | 'template-textarea' | 'select' | 'number'
  readonly required?: boolean
  readonly placeholder?: string
  readonly helpTip?: string
  readonly defaultValue?: string
  readonly rows?: number
  readonly chainTypeFilter?: 'evm'
  readonly options?: readonly { readonly value: string; readonly label: string }[]
}

export interface CoalitionAction {
  readonly slug: string
  readonly label: string
  readonly description: string
  readonly category: 'Coalition'
  readonly stepFunction: string
  readonly stepImportPath: string
  readonly outputFields: readonly { readonly field: string; readonly description: string }[]
  readonly configFields: readonly ConfigField[]
}

const network: ConfigField = {
  key: 'network',
  label: 'Network',
  type: 'chain-select',
  chainTypeFilter: 'evm',
  required: true,
}
const text = (key: string, label: string, more: Partial<ConfigField> = {}): ConfigField => ({
  key,
  label,
  type: 'template-input',
  required: true,
  ...more,
})
const json = (key: string, label: string, placeholder: string): ConfigField =>
  text(key, label, { type: 'template-textarea', rows: 6, placeholder })
const optional = { required: false } as const
const contract = text('coalitionAddress', 'Coalition Contract', { placeholder: '0x…' })
const coalitionId = text('coalitionId', 'Coalition ID', { placeholder: '{{Propose.coalitionId}}' })
const disputeId = text('disputeId', 'Dispute ID', { placeholder: '{{Accuse.disputeId}}' })
const terms = json('terms', 'Terms', 'The terms that every party signs, as JSON')

const told: Record<string, string> = {
  success: 'Whether the step succeeded',
  error: 'Why it did not',
  transactionHash: 'Transaction of this step; null where nothing was left to do',
  coalitionId: 'Id of the coalition, from 1',
  termsHash: 'EIP-712 digest of the terms',
  disputeId: 'Id of the dispute, from 1',
  verdict: 'open, guilty, innocent or undecided',
  guiltyVotes: 'Votes for guilty so far',
  innocentVotes: 'Votes for innocent so far',
  quorum: 'Votes that decide',
}

function action(
  slug: string,
  label: string,
  description: string,
  fields: readonly ConfigField[],
  outputs: Readonly<Record<string, string>> | readonly string[],
): CoalitionAction {
  const own = Array.isArray(outputs)
    ? Object.fromEntries((outputs as readonly string[]).map(field => [field, told[field] ?? field]))
    : (outputs as Readonly<Record<string, string>>)
  const all = { success: told.success ?? '', ...own, error: told.error ?? '' }
  return {
    slug,
    label,
    description,
    category: 'Coalition',
    stepFunction: `${slug.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())}Step`,
    stepImportPath: slug,
    outputFields: Object.entries(all).map(([field, meaning]) => ({ field, description: meaning })),
    configFields: [network, contract, ...fields],
  }
}

const transactionHash = told.transactionHash ?? ''

export const actions: readonly CoalitionAction[] = [
  action(
    'propose',
    'Propose Coalition',
    'Put terms on the chain with the consents that are there; where they are proposed already, bring the consents that are missing',
    [terms, json('consents', 'Consents', '[{{Sign.consent}}]')],
    {
      coalitionId: told.coalitionId ?? '',
      termsHash: told.termsHash ?? '',
      wasProposed: 'True where these terms were proposed before',
      consentsTaken: 'Consents that this step brought',
      transactionHash,
    },
  ),
  action(
    'sign',
    'Sign Terms',
    'Consent to terms with this organisation’s wallet. The stake’s authorization moves money and is brought from outside.',
    [
      terms,
      text('mostStakeAtomic', 'Stake At Most', {
        ...optional,
        helpTip: 'In the token’s smallest unit. Terms that ask for more are not signed.',
      }),
      text('expectedVault', 'Expected Vault', {
        ...optional,
        helpTip: 'Terms that name another vault are not signed.',
      }),
      text('stakeSignature', 'Stake Authorization', {
        ...optional,
        helpTip:
          'Signature of an EIP-3009 ReceiveWithAuthorization to the contract, with the nonce that this step tells. Empty where the stake lies there already.',
      }),
      text('stakeValidAfter', 'Authorization Valid After', optional),
      text('stakeValidBefore', 'Authorization Valid Before', optional),
    ],
    {
      operator: 'The wallet that signed',
      termsHash: told.termsHash ?? '',
      stakeNonce: 'Nonce that the stake’s authorization must carry',
      consent: 'For the consents of a proposal',
    },
  ),
  action(
    'check-status',
    'Check Coalition',
    'Read a coalition’s state, its parties and who of them has consented',
    [coalitionId],
    {
      state: 'none, proposed, active or ended',
      version: 'How often it was re-split',
      termsHash: told.termsHash ?? '',
      endsAt: 'Unix seconds',
      parties: 'Operator, layers, units, stake and membership of each party',
      memberCount: 'Parties that have consented and not left',
      partyCount: 'Parties of the terms in force',
      isReady: 'True where it is proposed and all have consented',
    },
  ),
  action('activate', 'Activate Coalition', 'Make a coalition active once every party has consented', [coalitionId], {
    wasActive: 'True where it was active already',
    transactionHash,
  }),
  action(
    'accuse',
    'Accuse Party',
    'Open a dispute with a bond. The bond’s authorization moves money and is brought from outside.',
    [
      coalitionId,
      text('accused', 'Accused'),
      text('reason', 'Reason', {
        type: 'select',
        options: [
          { value: 'wrong-output', label: 'Wrong output' },
          { value: 'broken-receipts', label: 'Broken receipts' },
          { value: 'withheld', label: 'Withheld' },
          { value: 'false-witness', label: 'False witness' },
        ],
      }),
      text('session', 'Harmed Session', optional),
      text('evidenceHash', 'Evidence Hash'),
      text('evidenceUri', 'Evidence URI', optional),
      text('accuser', 'Accuser'),
      text('bondAtomic', 'Bond', {
        helpTip: 'In the token’s smallest unit. An accuser who is wrong loses it to the accused.',
      }),
      text('bondSignature', 'Bond Authorization', {
        helpTip:
          'Signature of an EIP-3009 ReceiveWithAuthorization to the contract whose nonce is the contract’s bondNonce of this accusation.',
      }),
      text('bondValidAfter', 'Authorization Valid After', optional),
      text('bondValidBefore', 'Authorization Valid Before'),
    ],
    {
      disputeId: told.disputeId ?? '',
      wasOpen: 'True where this accusation was made before',
      respondUntil: 'Last second for the accused’s answer',
      voteUntil: 'Last second for votes',
      transactionHash,
    },
  ),
  action(
    'respond',
    'Respond to Accusation',
    'Answer an accusation with this organisation’s wallet',
    [disputeId, text('responseHash', 'Response Hash'), text('responseUri', 'Response URI', optional)],
    ['transactionHash'],
  ),
  action(
    'vote',
    'Vote on Dispute',
    'Vote as a registered auditor with this organisation’s wallet. Each auditor runs this in an organisation of its own.',
    [
      disputeId,
      text('isGuilty', 'Guilty', { placeholder: '{{Replay.isGuilty}}' }),
      text('evidenceHash', 'Evidence Hash', {
        helpTip: 'Of the evidence that was looked at. A dispute about other evidence is not voted on.',
      }),
    ],
    {
      auditor: 'The wallet that voted',
      wasCast: 'False where it had voted, or the dispute was decided',
      verdict: told.verdict ?? '',
      guiltyVotes: told.guiltyVotes ?? '',
      innocentVotes: told.innocentVotes ?? '',
      quorum: told.quorum ?? '',
      transactionHash,
    },
  ),
  action(
    'await-quorum',
    'Await Quorum',
    'Wait until enough auditors have voted, or the time is over. Put a Condition on isReached behind it.',
    [
      disputeId,
      text('timeoutSeconds', 'Wait At Most', { type: 'number', required: false, defaultValue: '60' }),
      text('pollSeconds', 'Look Every', { type: 'number', required: false, defaultValue: '5' }),
    ],
    {
      isReached: 'True where a quorum said guilty or innocent',
      verdict: told.verdict ?? '',
      guiltyVotes: told.guiltyVotes ?? '',
      innocentVotes: told.innocentVotes ?? '',
      quorum: told.quorum ?? '',
      isSettled: 'True where it is paid out already',
    },
  ),
  action(
    'resolve',
    'Resolve Dispute',
    'Close a dispute that found no quorum in time, and pay out what the verdict says',
    [disputeId],
    {
      verdict: told.verdict ?? '',
      wasSettled: 'True where somebody had paid it out',
      closeTransactionHash: 'Transaction that closed it; null where a quorum had decided',
      transactionHash,
    },
  ),
  action(
    'leave',
    'Leave Coalition',
    'Leave with this organisation’s wallet; the stake unbonds and stays liable until then',
    [coalitionId],
    {
      hadLeft: 'True where it had left before',
      releasableAt: 'Unix seconds, after which the stake may be released',
      transactionHash,
    },
  ),
]
