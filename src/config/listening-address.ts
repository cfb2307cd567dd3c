/**
 * The addresses that a configuration would listen on, compared with one another.
 *
 * @module
 */

import { isIPv6 } from 'node:net'
import { splitAddress } from './endpoint.ts'
import { type ConfigReader, nameOf } from './reading.ts'
import { address } from './setting.ts'

const EVERY = ['0.0.0.0', '[::]']

/**
 * Reports every address on which a listener before it listens already. Names of hosts are not resolved:
 * that localhost is also 127.0.0.1 is not seen.
 */
export function checkAddresses(reader: ConfigReader): void {
  const { document, diagnostics } = reader
  const listeners = reader.keys(['listeners']).map((id) => ['listeners', id, 'address'])
  const written = [['listen', 'address'], ...listeners, ['admin', 'address']].flatMap((path) => {
    // What is no address has been said.
    const parsed = address().safeParse(reader.valueAt(path))
    return parsed.success ? [{ address: parsed.data, path }] : []
  })
  for (const [index, later] of written.entries()) {
    const earlier = written.slice(0, index).find((one) => overlap(one.address, later.address))
    if (earlier === undefined) continue
    const own = document.show(later.path)
    const other = document.show(earlier.path)
    const what = own === other ? 'listens there too' : `listens on ${other}, which overlaps`
    const message = `${nameOf(later.path)}: ${own} is taken: ${nameOf(earlier.path)} ${what}`
    diagnostics.error('duplicate-address', document.at(later.path), message)
  }
}

function overlap(one: string, other: string): boolean {
  const [first, second] = [canonical(one), canonical(other)]
  if (first === undefined || second === undefined) return false
  // The system chooses a free port for 0.
  if (first.port !== second.port || first.port === 0) return false
  return first.host === second.host || EVERY.includes(first.host) || EVERY.includes(second.host)
}

/** With one spelling for each IPv6 address, in brackets; undefined for what is no address. */
function canonical(address: string): { host: string; port: number } | undefined {
  const split = splitAddress(address)
  if (split === undefined) return undefined
  const { host, port } = split
  const bare = isIPv6(host) ? new URL(`http://[${host}]`).hostname : host.toLowerCase()
  return { host: bare, port }
}
