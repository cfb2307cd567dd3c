/**
 * Reading fields as they came, and the small grammars of field values (RFC 9110 §5).
 *
 * Fields are read from Node's `rawHeaders`, names and values in turn: `headers` keeps the first of two
 * `Authorization` lines and joins two `DPoP` lines, so duplicates cannot be counted there.
 *
 * @module
 */

/** What {@link soleField} returns for a field that came more than once. */
export const SEVERAL: unique symbol = Symbol('several')

const TOKEN68 = /^[A-Za-z0-9\-._~+/]+=*$/
const TOKEN = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/

/** The values of all field lines of a name, in the order they came. @param name In lower case. */
export function fieldLines(rawFields: readonly string[], name: string): string[] {
  const lines: string[] = []
  for (let at = 0; at + 1 < rawFields.length; at += 2) {
    if (isNamed(rawFields[at]!, name)) lines.push(rawFields[at + 1]!)
  }
  return lines
}

/**
 * The value of a field that may come once: undefined if it did not come, {@link SEVERAL} if it came on
 * more than one line, whether or not the lines agree. A comma inside the one value is not looked at.
 *
 * @param name In lower case.
 */
export function soleField(
  rawFields: readonly string[],
  name: string,
): string | undefined | typeof SEVERAL {
  let value: string | undefined
  for (let at = 0; at + 1 < rawFields.length; at += 2) {
    if (!isNamed(rawFields[at]!, name)) continue
    if (value !== undefined) return SEVERAL
    value = rawFields[at + 1]!
  }
  return value
}

/** RFC 9110 §5.1: a field's name matches in any case. */
function isNamed(rawName: string, name: string): boolean {
  return rawName.length === name.length && rawName.toLowerCase() === name
}

/** RFC 9110 §11.2: the one word that credentials consist of, `b64token` in RFC 6750 §2.1. */
export function isToken68(text: string): boolean {
  return TOKEN68.test(text)
}

/** RFC 9110 §5.1: a field name is a token (§5.6.2). */
export function isFieldName(text: string): boolean {
  return TOKEN.test(text)
}

/**
 * Text without the blanks around it (RFC 9110 §5.6.3). By looking at each end once: a pattern for blanks before
 * an end would look again from each of them.
 */
export function trimBlanks(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && isBlank(text.charCodeAt(from))) from += 1
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1
  return text.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

/** Whether a value is a comma-separated list of tokens, empty elements among them (RFC 9110 §5.6.1.2). */
export function isTokenList(value: string): boolean {
  return value
    .split(',')
    .map(trimBlanks)
    .every((element) => element === '' || TOKEN.test(element))
}

/**
 * The tokens of a comma-separated list such as the value of `Connection` (RFC 9110 §5.6.1), in lower
 * case. Empty elements and elements that are not tokens are passed over: neither can name anything.
 */
export function parseListTokens(value: string): string[] {
  return value.toLowerCase().split(',').map(trimBlanks).filter(isFieldName)
}
