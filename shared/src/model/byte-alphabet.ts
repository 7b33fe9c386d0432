/** GPT-2's way to write any byte as a visible character, which byte-level tokenizers use in their vocabularies. */

/** The character of each byte: printable Latin-1 stands for itself, the other 68 bytes follow from U+0100. */
export function byteAlphabet(): string[] {
  const isPrintable = (byte: number) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPrintable(byte) ? byte : next++))
}
