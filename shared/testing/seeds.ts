/** How many seeds a simulation is tried with: few in a suite that people wait for, as many as they like where they search. For tests only. */

const asked = process.env.COMPUTEPOOL_SEEDS

/** 1 and so on, up to `usual`, or to `COMPUTEPOOL_SEEDS` where that is set. */
export const seeds = (usual: number): number[] =>
  Array.from({ length: asked === undefined ? usual : Number(asked) }, (_, at) => at + 1)
