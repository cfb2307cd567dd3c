/**
 * How the gateway says no.
 *
 * @module
 */

import type { ErrorCode } from './errors.ts'

/** Facts for the log: never a token, proof, key or personal datum, and never sent. */
export type Detail = Readonly<Record<string, string | number | boolean | undefined>>

/**
 * Why a request is not served. A value that is returned, never thrown: refusing a request is this
 * program's ordinary work and must not cost a stack trace. What is thrown is a bug.
 */
export class Failure {
  readonly error: ErrorCode
  readonly reason: string
  readonly detail: Detail | undefined
  /** What `error_description` tells the client: the reason, or one text for all faults of a token. */
  readonly description: string

  constructor(error: ErrorCode, reason: string, detail: Detail | undefined, description: string) {
    this.error = error
    this.reason = reason
    this.detail = detail
    this.description = description
  }
}

/**
 * Refuses the request.
 *
 * @param error What the client is told to do about it, in the specifications' own vocabulary.
 * @param reason What was wrong: a literal, and the only one of its name in the source. The same word is
 *   the public `error_description`, the log's `reason` and the metric's label, so one `grep` leads from
 *   any of them to the line that decided. Being a literal, it cannot carry request data.
 * @param detail Facts for the log. Never sent.
 */
export function fail(error: ErrorCode, reason: string, detail?: Detail): Failure {
  return new Failure(error, reason, detail, reason)
}

/** The one `error_description` for every fault of an access token itself. */
export const TOKEN_NOT_ACCEPTED =
  'The access token is malformed, expired, revoked or not meant for this resource'

/**
 * The same failure, with the reason kept from the client where it would tell a stranger about a token:
 * an unknown token and an expired one read alike from outside. Log and metric keep the reason.
 */
export function conceal(failure: Failure): Failure {
  return failure.error === 'invalid_token'
    ? new Failure(failure.error, failure.reason, failure.detail, TOKEN_NOT_ACCEPTED)
    : failure
}
