/** A script for fake engines: text that goes in circles, with a surprise here and there that only the arithmetic knows. Some guesses come true. */
export const circling =
  (seed: number) =>
  (position: number): number | null =>
    (position * 7 + seed) % (11 + (seed % 20)) === 0 ? null : (position % (3 + (seed % 5))) + 1
