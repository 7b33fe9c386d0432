/**
 * Puts the tab's state where it is seen from outside the page: on the root element, where a script can wait for it (`data-status`,
 * `data-seat`, `data-layers`, `data-peer`, `data-error-code`), and in the title, where its owner finds it among other tabs.
 */
import { useEffect } from 'react'
import { isJoined, nameStatus } from '../operate/status-words.ts'
import { titleOf } from '../router/route.ts'
import { useStore } from '../stores/use-store.ts'
import { useServices } from './services.ts'

export function useRootStatus(): void {
  const { tab, router } = useServices()
  const route = useStore(router)
  const snapshot = useStore(tab)
  const { status, seat, layers, peer, error } = snapshot
  const title = isJoined(status) ? `${nameStatus(snapshot)} · ${titleOf(route)}` : titleOf(route)
  useEffect(() => {
    document.title = title
  }, [title])
  useEffect(() => {
    const { dataset } = document.documentElement
    setOrDrop(dataset, 'status', status)
    setOrDrop(dataset, 'seat', seat === null ? null : String(seat))
    setOrDrop(dataset, 'layers', layers === null ? null : `${layers.start}-${layers.end}`)
    setOrDrop(dataset, 'peer', peer)
    setOrDrop(dataset, 'errorCode', error?.code ?? null)
  }, [status, seat, layers, peer, error])
}

function setOrDrop(dataset: DOMStringMap, name: string, value: string | null): void {
  if (value === null) delete dataset[name]
  else dataset[name] = value
}
