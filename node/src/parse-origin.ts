/** An orchestrator's or daemon's address as a person writes it, down to what counts of it. */

/** Origin of an http or https URL: what is served stands at fixed paths of it. Null where `text` is none. */
export function parseOrigin(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url.origin : null
}
