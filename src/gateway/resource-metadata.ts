/**
 * Protected resource metadata (RFC 9728): what the gateway says of each of its resources, derived from the
 * configuration in force, so that it cannot drift from it. Nothing is said of one by another.
 *
 * @module
 */

import type {
  Configuration,
  ListenerConfig,
  PublicUrl,
  RouteConfig,
} from '../config/configuration.ts'
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

/** Whether clients of a listener that call it by a host name are asked for certificates. */
export type CertificatesAsked = (listener: ListenerConfig, host: string) => boolean

/** The documents of a configuration, one a public URL under which a token is asked for: each is a resource. */
export class ResourceMetadata {
  readonly #published = new Map<string, Published>()

  constructor(configuration: Configuration, certificatesAsked: CertificatesAsked) {
    const { listeners, routes } = configuration
    for (const { prefix, host } of listeners.flatMap(({ publicUrls }) => publicUrls)) {
      // Public routes ask for no token: what has no others is no protected resource.
      const own = routes.filter(
        ({ isPublic, hosts }) => !isPublic && (hosts === undefined || hosts.includes(host)),
      )
      if (own.length === 0) continue
      // Several listeners may have one public URL.
      const isAsked = listeners.some(
        (one) =>
          one.publicUrls.some((url) => url.prefix === prefix) && certificatesAsked(one, host),
      )
      const { origin, pathname } = new URL(prefix)
      // RFC 9728 §3.1: between the host and the path of the resource.
      const path = WELL_KNOWN + (pathname === '/' ? '' : pathname)
      // RFC 9728 §3.3: `resource` is what the URL was made from.
      const members = { resource: prefix, ...membersOf(own, configuration, isAsked) }
      const answer = new Answer(200, FIELDS, Buffer.from(JSON.stringify(members)))
      this.#published.set(prefix, { path, url: origin + path, answer })
    }
  }

  /** Where the document of a resource is: for `resource_metadata` of challenges (RFC 9728 §5.1). */
  urlOf({ prefix }: PublicUrl): string | undefined {
    return this.#published.get(prefix)?.url
  }

  /**
   * The answer to a request for the document: no token is asked for (RFC 9728 §3). Undefined for any
   * other path, that of another resource too.
   */
  find({ prefix }: PublicUrl, method: string, path: string): Answer | Failure | undefined {
    const published = this.#published.get(prefix)
    if (published?.path !== path) return undefined
    return READING.includes(method)
      ? published.answer
      : fail('method_not_allowed', 'method_not_of_metadata')
  }
}

/** RFC 9728 §2: members that follow from the routes of a resource; §3.2: a list without elements is left out. */
function membersOf(
  routes: readonly RouteConfig[],
  configuration: Configuration,
  certificatesAsked: boolean,
) {
  const used = new Set(routes.flatMap(({ issuers }) => issuers))
  const methods = new Set(routes.flatMap(methodsOf))
  const scopes = unique(routes.flatMap(scopesOf))
  const types = unique(routes.flatMap(detailsTypesOf))
  return {
    authorization_servers: configuration.issuers
      .filter(({ id }) => used.has(id))
      .map(({ issuer }) => issuer),
    ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
    bearer_methods_supported: ['header'],
    tls_client_certificate_bound_access_tokens: methods.has('mtls') && certificatesAsked,
    ...(methods.has('dpop')
      ? { dpop_signing_alg_values_supported: unique(routes.flatMap(proofAlgorithmsOf)) }
      : {}),
    dpop_bound_access_tokens_required: routes.every(isDpopOnly),
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
