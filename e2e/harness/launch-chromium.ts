/**
 * How tests, demo and benches start Chromium: headless, with WebGPU on a software adapter where the machine has no GPU, and
 * without the background traffic that a closed network answers with refusals.
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { LaunchOptions } from 'playwright'

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

export interface ChromiumOptions {
  /** `software`: SwiftShader through Vulkan (no GPU needed); `hardware`: the machine's own adapter. */
  readonly gpu?: 'software' | 'hardware'
  readonly headless?: boolean
}

/** Launch options for Playwright's chromium; the browser comes from COMPUTEPOOL_CHROMIUM, the path, or Playwright's own download. */
export function chromiumLaunchOptions({ gpu = 'software', headless = true }: ChromiumOptions = {}): LaunchOptions {
  const onPath = (process.env.PATH ?? '').split(path.delimiter).flatMap(dir => names.map(name => path.join(dir, name)))
  const executablePath = [process.env.COMPUTEPOOL_CHROMIUM, ...onPath].find(file => file && existsSync(file))
  return {
    ...(executablePath ? { executablePath } : {}),
    headless,
    args: [
      '--no-sandbox',
      '--enable-unsafe-webgpu',
      '--enable-features=Vulkan',
      ...(gpu === 'software' ? ['--use-webgpu-adapter=swiftshader'] : []),
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // Several tabs share one window here: none of them may be throttled for being behind another.
      '--disable-background-timer-throttling',
      '--disable-backgrounding-occluded-windows',
      '--disable-renderer-backgrounding',
    ],
  }
}
