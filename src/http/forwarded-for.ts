/**
 * For whom a proxy in front asks: `X-Forwarded-For` and `Forwarded` (RFC 7239).
 *
 * Every proxy appends, so what a client invented stands on the left and what is known stands on the
 * right. The list is walked from the right while the addresses are of proxies that are trusted; the first
 * that is not is the client's.
 *
 * @module
 */

import { fieldLines, trimBlanks } from './field.ts'

export type ForwardedForField = 'x-forwarded-for' | 'forwarded'

/** What an address is to us; undefined where a text is none. */
export type AddressKind = 'trusted' | 'other' | undefined

/** More proxies than that do not stand in a row; a client that invents more is found at this one. */
const MAX_WALKED = 32

/**
 * The address of the client of a connection that a trusted proxy made.
 *
 * @param from The proxy's own address: the answer where it says nothing that can be read.
 * @param kindOf Asked about addresses without port and brackets.
 */
export function clientAddress(
  rawFields: readonly string[],
  field: ForwardedForField,
  from: string,
  kindOf: (address: string) => AddressKind,
): string {
  const elements = fieldLines(rawFields, field).join(',').split(',')
  let client = from
  for (let walked = 1; walked <= Math.min(MAX_WALKED, elements.length); walked++) {
    const element = trimBlanks(elements[elements.length - walked]!)
    const address = parseNode(field === 'forwarded' ? nodeOf(element) : element)
    const kind = address === undefined ? undefined : kindOf(address)
    // RFC 7239 §6.2, §6.3: unknown, or a name that means something to somebody else.
    if (address === undefined || kind === undefined) return client
    client = address
    if (kind === 'other') return client
  }
  return client
}

/** RFC 7239 §4: the value of `for` among the parameters of an element. */
function nodeOf(element: string): string {
  const values = element
    .split(';')
    .map((pair) => /^[ \t]*for=(?:"([^"\\]*)"|([^"\\\s]*))[ \t]*$/i.exec(pair))
    .filter((match) => match !== null)
  const [sole] = values
  return values.length === 1 ? (sole?.[1] ?? sole?.[2] ?? '') : ''
}

/** RFC 7239 §6: an address, with the port that some add; IPv6 in brackets, or as `X-Forwarded-For` has it. */
function parseNode(node: string): string | undefined {
  const [, bracketed, dotted] =
    /^(?:\[([0-9a-f:.]+)\]|(\d{1,3}(?:\.\d{1,3}){3}))(?::\d{1,5})?$/i.exec(node) ?? []
  const address =
    bracketed ?? dotted ?? (/^[0-9a-f:.]*:[0-9a-f:.]*$/i.test(node) ? node : undefined)
  return address?.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '')
}
