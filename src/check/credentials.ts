/**
 * Did the request bring an access token, in the way it may? (RFC 6750 §2.1, RFC 9449 §7.1)
 *
 * @module
 */

import { hash } from 'node:crypto'
import { z } from 'zod'
import { fail } from '../failure/failure.ts'
import { parseCredentials } from '../token/credentials.ts'
import { defineCheck } from './check.ts'

export const credentials = defineCheck({
  name: 'credentials',
  question: 'Is there one access token, in the Authorization field?',

  policy: z.strictObject({}),

  compile: (_, { isPublic, schemes, maxToken }) => {
    if (isPublic) return undefined
    return (request) => {
      const credentials = parseCredentials(request.rawFields, maxToken)
      if ('reason' in credentials) return credentials
      request.scheme = credentials.scheme

      if (!schemes.includes(credentials.scheme)) {
        // RFC 9449 §7.2: where only DPoP is accepted, no bearer token is.
        return credentials.scheme === 'Bearer'
          ? fail('invalid_token', 'dpop_scheme_required')
          : fail('missing_token', 'scheme_not_accepted')
      }
      request.credentials = credentials.token
      request.credentialsDigest = hash('sha256', credentials.token, 'base64url')
      return undefined
    }
  },
})
