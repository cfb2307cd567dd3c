/**
 * How the gateway authenticates at an introspection endpoint (RFC 6749 §2.3.1, RFC 7523 §2.2, RFC 8705
 * §2).
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose/jwt/sign'
import type { ClientAuthentication } from '../config/configuration.ts'
import { importKey } from './private-key.ts'

/** What is added to a call: fields of the head, and of the form. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string>>
  readonly form: Readonly<Record<string, string>>
}

/** Seconds for which an assertion of ours is good. */
const ASSERTION_LIFE = 60

/**
 * Prepares the authentication; the result makes credentials for one call each.
 *
 * @throws If a key is none.
 * @param issuer The audience of assertions: the issuer itself, as one string (FAPI 2.0 SP §5.3.3).
 */
export function clientAuthenticator(
  authentication: ClientAuthentication,
  issuer: string,
): () => Credentials | Promise<Credentials> {
  const { clientId } = authentication
  switch (authentication.method) {
    case 'client_secret_basic': {
      const pair = `${formEncode(clientId)}:${formEncode(authentication.clientSecret)}`
      const authorization = `Basic ${Buffer.from(pair).toString('base64')}`
      return () => ({ headers: { authorization }, form: {} })
    }
    case 'client_secret_post': {
      const form = { client_id: clientId, client_secret: authentication.clientSecret }
      return () => ({ headers: {}, form })
    }
    case 'tls_client_auth':
      return () => ({ headers: {}, form: { client_id: clientId } })
    case 'private_key_jwt': {
      const { algorithm, key, keyId } = authentication
      const imported = importKey(key)
      return async () => {
        const assertion = await new SignJWT({})
          .setProtectedHeader({ alg: algorithm, ...(keyId === undefined ? {} : { kid: keyId }) })
          .setIssuer(clientId)
          .setSubject(clientId)
          .setAudience(issuer)
          .setJti(randomUUID())
          .setIssuedAt()
          .setExpirationTime(`${ASSERTION_LIFE}s`)
          .sign(imported)
        return {
          headers: {},
          form: {
            client_id: clientId,
            client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
            client_assertion: assertion,
          },
        }
      }
    }
  }
}

/** RFC 6749 §2.3.1 with appendix B: `application/x-www-form-urlencoded`. */
function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}
