/** The page: skip link, bar, one place at a time. It holds no state but which place is shown, and that is the router's. */
import { lazy, Suspense } from 'react'
import { ChatPage } from '../chat/ChatPage.tsx'
import { DocsPage } from '../docs/DocsPage.tsx'
import { HomePage } from '../home/HomePage.tsx'
import { OperatePage } from '../operate/OperatePage.tsx'
import { Link } from '../router/Link.tsx'
import type { Route } from '../router/route.ts'
import { useStore } from '../stores/use-store.ts'
import { DisputesPage } from '../trust/DisputesPage.tsx'
import { TrustPage } from '../trust/TrustPage.tsx'
import { Header } from './Header.tsx'
import { PageBoundary } from './PageBoundary.tsx'
import { type Services, ServicesProvider, useServices } from './services.ts'
import { TabStrip } from './TabStrip.tsx'
import { useRootStatus } from './use-root-status.ts'

// For few readers of many: the others do not load them.
const ActivityPage = lazy(() => import('../activity/ActivityPage.tsx'))
const TokenPage = lazy(() => import('../inft/TokenPage.tsx'))

export function App({ services }: { services: Services }) {
  return (
    <ServicesProvider value={services}>
      <Frame />
    </ServicesProvider>
  )
}

function Frame() {
  const { router } = useServices()
  const route = useStore(router)
  useRootStatus()
  return (
    <>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <Header />
      {route === 'operate' ? null : <TabStrip />}
      <main id="main" tabIndex={-1} className={`page page-${route}`}>
        <PageBoundary key={route}>
          <Page route={route} />
        </PageBoundary>
      </main>
    </>
  )
}

function Page({ route }: { route: Route }) {
  switch (route) {
    case 'home':
      return <HomePage />
    case 'operate':
      return <OperatePage />
    case 'chat':
      return <ChatPage />
    case 'docs':
      return <DocsPage />
    case 'trust':
      return <TrustPage />
    case 'disputes':
      return <DisputesPage />
    case 'token':
      return (
        <Suspense fallback={<p role="status">Loading this page.</p>}>
          <TokenPage />
        </Suspense>
      )
    case 'activity':
      return (
        <Suspense fallback={<p role="status">Loading this page.</p>}>
          <ActivityPage />
        </Suspense>
      )
    case 'missing':
      return (
        <div className="prose">
          <h1 tabIndex={-1}>No page at this address</h1>
          <p>
            There are eight: <Link to="/">home</Link>, <Link to="/operate">operate</Link>, <Link to="/chat">chat</Link>,{' '}
            <Link to="/docs">API</Link>, <Link to="/trust">what each seat can see</Link>,{' '}
            <Link to="/disputes">disputes</Link>, <Link to="/token">the pool’s token</Link> and, for this server’s
            owner, <Link to="/activity">activity</Link>.
          </p>
        </div>
      )
  }
}
