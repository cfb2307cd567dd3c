/**
 * How the demo's client reaches a server: TLS with its own authorities and its own certificate, to an
 * address that need not be the one its URL resolves to.
 *
 * @module
 */

import { Agent, buildConnector, fetch, request } from 'undici'

export interface ConnectionOptions {
  /** PEM: the authorities of the servers it calls. */
  readonly ca: string | string[]
  /** PEM texts: the certificate it shows to whoever asks. */
  readonly certificate?: { readonly certificate: string; readonly key: string }
  /** Where to connect for a host of a URL, as `host:port`; the URL, SNI and `Host` stay as they are. */
  readonly connectTo?: Readonly<Record<string, string>>
  /** Prefers HTTP/2; otherwise HTTP/1.1 only. */
  readonly http2?: boolean
  /** The most connections to one origin; with 1, calls follow each other on the same one. */
  readonly connections?: number
}

export interface RawCall {
  readonly method?: string
  /** A list of names and values in turn may repeat a name. */
  readonly headers?: Readonly<Record<string, string>> | readonly string[]
  readonly body?: string | Buffer
}

export interface Connection {
  /** The platform's `fetch` over this connection. */
  fetch(url: string, init: object): Promise<Response>
  /** Sends exactly these fields and what HTTP itself needs. */
  send(url: string, call: RawCall): Promise<Response>
  /** Ends what is open: the next request makes a new handshake. */
  disconnect(): Promise<void>
  close(): Promise<void>
}

/** Nothing is opened before it is used. */
export function createConnection(options: ConnectionOptions): Connection {
  let agent = createAgent(options)
  return {
    async fetch(url, init) {
      const response = await fetch(url, { ...init, dispatcher: agent })
      // undici's Response is the platform's own, but for its declaration.
      return response as unknown as Response
    },
    async send(url, { method = 'GET', headers = {}, body = null }) {
      const response = await request(url, {
        dispatcher: agent,
        method: method as 'GET',
        headers: isList(headers) ? [...headers] : headers,
        body,
      })
      const octets = await response.body.arrayBuffer()
      const fields = Object.entries(response.headers).flatMap(([name, value]) =>
        [value ?? []].flat().map((line): [string, string] => [name, line]),
      )
      // The constructor refuses a body, even an empty one, with a status that has none.
      return new Response(octets.byteLength > 0 ? octets : null, {
        status: response.statusCode,
        headers: fields,
      })
    },
    async disconnect() {
      const former = agent
      agent = createAgent(options)
      await former.destroy()
    },
    close: () => agent.destroy(),
  }
}

function createAgent(options: ConnectionOptions): Agent {
  const { ca, certificate, connectTo = {}, http2 = false, connections = null } = options
  const connect = buildConnector({
    ca,
    allowH2: http2,
    preferH2: http2,
    ...(certificate && { cert: certificate.certificate, key: certificate.key }),
  })
  return new Agent({
    allowH2: http2,
    connections,
    connect(target, callback) {
      if (!Object.hasOwn(connectTo, target.hostname)) return connect(target, callback)
      const { hostname, port } = new URL(`tcp://${connectTo[target.hostname]}`)
      connect({ ...target, servername: target.hostname, hostname, port }, callback)
    },
  })
}

function isList(headers: NonNullable<RawCall['headers']>): headers is readonly string[] {
  return Array.isArray(headers)
}
