/** Real tabs in a real Chromium: on free ports, waiting on events; no retries, because a flake is a race to be found. */
import { defineConfig } from '@playwright/test'
import { chromiumLaunchOptions } from './harness/launch-chromium.ts'

/** They begin, so that no worker ends long after the other. */
const longest = /(ring|engine|cheats|mixes)\.spec\.ts$/

export default defineConfig({
  testDir: './journeys',
  fullyParallel: false,
  // A file is one worker's from its first test to its last: what it opens, only its own tests share.
  workers: 2,
  projects: [
    { name: 'longest', testMatch: longest },
    { name: 'others', testIgnore: longest },
  ],
  retries: 0,
  forbidOnly: Boolean(process.env.CI),
  timeout: 180_000,
  expect: { timeout: 60_000 },
  reporter: [['list']],
  outputDir: '../test-results',
  use: { browserName: 'chromium', launchOptions: chromiumLaunchOptions() },
})
