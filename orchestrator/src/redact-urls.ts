/** Shortens addresses in what is logged: an RPC's or a database's often carries a key or a password. It knows none of them by value. */
import { inspect } from 'node:util'

/** Path, query and user of every web and database address in `text` become "…"; its host stays, so that one sees who failed. */
export function redactUrls(text: string): string {
  return text.replace(/\b(https?|wss?|postgres(?:ql)?):\/\/([^\s"'`<>\\]+)/gi, (_url, scheme, rest: string) => {
    const end = rest.search(/[/?#]/)
    const authority = end === -1 ? rest : rest.slice(0, end)
    const user = authority.lastIndexOf('@')
    const host = user === -1 ? authority : `…@${authority.slice(user + 1)}`
    return `${scheme}://${host}${end === -1 || rest.slice(end) === '/' ? rest.slice(authority.length) : '/…'}`
  })
}

/** A thrown thing with its causes and stacks, as a log may hold it. */
export const redactedFault = (fault: unknown): string =>
  redactUrls(typeof fault === 'string' ? fault : inspect(fault, { depth: 6 }))
