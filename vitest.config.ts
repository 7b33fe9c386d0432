import { defineConfig } from 'vitest/config'

/** Unit, contract and in-process tests of every workspace; real tabs are Playwright's (e2e). */
export default defineConfig({
  test: {
    include: ['*/{src,testing,test,bench}/**/*.test.{ts,tsx}', 'contracts/{chain,deploy,build}/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    globalSetup: ['contracts/testing/compile-before-tests.ts'],
    maxWorkers: 2,
  },
})
