/**
 * An issuer's metadata (RFC 8414, OpenID Connect Discovery 1.0).
 *
 * @module
 */

import { parseJsonObject } from '../encoding/json.ts'
import { type OutboundClient, OutboundError } from './outbound.ts'

export interface Metadata {
  readonly jwksUri: string | undefined
  readonly introspectionEndpoint: string | undefined
  /** Where a client that authenticates by its certificate asks (RFC 8705 §5). */
  readonly mtlsIntrospectionEndpoint: string | undefined
}

export class DiscoveredIssuer {
  readonly #issuer: string
  readonly #client: OutboundClient
  #pending: Promise<Metadata> | undefined

  constructor(issuer: string, client: OutboundClient) {
    this.#issuer = issuer
    this.#client = client
  }

  /**
   * The metadata, asked for anew, in the time that the client has for a call; calls at the same time
   * are one.
   *
   * @throws OutboundError if neither well-known place has metadata of this issuer.
   */
  load(): Promise<Metadata> {
    this.#pending ??= this.#load().finally(() => {
      this.#pending = undefined
    })
    return this.#pending
  }

  /** Both places in the time of one call. */
  async #load(): Promise<Metadata> {
    const [first, second] = wellKnown(this.#issuer)
    const deadline = this.#client.deadline()
    try {
      // One that does not answer leaves time for the other.
      return await this.#read(first, this.#client.deadline(1 / 2))
    } catch {
      return await this.#read(second, deadline)
    }
  }

  async #read(url: string, deadline: AbortSignal): Promise<Metadata> {
    const call = { method: 'GET', headers: { accept: 'application/json' } } as const
    const { status, body } = await this.#client.call(url, call, deadline)
    if (status !== 200) throw new OutboundError('error', `${url} answered ${status}`)
    const metadata = parseJsonObject(body)
    // RFC 8414 §3.3: metadata of another issuer is not this one's, wherever it was found.
    if (metadata?.['issuer'] !== this.#issuer) {
      throw new OutboundError('error', `${url} is not metadata of ${this.#issuer}`)
    }
    const aliases = metadata['mtls_endpoint_aliases'] as Record<string, unknown> | undefined
    return {
      jwksUri: secureUrl(metadata['jwks_uri']),
      introspectionEndpoint: secureUrl(metadata['introspection_endpoint']),
      mtlsIntrospectionEndpoint: secureUrl(aliases?.['introspection_endpoint']),
    }
  }
}

/** RFC 8414 §3: the well-known part stands before the issuer's path; in OpenID Connect, behind it. */
function wellKnown(issuer: string): [string, string] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname === '/' ? '' : pathname.replace(/\/$/, '')
  return [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}${path}/.well-known/openid-configuration`,
  ]
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/** FAPI 2.0 SP §5.2.1-1: only TLS; plain HTTP no further than this machine. */
function secureUrl(value: unknown): string | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) return undefined
  const { protocol, hostname } = new URL(value)
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname))
    ? value
    : undefined
}
