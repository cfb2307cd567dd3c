/**
 * URLs of a configuration: what clients call, and what the gateway calls.
 *
 * @module
 */

import { isIPv4 } from 'node:net'
import { Failure } from '../failure/failure.ts'
import { parseRequestTarget } from '../http/path.ts'
import { normaliseTargetUri } from '../http/target-uri.ts'
import type { PublicUrl } from './configuration.ts'

export interface Endpoint {
  readonly isPlaintext: boolean
  /** Scheme, host and, where it is not the scheme's own, port. */
  readonly origin: string
  /** Without port; an IPv6 address in its brackets. */
  readonly host: string
  /** Without a trailing slash. */
  readonly basePath: string
}

/** An `http` or `https` URL without user, query and fragment; undefined if it is no such URL. */
export function parseEndpoint(url: string): Endpoint | undefined {
  if (/[?#]/.test(url)) return undefined
  const uri = normaliseTargetUri(url)
  const [, origin = '', host = '', path = ''] =
    /^(https?:\/\/(\[[^\]]*\]|[^:/]*)(?::\d+)?)(\/.*)$/.exec(uri ?? '') ?? []
  if (origin === '') return undefined
  const target = parseRequestTarget(path)
  if (target instanceof Failure || target.path !== path) return undefined
  return {
    isPlaintext: origin.startsWith('http:'),
    origin,
    host,
    basePath: path.replace(/\/$/, ''),
  }
}

/** What clients call: always https. */
export function parsePublicUrl(url: string): PublicUrl | undefined {
  const endpoint = parseEndpoint(url)
  if (endpoint === undefined || endpoint.isPlaintext) return undefined
  const { port } = new URL(endpoint.origin)
  return {
    prefix: endpoint.origin + endpoint.basePath,
    host: endpoint.host,
    port: port === '' ? 443 : Number(port),
  }
}

/** Whether a host is this machine: no name that a resolver could lead elsewhere. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase()
  if (bare === '::1' || bare === 'localhost' || bare.endsWith('.localhost')) return true
  return isIPv4(bare) && bare.startsWith('127.')
}

/** The two halves of `host:port`, without the brackets of an IPv6 address. */
export function splitAddress(address: string): { host: string; port: number } | undefined {
  const colon = address.lastIndexOf(':')
  const port = Number(address.slice(colon + 1))
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '')
  return port <= 65_535 ? { host, port } : undefined
}
