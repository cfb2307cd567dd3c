/**
 * `client_certificate` of a listener or host, compiled.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import type { ClientCertificatePolicy } from './configuration.ts'
import type { Path } from './document.ts'
import { compileSource } from './front-proxy.ts'
import type { WrittenPolicy } from './listener-certificate.ts'
import type { RevocationInput } from './listener-schema.ts'
import { nameOf } from './reading.ts'
import type { OcspConfig, RevocationConfig } from './revocation-source.ts'
import type { Sources } from './section.ts'

export const OFF: ClientCertificatePolicy = { mode: 'off', from: 'tls', ca: undefined }

/** Undefined where nothing was written: what stands around holds then. */
export function compilePolicy(
  written: WrittenPolicy | undefined,
  sources: Sources,
): ClientCertificatePolicy | undefined {
  if (written === undefined) return undefined
  const { reader, files } = sources
  const { document, diagnostics } = reader
  const mode = written.verify ?? (written.ca === undefined ? 'off' : 'optional')
  const checksChain = mode === 'optional' || mode === 'required'
  if (checksChain && written.ca === undefined) {
    const message = `${nameOf(written.path)}: to verify certificates it wants their "ca"`
    diagnostics.error('missing-key', document.key(written.path), message)
  }
  if (!checksChain && written.ca !== undefined) {
    const message = `${nameOf(written.caPath)}: without effect, since verify is ${mode}`
    diagnostics.error(
      'invalid-value',
      document.at(written.caPath),
      message,
      'optional and required use it',
    )
  }
  const from = compileSource(written.from, [...written.path, 'from'], reader)
  if (from !== 'tls' && mode === 'off') {
    const at = [...written.path, 'from']
    const message = `${nameOf(at)}: without effect, since verify is off`
    const note = 'optional and required want a "ca"'
    diagnostics.error('invalid-value', document.key(at), message, note)
  }
  const ca = files.readAuthorities(written.ca, written.caPath)
  const path = [...written.path, 'revocation']
  if (!checksChain && written.revocation !== undefined) {
    const message = `${nameOf(path)}: without effect, since verify is ${mode}`
    const note = 'only what an authority issued can be revoked'
    diagnostics.error('invalid-value', document.key(path), message, note)
  }
  const { revocation: input } = written
  const revocation = input === undefined ? undefined : compileRevocation(input, path, ca, sources)
  return { mode, from, ca, revocation }
}

function compileRevocation(
  { crl = [], ocsp, refresh }: RevocationInput,
  path: Path,
  ca: string | undefined,
  { reader, files }: Sources,
): RevocationConfig {
  const { document, diagnostics } = reader
  if (crl.length === 0 && ocsp === undefined) {
    const message = `${nameOf(path)} has neither "crl" nor "ocsp"`
    diagnostics.error('missing-key', document.key(path), message)
  }
  const lists = crl.flatMap((value, index) => {
    const at = [...path, 'crl', index]
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) return isCallable(value, at, reader) ? [value] : []
    return files.locate(value, at) ?? []
  })
  const plain = { lists, ocsp: compileOcsp(ocsp, [...path, 'ocsp'], reader), refresh }
  const id = createHash('sha256')
    .update(JSON.stringify([ca, plain]))
    .digest('hex')
  return { id: id.slice(0, 16), ...plain }
}

function compileOcsp(
  input: RevocationInput['ocsp'],
  path: Path,
  reader: Sources['reader'],
): OcspConfig | undefined {
  if (input === undefined) return undefined
  if ('responder' in input) {
    isCallable(input.responder, [...path, 'responder'], reader)
    return { responder: input.responder, hosts: [] }
  }
  for (const [index, host] of input.hosts.entries()) {
    const isHost = /^[a-z0-9.:[\]-]+$/i.test(host)
    if (isHost && URL.parse(`http://${host}`)?.host === host.toLowerCase()) continue
    const at = [...path, 'hosts', index]
    const message = `${nameOf(at)}: wants a host, with its port if that is not 80 or 443, such as ocsp.example`
    reader.diagnostics.error('invalid-value', reader.document.at(at), message)
  }
  return { responder: undefined, hosts: input.hosts.map((host) => host.toLowerCase()) }
}

/** Lists and answers are signed, so http will do: an https server's own certificate may hang on them. */
function isCallable(value: string, path: Path, { document, diagnostics }: Sources['reader']) {
  const url = URL.parse(value)
  const hasScheme = url?.protocol === 'http:' || url?.protocol === 'https:'
  if (url !== null && hasScheme && url.username === '' && url.password === '') return true
  const message = `${nameOf(path)}: wants an http or https URL without a user, or a path`
  diagnostics.error('invalid-value', document.at(path), message)
  return false
}
