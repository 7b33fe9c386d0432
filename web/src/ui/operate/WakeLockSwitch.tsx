/** Keeps the screen on while the tab serves, where the browser can: a sleeping machine leaves the ring. */
import { useEffect, useState } from 'react'

export function WakeLockSwitch() {
  const [isOn, setIsOn] = useState(false)
  const [isRefused, setIsRefused] = useState(false)
  useEffect(() => {
    if (!isOn) return
    let lock: WakeLockSentinel | null = null
    let isOver = false
    async function acquire() {
      if (document.hidden) return
      try {
        const acquired = await navigator.wakeLock.request('screen')
        if (isOver) void acquired.release()
        else lock = acquired
      } catch {
        setIsRefused(true)
        setIsOn(false)
      }
    }
    // The browser drops the lock whenever the tab is hidden.
    document.addEventListener('visibilitychange', acquire)
    void acquire()
    return () => {
      isOver = true
      document.removeEventListener('visibilitychange', acquire)
      void lock?.release()
    }
  }, [isOn])
  if (!('wakeLock' in navigator)) return null
  return (
    <label className="choice">
      <input type="checkbox" checked={isOn} onChange={event => setIsOn(event.target.checked)} />
      <span>Keep the screen on while serving.{isRefused ? ' The browser refused: it may be saving battery.' : ''}</span>
    </label>
  )
}
