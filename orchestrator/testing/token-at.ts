/** What a model would draw, as a function of the position alone: a text that moved can be checked. Letters of the tiny tokenizer. */
export const tokenAt = (position: number): number => 65 + ((position * 7) % 26)
