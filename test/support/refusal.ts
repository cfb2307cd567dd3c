/**
 * What has to hold of every refusal, whatever it was for: the answer, the line in the log, the metric,
 * and that nothing reached the bank.
 *
 * @module
 */

import { expect } from 'vitest'
import type { Caller, RawAnswer, RawRequest } from './caller.ts'
import { sumOf } from './exposition.ts'
import type { Fixture, TestGateway } from './fixture.ts'

export const REALM = 'realm="api.bank.example"'
export const ALGS = 'algs="PS256 ES256 EdDSA"'

/** The one text for every fault of an access token itself. */
export const TOKEN_NOT_ACCEPTED =
  'The access token is malformed, expired, revoked or not meant for this resource'

/** NQCHAR (RFC 6749 appendix A), of which nonces are made. */
const NQCHARS = /^[\x21\x23-\x5b\x5d-\x7e]+$/

export interface ExpectedRefusal {
  readonly status: number
  /** The values of `WWW-Authenticate`, line by line. */
  readonly challenges: readonly string[]
  /** Undefined: the body has no error code, since no credentials came (RFC 6750 §3.1). */
  readonly error?: string
  /** `error_description`; the reason if not given. */
  readonly description?: string
  /** For the operator: in the log and the metric. */
  readonly reason: string
  /** `denied` if not given. */
  readonly outcome?: string
  /** Label of the route; `accounts` if not given. */
  readonly route?: string
  /** Whether exactly one `DPoP-Nonce` is due; otherwise none is. */
  readonly nonce?: boolean
  /** Further fields, of one line each. */
  readonly fields?: Readonly<Record<string, string>>
}

/** What the scheme Bearer is told about a token, and the scheme DPoP beside it. */
export function refusedToken(reason: string, description = reason): ExpectedRefusal {
  return {
    status: 401,
    challenges: [
      `Bearer ${REALM}, error="invalid_token", error_description="${description}"`,
      `DPoP ${REALM}, ${ALGS}`,
    ],
    error: 'invalid_token',
    description,
    reason,
  }
}

/** Sends a request and expects it to be refused. */
export async function expectRefusal(
  { fixture, gateway, caller }: Refusing,
  request: RawRequest,
  expected: ExpectedRefusal,
): Promise<void> {
  const before = fixture.reached.length
  const counted = await deniedOf(gateway, expected)

  const id = 'c770AEF3-6784-41f7-8E0e-FF5f97bddb3A'.replace(/^.{8}/, nextPrefix())
  const fields = [...(request.fields ?? []), 'X-FAPI-Interaction-ID', id]
  const answer = await caller.send({ ...request, fields })

  expect(answer.status).toBe(expected.status)
  expect(answer.lines('www-authenticate')).toEqual(expected.challenges)
  // FAPI 1.0 Baseline §6.2.1-11: byte for byte, letters' case and all.
  expect(answer.lines('x-fapi-interaction-id')).toEqual([id])
  expect(answer.lines('cache-control')).toEqual(['no-store'])
  expect(answer.lines('content-type')).toEqual(['application/json'])
  expect(answer.lines('date')).toHaveLength(1)
  expect(answer.lines('server')).toEqual([])
  expectNonce(answer, expected.nonce === true)
  for (const [name, value] of Object.entries(expected.fields ?? {})) {
    expect(answer.lines(name)).toEqual([value])
  }
  const { error, reason, description = reason, outcome = 'denied', route = 'accounts' } = expected
  expect(JSON.parse(answer.body)).toEqual({
    ...(error === undefined ? {} : { error, error_description: description }),
    interaction_id: id,
  })

  expect(await gateway.accessLine(id)).toMatchObject({
    interaction_id: id,
    status: expected.status,
    reason,
    outcome,
    route,
  })
  expect(await deniedOf(gateway, expected)).toBe(counted + 1)
  expect(fixture.reached).toHaveLength(before)
}

export interface Refusing {
  readonly fixture: Fixture
  readonly gateway: TestGateway
  readonly caller: Caller
}

/** RFC 9449 §8.1: exactly one nonce, of NQCHARs. */
export function expectNonce(answer: RawAnswer, due: boolean): void {
  const nonces = answer.lines('dpop-nonce')
  expect(nonces).toHaveLength(due ? 1 : 0)
  for (const nonce of nonces) expect(nonce).toMatch(NQCHARS)
}

async function deniedOf(gateway: TestGateway, { reason, route }: ExpectedRefusal): Promise<number> {
  const labels = { route: route ?? 'accounts', reason, mode: 'enforce' }
  return sumOf(await gateway.metrics(), 'fapigw_denials_total', labels) ?? 0
}

/** Eight hexadecimal digits of either case, so that no two requests of a file share an id. */
function nextPrefix(): string {
  return crypto.randomUUID().slice(0, 7) + 'F'
}
