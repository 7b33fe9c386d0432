/** What the token opens: the API, and the traces of what it paid for. */
const itsPaths = ['/v1/', '/api/requests/']

/** A fetch that sends the live session's token along, to this origin's own API only. It knows neither chat nor wallet. */
export function fetchWithSession(token: () => string | null, fetchImpl: typeof fetch = fetch): typeof fetch {
  return (input, init) => {
    const bearer = token()
    if (bearer === null || typeof input !== 'string' || !itsPaths.some(path => input.startsWith(path)))
      return fetchImpl(input, init)
    const headers = new Headers(init?.headers)
    headers.set('authorization', `Bearer ${bearer}`)
    return fetchImpl(input, { ...init, headers })
  }
}
