/** Real tabs in a real Chromium: few, on free ports, waiting on events; no retries, because a flake is a race to be found. */
import { defineConfig } from '@playwright/test'
import { chromiumLaunchOptions } from './harness/launch-chromium.ts'

export default defineConfig({
  testDir: './journeys',
  fullyParallel: false,
  workers: 1,
  retries: 0,
  forbidOnly: Boolean(process.env.CI),
  timeout: 180_000,
  expect: { timeout: 60_000 },
  reporter: [['list']],
  outputDir: '../test-results',
  use: { browserName: 'chromium', launchOptions: chromiumLaunchOptions() },
})
