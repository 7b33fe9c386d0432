/** Hands a text over as a file, by the browser's own download. */
export interface SavedFile {
  readonly name: string
  readonly type: string
  readonly text: string
}

export function saveFile({ name, type, text }: SavedFile): void {
  const url = URL.createObjectURL(new Blob([text], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}
