/**
 * TLS as a listener speaks it (RFC 9325, FAPI 1.0 Advanced §8.5, FAPI 2.0 SP §5.2).
 *
 * @module
 */

import { constants } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type {
  ClientCertificatePolicy,
  ListenerConfig,
  ServerCertificate,
} from '../config/configuration.ts'

/** RFC 9325 §4.5: groups and signatures of at least 128 bits, and no SHA-1. */
const GROUPS = 'X25519:P-256:P-384'
const SIGNATURES = [
  'ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519',
  'RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512',
  'RSA+SHA256:RSA+SHA384:RSA+SHA512',
].join(':')

/** OpenSSL's name of a cipher suite. Those of TLS 1.3 are the registered ones. */
export function openSslName(suite: string): string {
  if (!suite.includes('_WITH_')) return suite
  return suite
    .replace(/^TLS_/, '')
    .replace('_WITH_', '_')
    .replace(/AES_(\d+)/, 'AES$1')
    .replaceAll('_', '-')
}

/** What the hosts of a listener have in common, as options of a TLS server or a context. */
export function contextOptions(
  listener: ListenerConfig,
  { cert, key, clientCertificate }: ServerCertificate,
): SecureContextOptions {
  return {
    cert,
    key,
    ...(clientCertificate.ca === undefined || clientCertificate.from !== 'tls'
      ? {}
      : { ca: clientCertificate.ca }),
    minVersion: listener.minVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    // RFC 9325 §4.5: no RSA below 2048 bits, and no SHA-1, anywhere in a chain. Some versions of Node ask less.
    ciphers: [...listener.cipherSuites.map(openSslName), '@SECLEVEL=2'].join(':'),
    honorCipherOrder: true,
    ecdhCurve: GROUPS,
    sigalgs: SIGNATURES,
    secureOptions: secureOptions(listener),
  }
}

/**
 * RFC 9325 §3.5: renegotiation is refused, not rationed. §3.4: where hosts of one listener trust
 * different authorities, no session is resumed, so that none can be taken from one host to another.
 *
 * Without tickets nothing is resumed: Node keeps no sessions by their ids. In TLS 1.3 OpenSSL still sends
 * messages that look like tickets, and none of them is good for anything.
 */
function secureOptions(listener: ListenerConfig): number {
  const always = constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION
  const resumes = listener.sessionTickets && !hasSeveralPolicies(listener)
  return resumes ? always : always | constants.SSL_OP_NO_TICKET
}

/** Whether clients of this listener are asked for a certificate: no handshake can do so host by host. */
export function asksForCertificates({ certificates }: ListenerConfig): boolean {
  return certificates.some(
    ({ clientCertificate: { mode, from } }) => mode !== 'off' && from === 'tls',
  )
}

/**
 * What handshakes ask of clients, as options of a TLS server. Chains are judged per request, where the client
 * can be told why; see check/sender-constraint. Only where every host requires a certificate can the handshake
 * itself refuse: RFC 8446 §4.4.2.4, who has none is told by an alert. Of a chain that does not hold, Node lets
 * nobody say anything.
 */
export function certificateDemand(listener: ListenerConfig) {
  const isRequired = listener.certificates.every(
    ({ clientCertificate: { mode, from } }) => mode === 'required' && from === 'tls',
  )
  return { requestCert: asksForCertificates(listener), rejectUnauthorized: isRequired }
}

/** Whether certificates of clients are known, by the handshake or of a proxy in front. */
export function knowsCertificates({ certificates }: ListenerConfig): boolean {
  return certificates.some(({ clientCertificate }) => clientCertificate.mode !== 'off')
}

/** The same of clients that ask for one host. @param host Lower-case. */
export function knowsCertificatesOf({ certificates }: ListenerConfig, host: string): boolean {
  const parent = `*${host.slice(host.indexOf('.'))}`
  const shown =
    certificates.find(({ hosts }) => hosts.includes(host)) ??
    certificates.find(({ hosts }) => hosts.includes(parent)) ??
    certificates.find(({ hosts }) => hosts.length === 0)
  return shown !== undefined && shown.clientCertificate.mode !== 'off'
}

/** Whether hosts of this listener differ in what they ask of client certificates. */
export function hasSeveralPolicies({ certificates, clientCertificate }: ListenerConfig): boolean {
  return certificates.some((one) => !isSamePolicy(one.clientCertificate, clientCertificate))
}

/** Whether two configurations of a listener believe the same of its clients' certificates. */
export function isSameTrust(one: ListenerConfig, other: ListenerConfig): boolean {
  const trust = ({ certificates, trustedProxies, clientAddress }: ListenerConfig) =>
    JSON.stringify([
      certificates.map(({ hosts, clientCertificate }) => [hosts, clientCertificate]),
      trustedProxies,
      clientAddress,
    ])
  return trust(one) === trust(other)
}

function isSamePolicy(one: ClientCertificatePolicy, other: ClientCertificatePolicy): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

/** The certificate, policy and context for a name asked for in the handshake. */
export interface Host {
  readonly certificate: ServerCertificate
  readonly context: SecureContext
}

/** The hosts of a listener, by name. */
export class Hosts {
  readonly #exact = new Map<string, Host>()
  readonly #wildcard = new Map<string, Host>()
  readonly #rest: Host | undefined
  /** Hosts of the public URLs: what the certificate for the rest is for. */
  readonly #publicHosts: ReadonlySet<string>
  /** Whether a handshake without a name can be served: not where names decide about policy. */
  readonly #servesNameless: boolean

  constructor(listener: ListenerConfig) {
    let rest: Host | undefined
    for (const certificate of listener.certificates) {
      const context = createSecureContext(contextOptions(listener, certificate))
      const host = { certificate, context }
      if (certificate.hosts.length === 0) rest = host
      for (const name of certificate.hosts) {
        if (name.startsWith('*.')) this.#wildcard.set(name.slice(2), host)
        else this.#exact.set(name, host)
      }
    }
    this.#rest = rest
    this.#publicHosts = new Set(listener.publicUrls.map(({ host }) => host))
    this.#servesNameless = !hasSeveralPolicies(listener)
  }

  /**
   * @param name The SNI name, lower-case; undefined where the client sent none.
   * @returns Undefined if no host of this name is served (RFC 9325 §3.7).
   */
  find(name: string | undefined): Host | undefined {
    if (name === undefined || name === '') {
      if (!this.#servesNameless) return undefined
      return this.#rest ?? this.#exact.values().next().value ?? this.#wildcard.values().next().value
    }
    // RFC 9525 §6.3: a wildcard stands for one label, and not for none.
    const [, parent = ''] = /^[^.]+\.(.+)$/.exec(name) ?? []
    const named = this.#exact.get(name) ?? this.#wildcard.get(parent)
    return named ?? (this.#publicHosts.has(name) ? this.#rest : undefined)
  }
}
