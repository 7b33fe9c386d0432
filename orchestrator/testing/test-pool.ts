/** An orchestrator on a tiny pack in memory order: real desk, real text, real routes; fake hub, tabs, clock and entropy. */
import type { Entropy } from '@computepool/shared/ports'
import { createManualClock, type ManualClock } from '@computepool/shared/testing'
import type { Hono } from 'hono'
import {
  createOrchestrator,
  defaultSettings,
  type OrchestratorDeps,
  type OrchestratorSettings,
} from '../src/create-orchestrator.ts'
import type { Desk } from '../src/dispatch/index.ts'
import type { InftDesk } from '../src/inft/index.ts'
import type { MoneyDesk } from '../src/payments/till.ts'
import type { StandingBook } from '../src/standing/index.ts'
import type { PackFolder } from '../src/store/pack-folder.ts'
import { fakePool } from './fake-receipts.ts'
import { createFakeHub, type FakeHub, type FakeTab, type FakeTabOptions } from './fake-tab.ts'
import { tinyFiles, tinyManifest } from './tiny-codec.ts'

type IceDeps = Pick<
  OrchestratorDeps,
  'iceServersFor' | 'iceRenewalMs' | 'trustedAuditors' | 'onBreach' | 'systemPrompt' | 'attestation' | 'zerog'
>

export interface TestPoolExtras extends Partial<IceDeps>, Pick<OrchestratorDeps, 'verifyWallet'> {
  readonly pageFolder?: string | null
  /** Default: bytes that count up, the same in every pool. */
  readonly entropy?: Entropy
  /** Whence requests come; default: this machine. */
  readonly address?: string
  readonly isProxyTrusted?: boolean
  readonly moneyFor?: (desk: Desk, clock: ManualClock) => MoneyDesk
  readonly inft?: InftDesk
}

export interface TestPool {
  readonly app: Hono
  readonly desk: Desk
  readonly standing: StandingBook
  readonly hub: FakeHub
  readonly clock: ManualClock
  readonly model: string
  readonly notices: readonly string[]
  readonly faults: readonly unknown[]
  /** Joins fake tabs with these options and lets the ring form. */
  joinTabs(count: number, options?: Partial<FakeTabOptions>): Promise<FakeTab[]>
  chat(body: object, signal?: AbortSignal): Promise<Response>
}

export function createTestPool(
  settings: Partial<OrchestratorSettings> = {},
  {
    pageFolder = null,
    moneyFor,
    inft,
    entropy,
    address = '127.0.0.1',
    isProxyTrusted = false,
    // Fake tabs have no wallets.
    verifyWallet = async () => true,
    ...ice
  }: TestPoolExtras = {},
): TestPool {
  const { tokenizer, config } = tinyFiles('qwen3')
  const manifest = tinyManifest('qwen3')
  const pack: PackFolder = {
    manifest,
    manifestSha256: 'ab'.repeat(32),
    files: new Map(),
    tokenizer,
    tokenizerConfig: config,
    places: async () => null,
  }
  const clock = createManualClock(Date.UTC(2026, 0, 1))
  const hub = createFakeHub()
  const notices: string[] = []
  const faults: unknown[] = []
  let drawn = 0
  const { app, desk, standing } = createOrchestrator({
    pack,
    pageFolder,
    hub,
    clock,
    entropy: entropy ?? { bytes: length => Uint8Array.from({ length }, () => ++drawn & 0xff) },
    origin: fakePool,
    verifyWallet,
    iceServersFor: () => [],
    ...ice,
    ...(moneyFor === undefined ? {} : { moneyFor: (desk: Desk) => moneyFor(desk, clock) }),
    ...(inft === undefined ? {} : { inftFor: () => inft }),
    addressOf: () => address,
    isProxyTrusted,
    settings: { ...defaultSettings, ...settings },
    onNotice: text => notices.push(text),
    onFault: fault => faults.push(fault),
  })
  hub.connect(desk)
  return {
    app,
    desk,
    standing,
    hub,
    clock,
    model: manifest.model,
    notices,
    faults,
    joinTabs: async (count, options = {}) => {
      const tabs = Array.from({ length: count }, (_, index) =>
        hub.tab(index + 1, { model: manifest.model, ...options }),
      )
      for (const tab of tabs) tab.join()
      await clock.settle()
      return tabs
    },
    chat: async (body, signal) =>
      app.request('/v1/chat/completions', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: manifest.model, messages: [{ role: 'user', content: 'Hi' }], ...body }),
        ...(signal === undefined ? {} : { signal }),
      }),
  }
}
