/** Where the reader is, over the history API. It knows paths, not pages. */
import { createExternalStore, type ReadableStore } from '../stores/external-store.ts'
import { type Route, routeOf } from './route.ts'

export interface RouterStore extends ReadableStore<Route> {
  go(path: string): void
}

export function createRouterStore(window: Window): RouterStore {
  const store = createExternalStore<Route>(routeOf(window.location.pathname))
  const follow = () => {
    const route = routeOf(window.location.pathname)
    store.set(route)
  }
  window.addEventListener('popstate', follow)
  follow()
  return {
    getSnapshot: store.getSnapshot,
    subscribe: store.subscribe,
    go(path) {
      if (path !== window.location.pathname + window.location.search) window.history.pushState(null, '', path)
      follow()
      window.scrollTo(0, 0)
      window.setTimeout(() => arrive(window), 0)
    },
  }
}

/** After the new page is drawn: to the part the address names, else to its heading, so that a screen reader hears a new page. */
function arrive({ document, location }: Window): void {
  const named = location.hash === '' ? null : document.getElementById(location.hash.slice(1))
  named?.scrollIntoView()
  const heading = named ?? document.querySelector<HTMLElement>('main h1')
  heading?.focus({ preventScroll: true })
}
