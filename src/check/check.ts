/**
 * The contract of a check: one question asked of every request on a route.
 *
 * @module
 */

import type { z } from 'zod'
import type { Failure } from '../failure/failure.ts'
import type { ProofKeys } from '../sender-constraint/dpop/header.ts'
import type { Nonces } from '../sender-constraint/dpop/nonce.ts'
import type { ReplayStore } from '../sender-constraint/dpop/replay.ts'
import type { RevocationSource } from '../sender-constraint/revocation.ts'
import type { Scheme } from '../token/credentials.ts'
import type { Issuer } from '../token/issuer.ts'
import type { ResourceRequest } from './request.ts'

/** Nothing, if the request may go on. A promise only if the answer had to be waited for. */
export type Outcome = Failure | undefined | Promise<Failure | undefined>

export type Check = (request: ResourceRequest) => Outcome

/** What checks may ask of the outside world. Implemented by src/adapter, handed over at boot. */
export interface Services {
  readonly replay: ReplayStore
  readonly nonces: Nonces
  readonly proofKeys: ProofKeys
  readonly revocation: RevocationSource
}

/** What a check may know of the route that it is compiled for. */
export interface CheckedRoute {
  /** A public route asks for no token. */
  readonly isPublic: boolean
  /** Authentication schemes that can succeed here. */
  readonly schemes: readonly Scheme[]
  readonly issuers: readonly Issuer[]
  /** Longest token that is read, in characters. */
  readonly maxToken: number
  readonly services: Services
}

export interface CheckDefinition<Policy extends z.ZodObject = z.ZodObject> {
  /** Key of this check's policy in a profile or route; a word of the specifications where one exists. */
  readonly name: string
  /** One sentence for the reference and for `explain`. */
  readonly question: string
  /** The policy this check obeys: types, JSON Schema and reference documentation come from it. */
  readonly policy: Policy
  /**
   * Fixes the check for one route, before the first request. Everything that depends only on
   * configuration is computed here. Returns undefined if the policy leaves nothing to check.
   */
  compile(policy: z.output<Policy>, route: CheckedRoute): Check | undefined
}

/** Returns its argument; it is there so that the policy's type is inferred. */
export function defineCheck<Policy extends z.ZodObject>(
  definition: CheckDefinition<Policy>,
): CheckDefinition<Policy> {
  return definition
}
