/**
 * What is wrong with the YAML of a file, told once and with what helps.
 *
 * A parser that lost its way goes on to complain of all that follows. Only what it says first of a line is
 * kept, and nothing behind a fault that shifts the meaning of the rest of the file.
 *
 * @module
 */

/** A fault as the YAML library reports it. */
export interface ParserFault {
  readonly code: string
  readonly message: string
  readonly pos: readonly [number, number]
}

export interface YamlFault {
  readonly id: 'duplicate-key' | 'yaml-syntax'
  readonly range: readonly [start: number, end: number]
  readonly message: string
  readonly note: string | undefined
}

/** @param lineOf The line of an offset. */
export function selectFaults(
  found: readonly ParserFault[],
  text: string,
  lineOf: (offset: number) => number,
): YamlFault[] {
  const kept: YamlFault[] = []
  const lines = new Set<number>()
  for (const fault of found.toSorted((one, other) => one.pos[0] - other.pos[0])) {
    const line = lineOf(fault.pos[0])
    // What stands behind the end of the document ended there because of a fault before it.
    const isFollowing = kept.length > 0 && fault.message.includes('in YAML stream')
    if (lines.has(line) || isFollowing) continue
    lines.add(line)
    const reference = unquotedReference(fault, text)
    kept.push(reference ?? explained(fault, text))
    if (reference !== undefined || fault.code === 'TAB_AS_INDENT') break
  }
  return kept
}

/** What helps whose value begins with a character that has a meaning in YAML. */
export function quotesNeeded(character: string): string {
  return `a value that begins with ${character} needs quotes`
}

/** Between `{ … }` and `[ … ]`, the brace of `${env:X}` begins a map. */
function unquotedReference({ pos }: ParserFault, text: string): YamlFault | undefined {
  const [at] = pos
  if (text[at] !== '{' || text[at - 1] !== '$') return undefined
  const before = /[^\s,[\]{}]*$/.exec(text.slice(0, at))?.[0] ?? ''
  const value = before + (/^\{[^}\n]*\}?[^\s,[\]{}]*/.exec(text.slice(at))?.[0] ?? '')
  const start = at - before.length
  return {
    id: 'yaml-syntax',
    range: [start, start + value.length],
    message: 'a reference between { } or [ ] needs quotes',
    note: `quote it: "${value}"`,
  }
}

function explained({ code, message, pos }: ParserFault, text: string): YamlFault {
  const [from, to] = pos
  const said = message.charAt(0).toLowerCase() + message.slice(1)
  const plain = { id: 'yaml-syntax', range: pos, message: said, note: undefined } as const
  switch (code) {
    case 'DUPLICATE_KEY':
      return { ...plain, id: 'duplicate-key', message: 'this key is there already' }
    case 'TAB_AS_INDENT':
      return { ...plain, note: 'indent with spaces' }
    case 'TAG_RESOLVE_FAILED':
      return { ...plain, message: 'tags are not read', note: quotesNeeded('!') }
    case 'BAD_SCALAR_START':
      return { ...plain, note: quotesNeeded(text[from] ?? '') }
    case 'UNEXPECTED_TOKEN':
    case 'MISSING_CHAR': {
      const opening = openingBefore(text, from)
      if (opening === undefined) return plain
      return { ...plain, range: [opening, to], note: quotesNeeded(text[opening] ?? '') }
    }
    default:
      return plain
  }
}

/** Where `[::1]` begins of which `:8443` follows; undefined where no bracket was closed right before. */
function openingBefore(text: string, at: number): number | undefined {
  if (!/[\]}]/.test(text[at - 1] ?? '')) return undefined
  let depth = 0
  for (let offset = at - 1; offset >= 0 && text[offset] !== '\n'; offset--) {
    if (/[\]}]/.test(text[offset] ?? '')) depth += 1
    if (/[[{]/.test(text[offset] ?? '')) depth -= 1
    if (depth === 0) return offset
  }
  return undefined
}
