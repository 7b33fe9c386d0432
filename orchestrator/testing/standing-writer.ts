/** A process of its own that keeps a book of standing: checks without end, a conviction now and then, told once that has returned. */
import { hostClock } from '../src/host.ts'
import { createFileStandingStore, createStandingBook } from '../src/standing/index.ts'

const onFault = (fault: unknown): void => void process.stderr.write(`${String(fault)}\n`)
const store = createFileStandingStore({ file: process.argv[2]!, clock: hostClock, onFault })
const book = createStandingBook({ clock: hostClock, store })
await book.ready
const begun = Object.keys(book.weights()).length
const step = (turn: number): void => {
  const wallet = (kind: string): string => `0x${kind}${String(begun + turn).padStart(39, '0')}`
  book.note(wallet('a'), { type: 'checked', atMs: hostClock.wallMs() })
  if (turn % 3 === 0) {
    book.convict(wallet('c'), 'wrong-output')
    process.stdout.write(`${wallet('c')}\n`)
  }
  setImmediate(step, turn + 1)
}
step(0)
