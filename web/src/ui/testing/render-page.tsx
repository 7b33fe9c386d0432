/** Draws the whole page at an address over fake services, as a reader would meet it. */
import { render } from '@testing-library/react'
// What the page loads late is loaded here already: a slow machine must not decide a test.
import '../activity/ActivityPage.tsx'
import '../earnings/PaidEarnings.tsx'
import '../inft/TokenPage.tsx'
import { App } from '../shell/App.tsx'
import { createFakeServices, type FakeServices } from './fake-services.ts'

export function renderPage(address: string, given: Parameters<typeof createFakeServices>[0] = {}): FakeServices {
  window.history.replaceState(null, '', address)
  const services = createFakeServices(given)
  render(<App services={services} />)
  return services
}
