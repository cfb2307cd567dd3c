/**
 * What the conformance suite of the OpenID Foundation sends to a resource and demands of its answers,
 * condition by condition, as of its version 5.2. The names are those of its conditions.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { RawAnswer } from './caller.ts'

/** CreateRandomFAPIInteractionId: a UUID whose letters are of either case in turn. */
export function mixedCaseId(): string {
  let upper = false
  return randomUUID().replace(/[a-f]/g, (letter) => {
    const written = upper ? letter.toUpperCase() : letter
    upper = !upper
    return written
  })
}

/** SetAccessTokenTypeToInvertedCase. */
export function invertCase(scheme: string): string {
  return scheme.replace(/[a-z]/gi, (letter) =>
    letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
  )
}

/** AddFAPIAuthDateToResourceEndpointRequest, AddIpV4FapiCustomerIpAddressToResourceEndpointRequest. */
export function optionalFields(): string[] {
  return [
    'x-fapi-auth-date',
    new Date().toUTCString(),
    'x-fapi-customer-ip-address',
    '198.51.100.119',
  ]
}

/** AddIpV6FapiCustomerIpAddressToResourceEndpointRequest. */
export const IPV6_FIELDS = ['x-fapi-customer-ip-address', '2001:DB8::1893:25c8:1946']

/** SetUtf8JsonAcceptHeaders…, SetPermissiveAcceptHeaderForResourceEndpointRequest. */
export const UTF8_ACCEPT = ['Accept', 'application/json;charset=UTF-8', 'Accept-Charset', 'UTF-8']
export const PERMISSIVE_ACCEPT = ['Accept', 'application/json, application/*+json, */*']

/** EnsureHttpStatusCodeIs200or201. */
export function expectSuccess({ status, body }: RawAnswer): void {
  expect([200, 201], body).toContain(status)
}

/** EnsureHttpStatusCodeIs400or401. */
export function expect400or401({ status }: RawAnswer): void {
  expect([400, 401]).toContain(status)
}

/** EnsureHttpStatusCodeIs4xx. */
export function expect4xx({ status }: RawAnswer): void {
  expect(Math.floor(status / 100)).toBe(4)
}

/** DisallowAccessTokenInQuery. */
export function expectQueryRefused({ status }: RawAnswer): void {
  expect([400, 401, 414]).toContain(status)
}

const RFC_1123 =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}:\d{2} GMT$/

/** CheckForDateHeaderInResourceResponse: one, in the form of RFC 1123, within five minutes. */
export function expectDate(answer: RawAnswer): void {
  const dates = answer.lines('date')
  expect(dates).toEqual([expect.stringMatching(RFC_1123)])
  expect(Math.abs(Date.now() - Date.parse(dates[0] ?? ''))).toBeLessThan(300_000)
}

/** EnsureResourceResponseReturnedJsonContentType: a character set, if one is said, is UTF-8. */
export function expectJson(answer: RawAnswer): void {
  expect(answer.lines('content-type')).toEqual([
    expect.stringMatching(/^application\/json(?:\s*;\s*charset="?utf-8"?)?$/i),
  ])
}

/** CheckForFAPIInteractionIdInResourceResponse, EnsureMatchingFAPIInteractionId. */
export function expectInteractionId(answer: RawAnswer, sent?: string): void {
  const ids = answer.lines('x-fapi-interaction-id')
  expect(ids).toEqual([expect.stringMatching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i)])
  if (sent !== undefined) expect(ids[0]?.toLowerCase()).toBe(sent.toLowerCase())
}

/** DpopNonceResponseHeader: none, or one of 1*NQCHAR, whatever the status is. */
export function nonceOf(answer: RawAnswer): string | undefined {
  const nonces = answer.lines('dpop-nonce')
  expect(nonces.length).toBeLessThanOrEqual(1)
  for (const nonce of nonces) expect(nonce).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]+$/)
  return nonces[0]
}

/** CallProtectedResourceAllowingDpopNonceError: as it reads challenges, one a line. */
export function asksForNonce(answer: RawAnswer): boolean {
  if (answer.status !== 401) return false
  return answer
    .lines('www-authenticate')
    .filter((line) => line.toLowerCase().startsWith('dpop '))
    .some((line) =>
      [...line.slice(5).matchAll(/\s*([^=]+)="([^"]+)",*/g)].some(
        ([, key, value]) => key === 'error' && value === 'use_dpop_nonce',
      ),
    )
}

/** The suite's memory of a resource: the nonce it was told last. */
export interface NonceMemory {
  nonce: string | undefined
}

/** An answer, and in how many rounds it came. */
export interface Followed {
  readonly answer: RawAnswer
  readonly rounds: number
}

/** Sends once, and once more where a nonce is asked for: never a third time. */
export async function followNonces(
  memory: NonceMemory,
  send: (nonce: string | undefined) => Promise<RawAnswer>,
): Promise<Followed> {
  for (let rounds = 1; ; rounds++) {
    const answer = await send(memory.nonce)
    const told = nonceOf(answer)
    const asked = asksForNonce(answer)
    if (asked) expect(told).toBeDefined()
    if (told !== undefined && (asked || answer.status < 300)) memory.nonce = told
    if (!asked || rounds === 2) return { answer, rounds }
  }
}
