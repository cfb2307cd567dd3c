/**
 * `issuers`, compiled.
 *
 * @module
 */

import type { KeyObject } from 'node:crypto'
import { ALGORITHM_NAMES, ALGORITHMS, type AlgorithmName } from '../jose/algorithm.ts'
import type {
  ClientAuthentication,
  IntrospectionConfig,
  IssuerConfig,
  OutboundTls,
} from './configuration.ts'
import type { Path } from './document.ts'
import { compileEncryption } from './encryption.ts'
import { isLoopback, parseEndpoint } from './endpoint.ts'
import { type AuthenticationInput, type IssuerInput, issuerSchema } from './issuer-schema.ts'
import { checkLimit, type Layer, narrow } from './narrowing.ts'
import { type ConfigReader, nameOf } from './reading.ts'
import { checkRevocation } from './revocation.ts'
import { type Entry, readEntries, type Sources } from './section.ts'
import type { Statement } from './statement.ts'

/** Seconds for which an answer of introspection is used, where nothing is said; and at most. */
const DEFAULT_TTL = 15
const MAX_TTL = 300

export interface CompiledIssuer {
  readonly config: IssuerConfig
  readonly path: Path
  /** What is in force for its tokens, before a route tightens it. */
  readonly layer: Layer
}

/** @param above What the profile leaves in force. */
export function compileIssuers(sources: Sources, above: Layer): CompiledIssuer[] {
  return readEntries(sources, 'issuers', issuerSchema).map((entry) =>
    compileIssuer(entry, sources, above),
  )
}

function compileIssuer(entry: Entry<IssuerInput>, sources: Sources, above: Layer): CompiledIssuer {
  const { id, path, input } = entry
  const { reader, profile, files } = sources
  const staleIfError = staleOf(input, path, sources)
  checkSecure(input.issuer, [...path, 'issuer'], sources)
  if (input.jwks_uri !== undefined) checkSecure(input.jwks_uri, [...path, 'jwks_uri'], sources)
  if (input.tokens === 'introspection' && input.introspection === undefined) {
    const message = `${nameOf(path)} has no "introspection", and tokens: introspection needs it`
    reader.diagnostics.error('missing-key', reader.document.key(path), message)
  }
  refuseUnused(input, path, reader)
  const layer = narrow(above, statementsOf(input, path), nameOf(path), profile, reader)
  const value = (setting: string) => layer.get(`access_token.${setting}`)?.value
  const ca = files.readAuthorities(input.ca, [...path, 'ca'])
  const config: IssuerConfig = {
    id,
    issuer: input.issuer,
    audiences: typeof input.audience === 'string' ? [input.audience] : input.audience,
    tokens: input.tokens,
    algorithms: value('algorithms') as AlgorithmName[],
    clockSkew: value('clock_skew') as number,
    typeRequired: value('type_required') as boolean,
    maxLifetime: value('max_lifetime') as number | undefined,
    revocationMaxDelay: value('revocation_max_delay') as number | undefined,
    jwksUri: input.jwks_uri,
    jwks: {
      refresh: input.jwks.refresh,
      cooldown: input.jwks.cooldown,
      staleIfError,
      timeout: input.jwks.timeout,
    },
    introspection: compileIntrospection(
      entry,
      sources,
      ca,
      value('revocation_max_delay') as number | undefined,
    ),
    encryption: compileEncryption(entry, sources),
    tls: { ca, cert: undefined, key: undefined, serverName: undefined },
    cache: { entries: input.cache.max_entries, bytes: input.cache.max_bytes },
  }
  checkRevocation(config, path, sources)
  return { config, path, layer }
}

/** Seconds for which keys are used after they could last be fetched. */
function staleOf({ jwks }: IssuerInput, path: Path, sources: Sources): number {
  const name = 'issuer.stale_if_error'
  const said = jwks.stale_if_error
  if (said !== undefined) checkLimit(name, said, [...path, 'jwks', 'stale_if_error'], sources)
  return said ?? (sources.profile.rows.get(name)?.byDefault as number)
}

function statementsOf(input: IssuerInput, path: Path): Statement[] {
  const { algorithms, clock_skew, type_required, max_lifetime, revocation_max_delay } = input
  const settings = { algorithms, clock_skew, type_required, max_lifetime, revocation_max_delay }
  return Object.entries(settings)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ({ name: `access_token.${name}`, value, path: [...path, name] }))
}

/** What only JWTs are verified by, or whatever this issuer signs. */
const OF_TOKENS: readonly Path[] = [['type_required'], ['cache']]
const OF_SIGNATURES: readonly Path[] = [
  ['algorithms'],
  ['jwks_uri'],
  ['jwks', 'refresh'],
  ['jwks', 'cooldown'],
  ['jwks', 'stale_if_error'],
]

/** A protection that has no effect is one that somebody believes in. */
function refuseUnused(
  { tokens, introspection }: IssuerInput,
  path: Path,
  reader: ConfigReader,
): void {
  if (tokens !== 'introspection') return
  const { document, diagnostics } = reader
  const refuse = (settings: readonly Path[], reason: string, note: string) => {
    for (const setting of settings) {
      const at = [...path, ...setting]
      if (!document.has(at)) continue
      const message = `${nameOf(at)}: without effect, since ${reason}`
      diagnostics.error('unused-setting', document.key(at), message, note)
    }
  }
  const asked = 'the issuer is asked about every token'
  refuse(OF_TOKENS, asked, 'leave it out, or tokens: jwt')
  if (introspection?.response === 'jwt') return
  const note = 'leave it out, or tokens: jwt, or introspection.response: jwt'
  refuse(OF_SIGNATURES, `${asked}, and its answers are not signed`, note)
}

function compileIntrospection(
  { path: issuerPath, input }: Entry<IssuerInput>,
  sources: Sources,
  issuerCa: string | undefined,
  maxDelay: number | undefined,
): IntrospectionConfig | undefined {
  const { introspection } = input
  if (introspection === undefined) return undefined
  const path = [...issuerPath, 'introspection']
  const { endpoint, auth, cache, timeout, connections, breaker } = introspection
  if (endpoint !== undefined) checkSecure(endpoint, [...path, 'endpoint'], sources)
  const ca = sources.files.readAuthorities(introspection.ca, [...path, 'ca']) ?? issuerCa
  const authPath = [...path, 'auth']
  const own = auth.method === 'tls_client_auth' ? readOwn(auth, authPath, sources) : undefined
  const tls: OutboundTls = { ca, cert: own?.cert, key: own?.key, serverName: undefined }
  const authentication = compileAuthentication(auth, authPath, sources)
  if (authentication === undefined) return undefined
  return {
    endpoint,
    response: introspection.response,
    authentication,
    tls,
    ttl: Math.min(cache.ttl ?? maxDelay ?? DEFAULT_TTL, maxDelay ?? Infinity, MAX_TTL),
    negativeTtl: cache.negative_ttl,
    cache: { entries: cache.max_entries, bytes: cache.max_bytes },
    shared: cache.shared,
    timeout,
    connections,
    breaker: {
      failures: breaker.failures,
      window: breaker.window,
      halfOpenAfter: breaker.half_open_after,
    },
  }
}

function readOwn(auth: { cert: string; key: string }, path: Path, { files }: Sources) {
  return files.readCredential(auth, [...path, 'cert'], [...path, 'key'])
}

/** Undefined where its key cannot be used, which has been said. */
function compileAuthentication(
  auth: AuthenticationInput,
  path: Path,
  sources: Sources,
): ClientAuthentication | undefined {
  const { files, reader } = sources
  if (auth.method === 'tls_client_auth') return { method: auth.method, clientId: auth.client_id }
  if (auth.method !== 'private_key_jwt') {
    return { method: auth.method, clientId: auth.client_id, clientSecret: auth.client_secret }
  }
  const read = files.readKey(auth.key, [...path, 'key'])
  if (read === undefined) return undefined
  const fitting = algorithmsOf(read.key)
  const algorithm = auth.algorithm ?? fitting[0]
  const at = [...path, auth.algorithm === undefined ? 'key' : 'algorithm']
  if (algorithm === undefined || !fitting.includes(algorithm)) {
    const message = `${nameOf(at)}: the key is not one for ${algorithm ?? 'any algorithm'}`
    const note = fitting.length === 0 ? undefined : `it fits: ${fitting.join(' ')}`
    reader.diagnostics.error('invalid-value', reader.document.at(at), message, note)
    return undefined
  }
  // FAPI 1.0 Advanced §8.6, FAPI 2.0 SP §5.4.1: of what clients sign, too.
  checkLimit('issuer.assertion_algorithms', algorithm, at, sources)
  return {
    method: auth.method,
    clientId: auth.client_id,
    key: read.text,
    keyId: auth.key_id,
    algorithm,
  }
}

/** What a key can sign, what FAPI allows first. */
function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): AlgorithmName[] {
  return ALGORITHM_NAMES.filter((name) => {
    const { keyType, namedCurve } = ALGORITHMS[name]
    if (keyType !== asymmetricKeyType) return false
    return namedCurve === undefined || namedCurve === asymmetricKeyDetails?.namedCurve
  })
}

/** RFC 8414 §2, RFC 7662 §4: over TLS. A loopback address has nobody on the way. */
function checkSecure(url: string, path: Path, { reader }: Sources): void {
  const { document, diagnostics } = reader
  // RFC 8414 §2: an issuer identifier has no query. An endpoint may have one.
  const isIssuer = path.at(-1) === 'issuer'
  const endpoint = parseEndpoint(isIssuer ? url : url.replace(/\?.*$/, ''))
  if (endpoint === undefined) {
    const message = `${nameOf(path)}: wants a URL such as https://as.bank.example`
    diagnostics.error('invalid-value', document.at(path), message)
  } else if (endpoint.isPlaintext && !isLoopback(endpoint.host)) {
    const message = `${nameOf(path)}: plain http is accepted for loopback addresses only`
    diagnostics.error('issuer-not-https', document.at(path), message, 'write https')
  }
}
