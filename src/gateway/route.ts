/**
 * A route, compiled: everything that depends only on configuration, computed once.
 *
 * @module
 */

import type { Check, CheckDefinition, Services } from '../check/check.ts'
import { CHECKS } from '../check/index.ts'
import type { ForwardConfig, RouteConfig } from '../config/configuration.ts'
import { challenges, type Protection } from '../failure/challenge.ts'
import { Failure } from '../failure/failure.ts'
import { allowedOrigin, type CorsPolicy, preflightFields } from '../http/cors.ts'
import { compileRequestFieldFilter } from '../http/forwardable.ts'
import type { Scheme } from '../token/credentials.ts'
import type { Issuer } from '../token/issuer.ts'
import { Answer } from './answer.ts'
import { identityFieldNames } from './identity.ts'
import type { Matched } from './router.ts'
import type { Upstream } from './upstream.ts'

/** What a client without credentials is told: the schemes, and no error. */
const NO_CREDENTIALS = new Failure('missing_token', '', undefined, '')

/** One route with its checks, ready to be asked. Made at boot or reload, and never changed. */
export class Route implements Matched {
  readonly id: string
  readonly hosts: readonly string[] | undefined
  readonly paths: readonly string[]
  readonly methods: readonly string[] | undefined
  readonly isPublic: boolean
  /** Whether a WebSocket may be opened. */
  readonly websocket: boolean
  readonly checks: readonly Check[]
  readonly upstream: Upstream
  readonly forward: ForwardConfig
  /** Whether a client's field of this lower-case name may pass. */
  readonly passes: (lowerName: string) => boolean
  readonly maxBody: number
  readonly cors: CorsPolicy | undefined
  readonly #protection: Protection
  /** Challenges are finite: a reason is a literal, and so is a scheme. */
  readonly #challenges = new Map<string, readonly string[]>()

  constructor(config: RouteConfig, parts: RouteParts) {
    this.id = config.id
    this.hosts = config.hosts
    this.paths = config.paths
    this.methods = config.methods
    this.isPublic = config.isPublic
    this.websocket = config.websocket
    this.upstream = parts.upstream
    this.forward = config.forward
    this.passes = compileRequestFieldFilter(identityFieldNames(config.forward))
    this.maxBody = config.maxBody
    this.cors = config.cors
    this.#protection = protectionOf(config, parts.certificatesAsked)
    this.checks = compileChecks(config, this.#protection.schemes as readonly Scheme[], parts)
  }

  /** The `WWW-Authenticate` values of a refusal on this route. */
  challenges(
    failure: Failure,
    presented: string | undefined,
    metadataUrl: string | undefined,
  ): readonly string[] {
    const key = `${failure.error} ${failure.description} ${presented} ${metadataUrl}`
    let values = this.#challenges.get(key)
    if (values === undefined) {
      values = challenges(failure, this.#protection, presented, metadataUrl)
      this.#challenges.set(key, values)
    }
    return values
  }

  /** The answer to a preflight; undefined where the route takes no calls from that origin. */
  preflight(rawFields: readonly string[], asked: string): Answer | undefined {
    const { cors, methods = [asked] } = this
    if (cors === undefined || allowedOrigin(cors, rawFields) === undefined) return undefined
    return new Answer(204, preflightFields(cors, rawFields, methods), Buffer.alloc(0))
  }

  /**
   * Whether an upstream's challenge of these schemes means the client: those of the route do. Any other,
   * such as Basic, is between gateway and upstream. A public route has no challenges to confuse it with.
   */
  mayChallenge(lowerSchemes: readonly string[]): boolean {
    if (this.isPublic) return true
    const own = this.#protection.schemes.map((scheme) => scheme.toLowerCase())
    return lowerSchemes.length > 0 && lowerSchemes.every((scheme) => own.includes(scheme))
  }

  /** The challenges without an error, for an upstream's 401 that has none (RFC 9110 §15.5.2). */
  bareChallenges(metadataUrl: string | undefined): readonly string[] {
    return this.challenges(NO_CREDENTIALS, undefined, metadataUrl)
  }
}

export interface RouteParts {
  readonly upstream: Upstream
  readonly issuers: readonly Issuer[]
  readonly services: Services
  readonly maxToken: number
  /** Whether any listener asks its clients for certificates. */
  readonly certificatesAsked: boolean
}

function compileChecks(
  config: RouteConfig,
  schemes: readonly Scheme[],
  { issuers, services, maxToken }: RouteParts,
): Check[] {
  const route = { isPublic: config.isPublic, schemes, issuers, services, maxToken }
  return (CHECKS as readonly CheckDefinition[])
    .map((check) => check.compile(config.policies[check.name] ?? {}, route))
    .filter((check) => check !== undefined)
}

/**
 * What a route's challenges say follows from its policies. A scheme that cannot succeed is not named: a
 * bearer token is good only with a certificate, or where no binding is required.
 */
function protectionOf(
  { policies, realm, isPublic }: RouteConfig,
  certificatesAsked: boolean,
): Protection {
  const sender = policies['sender_constraint'] as { required: boolean; methods: string[] }
  const { algorithms } = policies['dpop_proof'] as { algorithms: string[] }
  const { scopes, any_scope = [] } = policies['authorization'] as {
    scopes: string[]
    any_scope?: string[]
  }
  const { acr_values = [], max_age } = (policies['authentication'] ?? {}) as {
    acr_values?: string[]
    max_age?: number
  }
  const schemes: Scheme[] = []
  const byCertificate = sender.methods.includes('mtls') && certificatesAsked
  if (byCertificate || !sender.required) schemes.push('Bearer')
  if (sender.methods.includes('dpop')) schemes.push('DPoP')
  return {
    realm,
    schemes: isPublic ? [] : schemes,
    scope: [...scopes, ...any_scope].join(' '),
    acrValues: acr_values.join(' '),
    maxAge: max_age,
    algs: algorithms.join(' '),
  }
}
