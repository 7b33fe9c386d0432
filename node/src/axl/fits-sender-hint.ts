/** Compares AXL's sender header with a key. The header tells about the first 16 characters of 64 and pads the rest: it is no proof of anything. */

/** So many must fit: fewer than the header is said to tell, because how many those are is nobody's promise. */
export const senderHintCharacters = 12

/** False for a header that tells fewer characters. */
export function fitsSenderHint(key: string, senderHint: string): boolean {
  return senderHint.length >= senderHintCharacters && key.startsWith(senderHint.slice(0, senderHintCharacters))
}
