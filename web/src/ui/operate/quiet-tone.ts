/**
 * A tone so low and so quiet that few will hear it, for as long as it is asked for: browsers hold a hidden page back less while it is
 * audible. Only what really sounds counts: neither a gain of zero nor a context that the browser suspends.
 */

/** A sine of a thousandth of full scale, −63 dB in power: Chromium takes what lies below −72.2 dB for silence. */
const gain = 0.001
/** Below what small speakers give back well, above what codecs drop. */
const frequencyHz = 60
/** So that switching makes no click. */
const fadeSeconds = 0.05

export interface QuietTone {
  /** False where the browser made the context but does not let it sound. */
  isSounding(): boolean
  /** Called when that changes. Returns what stops it. */
  onChange(listener: () => void): () => void
  /** Silence, and the context given back. Idempotent. */
  stop(): Promise<void>
}

export type MakeAudioContext = () => AudioContext

/** Call it from a click: browsers let no page sound on its own account. Null where the browser has no Web Audio. */
export function startQuietTone(makeContext: MakeAudioContext | null = hostContext()): QuietTone | null {
  if (makeContext === null) return null
  const context = makeContext()
  const oscillator = context.createOscillator()
  const volume = context.createGain()
  oscillator.type = 'sine'
  oscillator.frequency.value = frequencyHz
  volume.gain.setValueAtTime(0, context.currentTime)
  volume.gain.linearRampToValueAtTime(gain, context.currentTime + fadeSeconds)
  oscillator.connect(volume)
  volume.connect(context.destination)
  oscillator.start()
  void context.resume().catch(() => {})
  let stopping: Promise<void> | null = null
  const listeners = new Set<() => void>()
  const told = (): void => {
    for (const listener of listeners) listener()
  }
  context.addEventListener('statechange', told)
  const silence = async (): Promise<void> => {
    context.removeEventListener('statechange', told)
    oscillator.stop()
    oscillator.disconnect()
    volume.disconnect()
    await context.close().catch(() => {})
  }
  return {
    isSounding: () => stopping === null && context.state === 'running',
    onChange: listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    stop: () => {
      stopping ??= silence()
      return stopping
    },
  }
}

function hostContext(): MakeAudioContext | null {
  return typeof AudioContext === 'function' ? () => new AudioContext({ latencyHint: 'playback' }) : null
}
