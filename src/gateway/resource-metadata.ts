/**
 * Protected resource metadata (RFC 9728): what the gateway says of itself, derived from the configuration
 * in force, so that it cannot drift from it.
 *
 * @module
 */

import type { Configuration, PublicUrl, RouteConfig } from '../config/configuration.ts'
import { type Failure, fail } from '../failure/failure.ts'
import { Answer } from './answer.ts'

/** RFC 9728 §3. */
const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/** The document may be kept for a while: it changes only when the configuration does. */
const FIELDS = ['Content-Type', 'application/json', 'Cache-Control', 'public, max-age=300']

/** Methods that it can be asked for by. */
export const READING: readonly string[] = ['GET', 'HEAD']

interface Published {
  /** Path at which requests for it arrive. */
  readonly path: string
  readonly url: string
  readonly answer: Answer
}

/** The documents of a configuration, one a public URL: each of these is a resource. */
export class ResourceMetadata {
  readonly #published = new Map<string, Published>()

  /** @param certificatesAsked Whether any listener asks its clients for certificates. */
  constructor(configuration: Configuration, certificatesAsked: boolean) {
    const shared = sharedMembers(configuration, certificatesAsked)
    for (const { publicUrls } of configuration.listeners) {
      for (const { prefix } of publicUrls) {
        const { origin, pathname } = new URL(prefix)
        // RFC 9728 §3.1: between the host and the path of the resource.
        const path = WELL_KNOWN + (pathname === '/' ? '' : pathname)
        // RFC 9728 §3.3: `resource` is what the URL was made from.
        const document = Buffer.from(JSON.stringify({ resource: prefix, ...shared }))
        const answer = new Answer(200, FIELDS, document)
        this.#published.set(prefix, { path, url: origin + path, answer })
      }
    }
  }

  /** Where the document of a resource is: for `resource_metadata` of challenges (RFC 9728 §5.1). */
  urlOf({ prefix }: PublicUrl): string | undefined {
    return this.#published.get(prefix)?.url
  }

  /**
   * The answer to a request for the document: no token is asked for (RFC 9728 §3). Undefined for any
   * other path.
   */
  find({ prefix }: PublicUrl, method: string, path: string): Answer | Failure | undefined {
    const published = this.#published.get(prefix)
    if (published?.path !== path) return undefined
    return READING.includes(method)
      ? published.answer
      : fail('method_not_allowed', 'method_not_of_metadata')
  }
}

/** RFC 9728 §2: members that follow from the routes. Public ones ask for no token, so they say nothing. */
function sharedMembers(configuration: Configuration, certificatesAsked: boolean) {
  const routes = configuration.routes.filter(({ isPublic }) => !isPublic)
  const used = new Set(routes.flatMap(({ issuers }) => issuers))
  const methods = new Set(routes.flatMap(methodsOf))
  const types = unique(routes.flatMap(detailsTypesOf))
  return {
    authorization_servers: configuration.issuers
      .filter(({ id }) => used.has(id))
      .map(({ issuer }) => issuer),
    scopes_supported: unique(routes.flatMap(scopesOf)),
    bearer_methods_supported: ['header'],
    tls_client_certificate_bound_access_tokens: methods.has('mtls') && certificatesAsked,
    ...(methods.has('dpop')
      ? { dpop_signing_alg_values_supported: unique(routes.flatMap(proofAlgorithmsOf)) }
      : {}),
    dpop_bound_access_tokens_required: routes.length > 0 && routes.every(isDpopOnly),
    ...(types.length === 0 ? {} : { authorization_details_types_supported: types }),
  }
}

type Settings = Readonly<Record<string, unknown>>

function policyOf({ policies }: RouteConfig, check: string): Settings {
  return policies[check] ?? {}
}

function methodsOf(route: RouteConfig): string[] {
  return (policyOf(route, 'sender_constraint')['methods'] as string[] | undefined) ?? []
}

function isDpopOnly(route: RouteConfig): boolean {
  const isRequired = policyOf(route, 'sender_constraint')['required'] === true
  return isRequired && methodsOf(route).every((method) => method === 'dpop')
}

function scopesOf(route: RouteConfig): string[] {
  const { scopes = [], any_scope = [] } = policyOf(route, 'authorization') as {
    scopes?: string[]
    any_scope?: string[]
  }
  return [...scopes, ...any_scope]
}

function proofAlgorithmsOf(route: RouteConfig): string[] {
  return (policyOf(route, 'dpop_proof')['algorithms'] as string[] | undefined) ?? []
}

function detailsTypesOf(route: RouteConfig): string[] {
  const rule = policyOf(route, 'authorization')['authorization_details'] as
    | { type: string }
    | undefined
  return rule === undefined ? [] : [rule.type]
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)].sort()
}
