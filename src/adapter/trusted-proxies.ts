/**
 * The addresses of the proxies in front that are trusted.
 *
 * @module
 */

import { BlockList, isIP } from 'node:net'
import type { AddressKind } from '../http/forwarded-for.ts'

export class TrustedProxies {
  /** One for each family: a list that has both finds IPv4 addresses in ranges of IPv6. */
  readonly #ranges = { ipv4: new BlockList(), ipv6: new BlockList() }

  /** @param ranges Address and prefix, as the configuration has them. */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [address = '', prefix] = range.split('/')
      const family = familyOf(isIP(address))
      this.#ranges[family].addSubnet(address, Number(prefix), family)
    }
  }

  /** Whether a connection from this address is one of a trusted proxy's. */
  has(address: string): boolean {
    return this.kindOf(address) === 'trusted'
  }

  /** @param address Without port and brackets; IPv4 not in the clothes of IPv6. */
  kindOf(address: string): AddressKind {
    const version = isIP(address)
    if (version === 0) return undefined
    const family = familyOf(version)
    return this.#ranges[family].check(address, family) ? 'trusted' : 'other'
  }
}

function familyOf(version: number): 'ipv4' | 'ipv6' {
  return version === 6 ? 'ipv6' : 'ipv4'
}
