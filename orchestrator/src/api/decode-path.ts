/** A request's path as text. An address with broken escapes names nothing: it stays as it came, and is not found. */
export function decodePath(url: string): string {
  const { pathname } = new URL(url)
  try {
    return decodeURIComponent(pathname)
  } catch {
    return pathname
  }
}
