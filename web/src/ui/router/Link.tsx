/** A link inside the page. Clicks that ask for a new tab or a download stay the browser's. */
import type { AnchorHTMLAttributes, MouseEvent } from 'react'
import { useServices } from '../shell/services.ts'

export function Link({ to, onClick, ...rest }: { to: string } & AnchorHTMLAttributes<HTMLAnchorElement>) {
  const { router } = useServices()
  function follow(event: MouseEvent<HTMLAnchorElement>) {
    onClick?.(event)
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return
    event.preventDefault()
    router.go(to)
  }
  return <a href={to} onClick={follow} {...rest} />
}
