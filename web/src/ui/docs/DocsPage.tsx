export function DocsPage() {
  return <h1 tabIndex={-1}>API</h1>
}
