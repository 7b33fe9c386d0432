/**
 * Keeps a fault in one page from blanking the whole: the tab may be serving meanwhile, and its worker goes on. A class, because React
 * offers error boundaries in no other shape.
 */
import { Component, type ReactNode } from 'react'

export class PageBoundary extends Component<{ readonly children: ReactNode }, { readonly fault: Error | null }> {
  override state: { readonly fault: Error | null } = { fault: null }

  static getDerivedStateFromError(thrown: unknown): { fault: Error } {
    return { fault: thrown instanceof Error ? thrown : new Error(String(thrown)) }
  }

  override render(): ReactNode {
    const { fault } = this.state
    if (fault === null) return this.props.children
    return (
      <div className="prose" role="alert">
        <h1 tabIndex={-1}>This page could not be drawn</h1>
        <p>A seat that this tab holds goes on serving. Reload to draw the page again, and please report this:</p>
        <p>
          <code>{fault.message}</code>
        </p>
        <p>
          <button type="button" className="button" onClick={() => this.setState({ fault: null })}>
            Draw it again
          </button>
        </p>
      </div>
    )
  }
}
