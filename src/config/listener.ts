/**
 * `listen` and `listeners`, compiled.
 *
 * @module
 */

import { compilePolicy, OFF } from './client-certificate.ts'
import type { ListenerConfig, PublicUrl, ServerCertificate } from './configuration.ts'
import type { Path } from './document.ts'
import { parsePublicUrl, splitAddress } from './endpoint.ts'
import { compileFront } from './front-proxy.ts'
import {
  type Written,
  type WrittenPolicy,
  warnOfNames,
  warnOfSuites,
} from './listener-certificate.ts'
import {
  type ClientCertificateInput,
  type ListenerInput,
  type ListenInput,
  listenerSchema,
  listenSchema,
} from './listener-schema.ts'
import { type Layer, narrow } from './narrowing.ts'
import { nameOf } from './reading.ts'
import { readEntries, type Sources } from './section.ts'

/** @param above Settings that hold for the whole gateway: a listener's are no looser than the profile. */
export function compileListeners(sources: Sources, above: Layer): ListenerConfig[] {
  const { reader } = sources
  const { document, diagnostics } = reader
  const hasShort = document.has(['listen'])
  if (hasShort === document.has(['listeners'])) {
    const message = hasShort
      ? 'listen is the short form of listeners: the file has both'
      : 'the file has neither "listen" nor "listeners"'
    diagnostics.error(hasShort ? 'duplicate-key' : 'missing-key', document.key(['listen']), message)
    return []
  }
  const twice = ['listen', 'client_certificate', 'ca']
  if (document.has(twice) && document.has(['listen', 'client_ca'])) {
    diagnostics.error(
      'duplicate-key',
      document.key(twice),
      'client_ca says the same: leave one out',
    )
  }
  const short = hasShort ? reader.read(listenSchema, ['listen']) : undefined
  const written = hasShort
    ? short === undefined
      ? []
      : [fromShort(short)]
    : readEntries(sources, 'listeners', listenerSchema).map(({ id, path, input }) =>
        fromLong(id, path, input),
      )
  return written.map((one) => compileListener(one, sources, above))
}

function fromShort(input: ListenInput): Written {
  const path = ['listen']
  const { certificate: cert, key, client_ca, client_certificate: policy } = input
  const long = { cert, certPath: [...path, 'certificate'], key, keyPath: [...path, 'key'] }
  return {
    id: 'listen',
    path,
    address: input.address,
    urls: writtenUrls(input, path),
    certificates: [{ ...long, names: [], namesPath: path, clientCertificate: undefined }],
    clientCertificate: {
      verify: policy?.verify,
      from: policy?.from,
      ca: client_ca ?? policy?.ca,
      path: [...path, policy === undefined ? 'client_ca' : 'client_certificate'],
      caPath:
        client_ca === undefined ? [...path, 'client_certificate', 'ca'] : [...path, 'client_ca'],
      revocation: policy?.revocation,
    },
    trustedProxies: input.trusted_proxies,
    clientAddress: input.client_address,
    minVersion: input.min_version,
    minVersionPath: [...path, 'min_version'],
    sessionTickets: input.session_tickets,
    hsts: input.hsts,
    alpn: input.alpn,
  }
}

function fromLong(id: string, path: Path, input: ListenerInput): Written {
  return {
    id,
    path,
    address: input.address,
    urls: writtenUrls(input, path),
    certificates: input.tls.certificates.map((one, index) => {
      const at = [...path, 'tls', 'certificates', index]
      return {
        cert: one.cert,
        certPath: [...at, 'cert'],
        key: one.key,
        keyPath: [...at, 'key'],
        names: (one.names ?? []).map((name) => name.toLowerCase()),
        namesPath: [...at, 'names'],
        clientCertificate: writtenPolicy(one.client_certificate, at),
      }
    }),
    clientCertificate: writtenPolicy(input.client_certificate, path),
    trustedProxies: input.trusted_proxies,
    clientAddress: input.client_address,
    minVersion: input.tls.min_version,
    minVersionPath: [...path, 'tls', 'min_version'],
    sessionTickets: input.tls.session_tickets,
    hsts: input.hsts,
    alpn: input.tls.alpn,
  }
}

function writtenUrls(
  input: { public_url?: string | undefined; public_urls?: string[] | undefined },
  path: Path,
) {
  const one =
    input.public_url === undefined ? [] : [{ url: input.public_url, path: [...path, 'public_url'] }]
  const more = (input.public_urls ?? []).map((url, index) => ({
    url,
    path: [...path, 'public_urls', index],
  }))
  return [...one, ...more]
}

function writtenPolicy(
  policy: ClientCertificateInput | undefined,
  within: Path,
): WrittenPolicy | undefined {
  if (policy === undefined) return undefined
  const path = [...within, 'client_certificate']
  const { verify, from, ca, revocation } = policy
  return { verify, from, ca, path, caPath: [...path, 'ca'], revocation }
}

function compileListener(written: Written, sources: Sources, above: Layer): ListenerConfig {
  const { reader, profile } = sources
  const { document, diagnostics } = reader
  const address = splitAddress(written.address)
  if (address === undefined) {
    const path = [...written.path, 'address']
    diagnostics.error('invalid-value', document.at(path), `${nameOf(path)}: there are 65535 ports`)
  }
  const publicUrls = compileUrls(written, sources)
  const ownPolicy = compilePolicy(written.clientCertificate, sources)
  const certificates = written.certificates.flatMap((one) => {
    const files = sources.files.readCredential(one, one.certPath, one.keyPath)
    const policy = compilePolicy(one.clientCertificate, sources) ?? ownPolicy
    return files === undefined ? [] : [{ written: one, files, policy }]
  })
  const statements =
    written.minVersion === undefined
      ? []
      : [{ name: 'transport.min_version', value: written.minVersion, path: written.minVersionPath }]
  const layer = narrow(above, statements, nameOf(written.path), profile, reader)
  const minVersion = layer.get('transport.min_version')?.value as string
  const cipherSuites = layer.get('transport.cipher_suites')?.value as string[]

  const policies = [ownPolicy, ...certificates.map(({ policy }) => policy)]
  const front = compileFront(written, policies, sources)

  warnOfSuites(certificates, minVersion, cipherSuites, sources)
  warnOfNames(certificates, publicUrls, written, sources)
  // What could not be read was an error: this will not be served, but the rest is judged by it.
  return {
    id: written.id,
    ...(address ?? { host: '', port: 0 }),
    publicUrls,
    certificates: certificates.map(({ written: one, files, policy }): ServerCertificate => {
      const { name, cert, key } = files
      return { name, cert, key, hosts: one.names, clientCertificate: policy ?? OFF }
    }),
    clientCertificate: ownPolicy ?? OFF,
    ...front,
    minVersion,
    cipherSuites,
    sessionTickets: written.sessionTickets === 'on',
    hsts: written.hsts === false ? undefined : (written.hsts ?? YEAR),
    alpn: written.alpn ?? ['http/1.1'],
  }
}

/** Seconds. */
const YEAR = 31_536_000

function compileUrls({ urls, path }: Written, { reader }: Sources): PublicUrl[] {
  const { document, diagnostics } = reader
  if (urls.length === 0) {
    const message = `${nameOf(path)} has no "public_url"`
    diagnostics.error('missing-key', document.key(path), message, 'what clients call')
  }
  const seen = new Set<string>()
  return urls.flatMap(({ url, path }) => {
    const parsed = parsePublicUrl(url)
    if (parsed !== undefined) {
      const authority = `${parsed.host}:${parsed.port}`
      // Which of two was called could not be told from a request.
      if (seen.has(authority)) {
        const message = `${nameOf(path)}: another public URL has the same host and port`
        diagnostics.error('duplicate-address', document.at(path), message)
      }
      seen.add(authority)
      return [parsed]
    }
    const message = `${nameOf(path)}: wants an https URL without query, such as https://api.bank.example`
    diagnostics.error('invalid-value', document.at(path), message)
    return []
  })
}
