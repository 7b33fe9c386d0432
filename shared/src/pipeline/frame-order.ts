/**
 * Where each frame of a request may begin. Positions of the text are fed once, each drawn token once behind them; only guesses that failed are cut back.
 * Seats hold live frames to it, and checks the frames that somebody signed for. It knows positions, and neither values nor engines.
 */

/** What one frame brings. */
export interface OrderedFrame {
  readonly position: number
  readonly rows: number
  /** Of the rows, the last so many. */
  readonly guesses: number
  /** A token is drawn after its certain rows. */
  readonly isSampled: boolean
}

/** What the frames so far leave open. */
export interface FrameOrder {
  /** Rows before it stand: nobody goes back behind it. */
  readonly settled: number
  /** Where the last frame ended. */
  readonly end: number
  /** A token was drawn: from then on the text grows by drawn tokens alone. */
  readonly isDrawing: boolean
}

/** Before the first frame, which begins at `position`: 0, or as much as a kept cache brings. */
export function openFrameOrder(position: number): FrameOrder {
  return { settled: position, end: position, isDrawing: false }
}

/** The order behind this frame. */
export function orderAfter(order: FrameOrder, { position, rows, guesses, isSampled }: OrderedFrame): FrameOrder {
  const end = position + rows
  return { settled: isSampled ? end - guesses : end, end, isDrawing: order.isDrawing || isSampled }
}

/** What no honest seat sends there, in words; null where the frame may come. */
export function faultOfOrder({ settled, end, isDrawing }: FrameOrder, frame: OrderedFrame): string | null {
  const { position, rows, guesses, isSampled } = frame
  if (position < settled) return `A frame goes back to position ${position}, where all before ${settled} was no guess.`
  if (position > end) return `A frame begins at position ${position}, and the one before it ended at ${end}.`
  if (!isDrawing) return null
  if (!isSampled) return `A frame at position ${position} has no token drawn, and one before it had.`
  if (rows - guesses === 1) return null
  return `A frame brings ${rows - guesses} rows at position ${position}, where one token was drawn.`
}
