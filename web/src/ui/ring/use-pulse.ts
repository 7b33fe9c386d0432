/**
 * Runs the pulse round the ring when a lap was really made, at the pace it was measured with, at most a few times a second; never
 * where the reader asked for less motion.
 */
import { type RefObject, useEffect, useRef } from 'react'
import { type PulseStep, pulseDurationMs, pulseSteps, type Sector } from './ring-geometry.ts'
import type { RingModel } from './ring-model.ts'

export function usePulse(ring: RingModel, sectors: readonly Sector[]): RefObject<SVGGElement | null> {
  const element = useRef<SVGGElement>(null)
  const running = useRef<Animation | null>(null)
  const seenLaps = useRef(ring.laps)
  useEffect(() => {
    const hasGrown = ring.laps > seenLaps.current
    seenLaps.current = ring.laps
    const target = element.current
    if (!hasGrown || target === null || typeof target.animate !== 'function') return
    // Laps come faster than an eye follows: one pulse at a time, the others are in the figures.
    if (running.current?.playState === 'running' || prefersStillness()) return
    const steps = pulseSteps(ring, sectors)
    if (steps.length === 0) return
    running.current = target.animate(keyframesOf(steps), {
      duration: pulseDurationMs(ring.lapMs ?? 0),
      easing: 'linear',
    })
  }, [ring, sectors])
  return element
}

function keyframesOf(steps: readonly PulseStep[]): Keyframe[] {
  return steps.map(({ angle, offset }) => ({
    transform: `rotate(${angle}rad)`,
    opacity: 1,
    offset: Math.min(1, offset),
  }))
}

function prefersStillness(): boolean {
  return globalThis.matchMedia?.('(prefers-reduced-motion: reduce)').matches ?? true
}
