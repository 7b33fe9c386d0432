/** Puts the tab's state on the root element, where tests and browser extensions can wait for it: `data-status`, `data-seat`. */
import { useEffect } from 'react'
import { useStore } from '../stores/use-store.ts'
import { useServices } from './services.ts'

export function useRootStatus(): void {
  const { tab } = useServices()
  const { status, seat, layers, peer, error } = useStore(tab)
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
