/**
 * The addresses of the proxies in front that are trusted.
 *
 * @module
 */

import { BlockList, isIP } from 'node:net'
import type { AddressKind } from '../http/forwarded-for.ts'

export class TrustedProxies {
  readonly #ranges = new BlockList()

  /** @param ranges Address and prefix, as the configuration has them. */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [address = '', prefix] = range.split('/')
      this.#ranges.addSubnet(address, Number(prefix), familyOf(isIP(address)))
    }
  }

  /** Whether a connection from this address is one of a trusted proxy's. */
  has(address: string): boolean {
    return this.kindOf(address) === 'trusted'
  }

  /** @param address Without port and brackets; IPv4 not in the clothes of IPv6. */
  kindOf(address: string): AddressKind {
    const family = isIP(address)
    if (family === 0) return undefined
    return this.#ranges.check(address, familyOf(family)) ? 'trusted' : 'other'
  }
}

function familyOf(version: number): 'ipv4' | 'ipv6' {
  return version === 6 ? 'ipv6' : 'ipv4'
}
