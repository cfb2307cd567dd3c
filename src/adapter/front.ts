/**
 * What a listener believes of the proxies in front of it: whether a connection is one of theirs, and for
 * whom they ask.
 *
 * The address of the connection decides, and nothing that a request says (RFC 9700 §4.13).
 *
 * @module
 */

import type { FrontProxy } from '../check/request.ts'
import type { ClientCertificatePolicy, ListenerConfig } from '../config/configuration.ts'
import { clientAddress } from '../http/forwarded-for.ts'
import type { ClientCertificate } from '../sender-constraint/certificate.ts'
import { ForwardedCertificates } from './forwarded-certificates.ts'
import { TrustedProxies } from './trusted-proxies.ts'

type FrontConfig = Pick<ListenerConfig, 'trustedProxies' | 'clientAddress' | 'certificates'>

export class Front {
  readonly #trusted: TrustedProxies
  readonly #addressField: ListenerConfig['clientAddress']
  readonly #certificates = new Map<ClientCertificatePolicy, ForwardedCertificates>()

  constructor({ trustedProxies, clientAddress: field, certificates }: FrontConfig) {
    this.#trusted = new TrustedProxies(trustedProxies)
    this.#addressField = field
    for (const { clientCertificate: policy } of certificates) {
      if (policy.from === 'tls' || policy.mode === 'off') continue
      this.#certificates.set(policy, new ForwardedCertificates(policy, policy.from))
    }
  }

  trusts(address: string): boolean {
    return this.#trusted.has(address)
  }

  /**
   * The proxy that a connection is of; undefined where its address is of none that is trusted.
   *
   * @param address Of the other side of the connection.
   * @param policy Of the host that its handshake was for.
   * @param own The certificate of the handshake, where it is the client's.
   */
  proxyAt(
    address: string,
    policy: ClientCertificatePolicy,
    own: ClientCertificate | undefined,
  ): FrontProxy | undefined {
    if (!this.trusts(address)) return undefined
    const certificates = this.#certificates.get(policy)
    const field = this.#addressField
    return {
      certificateOf: (rawFields, now) =>
        certificates === undefined ? own : certificates.read(rawFields, now),
      addressOf: (rawFields) =>
        field === undefined
          ? address
          : clientAddress(rawFields, field, address, (one) => this.#trusted.kindOf(one)),
    }
  }
}
