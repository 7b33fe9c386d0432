/** The bar on every page: the mark, three places and the owner's fourth, the palette. */
import { RingGlyph } from '../ring/RingGlyph.tsx'
import { Link } from '../router/Link.tsx'
import type { Route } from '../router/route.ts'
import { useStore } from '../stores/use-store.ts'
import { useServices } from './services.ts'

const places: readonly { route: Route; path: string; name: string }[] = [
  { route: 'operate', path: '/operate', name: 'Operate' },
  { route: 'chat', path: '/chat', name: 'Chat' },
  { route: 'docs', path: '/docs', name: 'API' },
]
const ownersPlaces: typeof places = [...places, { route: 'activity', path: '/activity', name: 'Activity' }]

export function Header() {
  const { router, theme: themeStore, activity } = useServices()
  const isOwner = useStore(activity).status !== 'locked'
  const route = useStore(router)
  const theme = useStore(themeStore)
  const other = theme === 'dark' ? 'light' : 'dark'
  return (
    <header className="topbar">
      <Link to="/" className="mark" aria-label="ComputePool, home">
        <RingGlyph />
        <span className="mark-name">ComputePool</span>
      </Link>
      <nav aria-label="Main">
        {(isOwner ? ownersPlaces : places).map(place => (
          <Link
            key={place.path}
            to={place.path}
            {...(route === place.route ? { 'aria-current': 'page' as const } : {})}
          >
            {place.name}
          </Link>
        ))}
      </nav>
      <button
        type="button"
        className="button quiet icon"
        aria-label={`Switch to the ${other} palette`}
        data-testid="theme"
        onClick={() => themeStore.toggle()}
      >
        <svg viewBox="-10 -10 20 20" aria-hidden="true">
          <circle r={7} className="theme-line" />
          <path d="M 0 -7 A 7 7 0 0 1 0 7 Z" className="theme-half" />
        </svg>
      </button>
    </header>
  )
}
