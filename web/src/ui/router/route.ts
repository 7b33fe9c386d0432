/** Paths and what they mean; pure. The history itself is the router store's. */
export type Route = 'home' | 'operate' | 'chat' | 'docs' | 'trust' | 'disputes' | 'token' | 'activity' | 'missing'

const routes: Readonly<Record<string, Route>> = {
  '/': 'home',
  '/operate': 'operate',
  '/chat': 'chat',
  '/docs': 'docs',
  '/trust': 'trust',
  '/disputes': 'disputes',
  '/token': 'token',
  '/activity': 'activity',
}

/** The route of a path; a trailing slash makes no difference. */
export function routeOf(path: string): Route {
  const trimmed = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
  return routes[trimmed] ?? 'missing'
}

const titles: Readonly<Record<Route, string>> = {
  home: 'ComputePool',
  operate: 'Operate · ComputePool',
  chat: 'Chat · ComputePool',
  docs: 'API · ComputePool',
  trust: 'What each seat can see · ComputePool',
  disputes: 'Disputes · ComputePool',
  token: 'The pool’s token · ComputePool',
  activity: 'Activity · ComputePool',
  missing: 'Not found · ComputePool',
}

export function titleOf(route: Route): string {
  return titles[route]
}
