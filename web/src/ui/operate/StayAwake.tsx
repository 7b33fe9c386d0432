/** What this page does, and may be asked to do, to stay quick while nobody looks at it; and what none of it does. */
import { ToneSwitch } from './ToneSwitch.tsx'
import { WakeLockSwitch } from './WakeLockSwitch.tsx'

export function StayAwake() {
  return (
    <details className="disclosure" data-testid="stay-awake">
      <summary>Staying awake</summary>
      <WakeLockSwitch />
      <p className="hint">
        The screen stays on, so the machine does not fall asleep for want of a hand on it. Only while this tab is in
        front; it costs battery. It does not stop a closed lid.
      </p>
      <ToneSwitch />
      <p className="hint">
        A sine of 60 Hz at −60 dB. Browsers treat a tab that sounds as one in use, and hold its timers back less when it
        is hidden. Silence does not count: not a volume of zero, and not a sound that the browser suspends or that you
        mute for this site. It keeps the audio device busy, which costs a little battery, and makes no engine faster by
        itself.
      </p>
      <p className="hint">
        Always, while this tab serves: a lock and open links, which keep browsers from freezing it; and its work goes by
        messages, not by timers. Even so a hidden tab may run two to three times slower, a phone suspends it, and a
        machine that saves battery slows everything. A window of its own, in front, is the sure way.
      </p>
    </details>
  )
}
