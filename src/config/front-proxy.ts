/**
 * Proxies in front of a listener: which are trusted, and how they write down the client's certificate.
 *
 * @module
 */

import { isIP } from 'node:net'
import type { ClientCertFields, ClientCertFormat } from '../http/client-cert.ts'
import { isFieldName } from '../http/field.ts'
import { foldFieldName, HOP_BY_HOP, MESSAGE_FIELDS } from '../http/forwardable.ts'
import type {
  ClientCertificatePolicy,
  ClientCertificateSource,
  ListenerConfig,
} from './configuration.ts'
import type { Path } from './document.ts'
import type { Written } from './listener-certificate.ts'
import type { ClientCertificateInput } from './listener-schema.ts'
import { type ConfigReader, nameOf } from './reading.ts'
import type { Sources } from './section.ts'

/** Widest ranges: what private networks use (RFC 1918, RFC 4193). Wider ones are the Internet. */
const LEAST_PREFIX = { 4: 8, 6: 7 } as const

/** The fields that each kind of proxy uses where it is not told otherwise. */
const DEFAULT_FIELDS: Readonly<Record<ClientCertFormat, readonly [string, string?]>> = {
  rfc9440: ['client-cert', 'client-cert-chain'],
  envoy: ['x-forwarded-client-cert'],
  nginx: ['x-ssl-client-cert'],
  haproxy: ['x-ssl-client-cert'],
  aws: ['x-amzn-mtls-clientcert'],
  azure: ['x-arr-clientcert'],
}

/** Those of which one value holds everything. */
const WITHOUT_CHAIN_FIELD: ReadonlySet<string> = new Set(['envoy', 'aws', 'azure'])

/** What a listener believes of proxies in front of it. @param policies Those of the listener and its hosts. */
export function compileFront(
  { trustedProxies = [], clientAddress, path }: Written,
  policies: readonly (ClientCertificatePolicy | undefined)[],
  { reader }: Sources,
): Pick<ListenerConfig, 'trustedProxies' | 'clientAddress'> {
  const { document, diagnostics } = reader
  const at = [...path, 'trusted_proxies']
  const isVouchedFor = policies.some((policy) => policy !== undefined && policy.from !== 'tls')
  if (trustedProxies.length === 0) {
    if (isVouchedFor) {
      const message = `${nameOf(path)} takes certificates from a proxy, and has no "trusted_proxies"`
      const note = 'whoever can connect could say that it is any client'
      diagnostics.error('missing-key', document.key(path), message, note)
    }
    if (clientAddress !== undefined) {
      const said = [...path, 'client_address']
      const message = `${nameOf(said)}: without effect, since there are no trusted_proxies`
      diagnostics.error('invalid-value', document.key(said), message)
    }
  } else if (clientAddress === 'connection' && !isVouchedFor) {
    const message = `${nameOf(at)}: without effect, since neither addresses nor certificates are taken from them`
    diagnostics.warn('unused-proxies', document.key(at), message)
  }
  const field = clientAddress ?? 'x-forwarded-for'
  return {
    trustedProxies: compileTrustedProxies(trustedProxies, at, reader),
    clientAddress: trustedProxies.length === 0 || field === 'connection' ? undefined : field,
  }
}

/** The ranges that hold, each as address and prefix; what is wrong with the others has been said. */
function compileTrustedProxies(
  written: readonly string[],
  path: Path,
  { document, diagnostics }: ConfigReader,
): string[] {
  return written.flatMap((text, index) => {
    const at = [...path, index]
    const fault = (what: string, note: string) => {
      const message = `${nameOf(at)}: ${document.show(at)} ${what}`
      diagnostics.error('invalid-value', document.at(at), message, note)
      return []
    }
    const [address = '', length, ...more] = text.split('/')
    const family = isIP(address)
    const most = family === 4 ? 32 : 128
    const prefix = length === undefined ? most : Number(length)
    const isRange =
      family !== 0 && more.length === 0 && /^\d{1,3}$/.test(length ?? '0') && prefix <= most
    if (!isRange || /%|^::ffff:/i.test(address)) {
      return fault('is no range of addresses', 'such as 10.1.0.0/16, 192.0.2.7 or fd12::/64')
    }
    const least = LEAST_PREFIX[family === 4 ? 4 : 6]
    if (prefix < least) {
      return fault(
        'trusts half the Internet',
        `whoever connects from there can say that it is any client: /${least} is the widest`,
      )
    }
    if (!isFirstOf(address, prefix, family)) {
      return fault('is an address within a range', 'the range begins with zeros behind its prefix')
    }
    if (family === 6 && hasMapped(address, prefix)) {
      return fault('holds IPv4 addresses, written as IPv6', 'a range of these is written as IPv4')
    }
    return [`${address}/${prefix}`]
  })
}

/** Whether no bit is set behind the prefix: then the address before it is outside of the range. */
function isFirstOf(address: string, prefix: number, family: number): boolean {
  const bits = bitsOf(address, family)
  return !bits.slice(prefix).includes('1')
}

/** RFC 4291 §2.5.5.2: ::ffff:0:0/96, all of IPv4. */
const MAPPED = `${'0'.repeat(80)}${'1'.repeat(16)}`

/** Whether a range of IPv6 has an address of IPv4 in it: then some would take it for IPv4's. */
function hasMapped(address: string, prefix: number): boolean {
  const shared = Math.min(prefix, MAPPED.length)
  return bitsOf(address, 6).slice(0, shared) === MAPPED.slice(0, shared)
}

function bitsOf(address: string, family: number): string {
  if (family === 4) {
    return address
      .split('.')
      .map((byte) => Number(byte).toString(2).padStart(8, '0'))
      .join('')
  }
  // The URL parser writes every group, and an IPv4 tail as groups.
  const plain = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = plain.split('::')
  const groupsOf = (text = '') => text.split(':').filter((group) => group !== '')
  const [front, back] = [groupsOf(head), groupsOf(tail)]
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => '0')
  return [...front, ...zeros, ...back]
    .map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0'))
    .join('')
}

/** Where certificates come from: the handshake, unless a proxy is named. */
export function compileSource(
  input: ClientCertificateInput['from'],
  path: Path,
  { document, diagnostics }: ConfigReader,
): ClientCertificateSource {
  if (input === undefined || input === 'tls') return 'tls'
  const said = typeof input === 'string' ? { format: input } : input
  const { format } = said
  const [field, chainField] = DEFAULT_FIELDS[format]
  const chain = said.chain_field?.toLowerCase() ?? chainField
  const source: ClientCertFields = {
    format,
    field: said.field?.toLowerCase() ?? field,
    chainField: chain,
  }
  for (const key of ['field', 'chain_field'] as const) {
    const name = said[key]
    if (name !== undefined && !isOrdinary(name)) {
      const message = `${nameOf([...path, key])}: ${name} is no field that a certificate may come in`
      const note = 'letters, digits and -, and no meaning of its own'
      diagnostics.error('invalid-value', document.at([...path, key]), message, note)
    }
  }
  if (said.chain_field !== undefined && WITHOUT_CHAIN_FIELD.has(format)) {
    const at = [...path, 'chain_field']
    const message = `${nameOf(at)}: without effect, since ${format} writes the chain beside the certificate or not at all`
    diagnostics.error('invalid-value', document.at(at), message)
  } else if (source.field === chain) {
    const message = `${nameOf(path)}: certificate and chain would come in one field`
    diagnostics.error('invalid-value', document.at(path), message)
  }
  return source
}

function isOrdinary(name: string): boolean {
  const folded = foldFieldName(name)
  return (
    isFieldName(name) &&
    /^[A-Za-z0-9-]+$/.test(name) &&
    !HOP_BY_HOP.has(folded) &&
    !MESSAGE_FIELDS.has(folded)
  )
}
