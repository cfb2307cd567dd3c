/**
 * Was this connection as strong as the route demands? (RFC 9325 §3.1 and §4, FAPI 2.0 SP §5.2)
 *
 * The listener is built from the same policy, so this refuses only where a route asks for more than its
 * listener.
 *
 * @module
 */

import { z } from 'zod'
import { fail } from '../failure/failure.ts'
import { anyOf, level } from '../policy/field.ts'
import { defineCheck } from './check.ts'

/** The suites that a listener can be built with, by their IANA names; the strongest first. */
export const CIPHER_SUITES = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
] as const

export const transport = defineCheck({
  name: 'transport',
  question: 'Was the connection as strong as the route demands?',

  policy: z.strictObject({
    min_version: level(['1.2', '1.3']).describe('Lowest version of TLS.'),
    cipher_suites: anyOf(CIPHER_SUITES).describe('Cipher suites, by their IANA names.'),
  }),

  compile: ({ min_version, cipher_suites }) => {
    const suites = new Set<string>(cipher_suites)
    return ({ connection }) => {
      // RFC 9110 §15.5.20: another connection could be served, this one cannot.
      if (min_version === '1.3' && connection.protocol !== 'TLSv1.3') {
        return fail('misdirected_request', 'tls_version_too_low')
      }
      if (!suites.has(connection.cipherSuite)) {
        return fail('misdirected_request', 'tls_cipher_suite_not_accepted')
      }
      return undefined
    }
  },
})
