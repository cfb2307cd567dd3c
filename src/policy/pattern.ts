/**
 * Patterns of text: as it stands, with `*` for any run of characters, the empty one included.
 *
 * Not regular expressions: those can be made to take very long, and say more than they seem to.
 *
 * @module
 */

/** Whether a text as a whole is as a pattern says. Case matters. Takes time linear in both. */
export type Pattern = (text: string) => boolean

/** @param pattern Its `*` cannot be escaped: none of the names that are compared here has one. */
export function compilePattern(pattern: string): Pattern {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return (text) => text === first
  return (text) => {
    if (text.length < first.length + last.length) return false
    if (!text.startsWith(first) || !text.endsWith(last)) return false
    const end = text.length - last.length
    let at = first.length
    // The first place where a part fits leaves the most room for those behind it.
    for (const part of rest) {
      const found = text.indexOf(part, at)
      if (found === -1 || found + part.length > end) return false
      at = found + part.length
    }
    return true
  }
}
