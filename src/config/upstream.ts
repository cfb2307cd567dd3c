/**
 * `upstreams`, and the URLs that routes name instead, compiled.
 *
 * @module
 */

import type { OutboundTls, UpstreamConfig } from './configuration.ts'
import type { Path } from './document.ts'
import { isLoopback, parseEndpoint } from './endpoint.ts'
import { nameOf } from './reading.ts'
import { type UpstreamInput, upstreamSchema } from './schema.ts'
import { type Entry, readEntries, type Sources } from './section.ts'
import { suggest } from './suggestion.ts'

/** The upstreams of a file, as routes come to name them. */
export class Upstreams {
  readonly #sources: Sources
  readonly #byId = new Map<string, UpstreamConfig>()
  /** What was named but does not hold: said once, where it stands. */
  readonly #names: readonly string[]

  constructor(sources: Sources) {
    this.#sources = sources
    this.#names = sources.reader.keys(['upstreams'])
    for (const entry of readEntries(sources, 'upstreams', upstreamSchema)) {
      const upstream = compileUpstream(entry, [...entry.path, 'url'], sources)
      if (upstream !== undefined) this.#byId.set(entry.id, upstream)
    }
  }

  get all(): UpstreamConfig[] {
    return [...this.#byId.values()]
  }

  /** The id of what a route names: a URL or a name. */
  use(named: string, path: Path): string | undefined {
    if (this.#names.includes(named)) return named
    if (!named.includes('://')) {
      this.#reportUnknown(named, path)
      return undefined
    }
    const input = upstreamSchema.parse({ url: named })
    const upstream = compileUpstream({ id: '', path, input }, path, this.#sources)
    if (upstream === undefined) return undefined
    const id = upstream.origin + upstream.basePath
    if (!this.#byId.has(id)) this.#byId.set(id, { ...upstream, id })
    return id
  }

  #reportUnknown(named: string, path: Path): void {
    const { document, diagnostics } = this.#sources.reader
    const near = suggest(named, this.#names)
    const shown = document.show(path)
    const none = `there are no upstreams; add upstreams: ${shown}:`
    const other = this.#names.length === 0 ? none : 'a URL, or a name of upstreams'
    const note = near === undefined ? other : `did you mean "${near}"?`
    const message = `${nameOf(path)}: there is no upstream ${shown}`
    diagnostics.error('unknown-reference', document.at(path), message, note)
  }
}

function compileUpstream(
  { id, path, input }: Entry<UpstreamInput>,
  urlPath: Path,
  { reader, files }: Sources,
): UpstreamConfig | undefined {
  const { document, diagnostics } = reader
  const endpoint = parseEndpoint(input.url)
  if (endpoint === undefined) {
    const message = `${nameOf(urlPath)}: wants a URL without query, such as https://core.internal:9443`
    diagnostics.error('invalid-value', document.at(urlPath), message)
    return undefined
  }
  // RFC 9700 §4.13.
  if (endpoint.isPlaintext && !isLoopback(endpoint.host) && !input.allow_plaintext) {
    const message = `${nameOf(urlPath)}: plain http is accepted for loopback addresses only`
    const note = 'https, or allow_plaintext: true on a named upstream'
    diagnostics.error('plaintext-upstream', document.at(urlPath), message, note)
  }
  const tls = readTls(input, path, endpoint.isPlaintext, { reader, files })
  return {
    id,
    origin: endpoint.origin,
    basePath: endpoint.basePath,
    tls,
    connections: input.pool.connections,
    keepAlive: input.pool.keep_alive,
    connectTimeout: input.timeouts.connect,
    responseTimeout: input.timeouts.response_headers,
    idleTimeout: input.timeouts.idle_body,
    wholeTimeout: input.timeouts.whole,
  }
}

/** How a server is called by TLS. @param isPlaintext It is not: settings of TLS have no effect then. */
export function readTls(
  input: Pick<UpstreamInput, 'ca' | 'cert' | 'key' | 'server_name'>,
  path: Path,
  isPlaintext: boolean,
  { reader, files }: Pick<Sources, 'reader' | 'files'>,
): OutboundTls {
  const { document, diagnostics } = reader
  const { cert, key, ca, server_name: serverName } = input
  if (isPlaintext) {
    for (const name of ['ca', 'cert', 'key', 'server_name'] as const) {
      if (input[name] === undefined) continue
      const message = `${nameOf([...path, name])}: without effect, since the URL is one without TLS`
      diagnostics.error('invalid-value', document.at([...path, name]), message)
    }
  }
  if ((cert === undefined) !== (key === undefined)) {
    const missing = cert === undefined ? 'cert' : 'key'
    const message = `${nameOf(path)} has no "${missing}": certificate and key go together`
    diagnostics.error('missing-key', document.key(path), message)
  }
  const own =
    cert === undefined || key === undefined
      ? undefined
      : files.readCredential({ cert, key }, [...path, 'cert'], [...path, 'key'])
  return {
    ca: files.readAuthorities(ca, [...path, 'ca']),
    cert: own?.cert,
    key: own?.key,
    serverName,
  }
}
