/**
 * `issuers`: whose tokens are accepted.
 *
 * @module
 */

import { z } from 'zod'
import { accessToken } from '../check/access-token.ts'
import { ALGORITHM_NAMES } from '../jose/algorithm.ts'
import { CONTENT_ENCRYPTION, KEY_MANAGEMENT } from '../jose/compact-encryption.ts'
import { bytes, count, file, oneOrMore, period, secret, text, url } from './setting.ts'

const clientId = text().describe('The client_id of the gateway at the issuer.')

const authentication = z
  .discriminatedUnion('method', [
    z.strictObject({
      method: z.enum(['client_secret_basic', 'client_secret_post']),
      client_id: clientId,
      client_secret: secret(1).describe('Better as ${file:…} than in this file.'),
    }),
    z.strictObject({
      method: z.literal('private_key_jwt'),
      client_id: clientId,
      key: file().describe('PEM (PKCS #8) or JWK file of the private key.'),
      key_id: text().describe('kid of the assertions.').optional(),
      algorithm: z
        .enum(ALGORITHM_NAMES)
        .describe('JWS algorithm of the assertions. Default: what fits the key.')
        .optional(),
    }),
    z.strictObject({
      method: z.literal('tls_client_auth'),
      client_id: clientId,
      cert: file().describe('PEM file of the certificate of the gateway.'),
      key: file().describe('PEM file of its private key.'),
    }),
  ])
  .describe('How the gateway authenticates (RFC 6749 §2.3, RFC 7523, RFC 8705 §2).')

const introspection = z
  .strictObject({
    endpoint: url('https://as.bank.example/introspect')
      .describe('Default: found by discovery (RFC 8414).')
      .optional(),
    response: z
      .enum(['json', 'jwt'])
      .describe(
        'jwt: only answers that the issuer signed are taken (RFC 9701), by its keys and algorithms, for client_id or an audience; encrypted ones are refused.',
      )
      .default('json'),
    auth: authentication,
    cache: z
      .strictObject({
        ttl: period('0s', '5m')
          .describe(
            'How long an answer is used: also how long a revocation may go unseen. Default: revocation_max_delay, or 15s.',
          )
          .optional(),
        negative_ttl: period('0s', '1m')
          .describe('How long a token that is not active is remembered.')
          .prefault('5s'),
        max_entries: count(1, 10_000_000).describe('Answers that are remembered.').default(100_000),
        max_bytes: bytes('64KiB', '16GiB')
          .describe('Memory that they take up; refusals have a tenth of both beside it.')
          .prefault('128MiB'),
        shared: z
          .boolean()
          .describe(
            'Whether instances share answers about active tokens, encrypted, in stores.redis.',
          )
          .default(false),
      })
      .prefault({}),
    timeout: period('100ms', '30s')
      .describe(
        'From asking to a verdict, discovery and keys included. After that: 503, and never through.',
      )
      .prefault('2s'),
    connections: count(1, 1000)
      .describe(
        'Tokens that are asked about at a time, each on a connection of its own. More are answered with 503: with revocation_max_delay: 0s it is also how many requests can be decided at a time.',
      )
      .default(32),
    breaker: z
      .strictObject({
        failures: count(1, 1000)
          .describe('Calls in a row without an answer after which none is made for a while: 503.')
          .default(5),
        window: period('1s', '10m').describe('Time within which they fail.').prefault('10s'),
        half_open_after: period('1s', '1m')
          .describe('When one call tries again whether the endpoint is back.')
          .prefault('5s'),
      })
      .describe('An endpoint that does not answer is left alone.')
      .prefault({}),
    ca: file()
      .describe('PEM file of the CAs of the endpoint. Default: those of the issuer.')
      .optional(),
  })
  .describe('Asking the issuer about a token (RFC 7662).')

const encryption = z
  .strictObject({
    keys: z
      .array(file())
      .min(1)
      .describe('PEM (PKCS #8) or JWK files of private keys; a JWK may have a kid.'),
    algorithms: z
      .array(z.enum(KEY_MANAGEMENT))
      .min(1)
      .describe('Agreed alg of JWE. Default: RSA-OAEP-256 for RSA keys, ECDH-ES+A256KW for others.')
      .optional(),
    content: z
      .array(z.enum(CONTENT_ENCRYPTION))
      .min(1)
      .describe('Agreed enc of JWE.')
      .default(['A256GCM']),
  })
  .describe('Its tokens are encrypted for this resource (RFC 9068 §4): others are refused.')

const { algorithms, clock_skew, type_required, max_lifetime, revocation_max_delay } =
  accessToken.policy.shape

export const issuerSchema = z.strictObject({
  issuer: url('https://as.bank.example').describe(
    'Its identifier, compared with iss character by character.',
  ),
  audience: oneOrMore().describe(
    'What aud has to name: this resource (RFC 9068 §4). One of several.',
  ),
  tokens: z
    .enum(['jwt', 'introspection'])
    .describe(
      'jwt: verified here (RFC 9068). introspection: the issuer is asked about every token.',
    )
    .default('jwt'),
  algorithms: algorithms
    .describe('JWS algorithms of its tokens. Default: those of the profile.')
    .optional(),
  clock_skew: clock_skew.describe('Difference of clocks that is overlooked.').optional(),
  type_required: type_required.describe('Refuse JWTs whose typ is not at+jwt.').optional(),
  max_lifetime: max_lifetime.describe('Longest life of a token, from iat to exp.'),
  revocation_max_delay: revocation_max_delay.describe(
    'How long a token may still pass after it was revoked. With introspection, JWTs are asked about too, and answers are used no longer (cache.ttl follows); without, max_lifetime has to keep it.',
  ),
  jwks_uri: url('https://as.bank.example/jwks')
    .describe('Its keys. Default: found by discovery (RFC 8414).')
    .optional(),
  jwks: z
    .strictObject({
      refresh: period('10s', '1d').describe('How often the keys are fetched.').prefault('10m'),
      cooldown: period('1s', '1h')
        .describe('Shortest time between fetches for keys that are not known.')
        .prefault('30s'),
      stale_if_error: period('0s', '7d')
        .describe(
          'How long the keys are used after they should have been fetched again and could not be. After that: 503. Default, and most that is allowed: what the profile says.',
        )
        .optional(),
      timeout: period('100ms', '30s')
        .describe('Of one fetch, discovery included. After that: keys that are known, or 503.')
        .prefault('5s'),
    })
    .describe('Fetching the keys.')
    .prefault({}),
  introspection: introspection.optional(),
  encryption: encryption.optional(),
  ca: file()
    .describe('PEM file of the CAs of its TLS servers. Default: those that Node ships.')
    .optional(),
  cache: z
    .strictObject({
      max_entries: count(1, 10_000_000)
        .describe('Verified tokens that are remembered.')
        .default(50_000),
      max_bytes: bytes('64KiB', '16GiB')
        .describe('Memory that they take up: some 0.9 KB each.')
        .prefault('64MiB'),
    })
    .prefault({}),
})

export type IssuerInput = z.output<typeof issuerSchema>
export type AuthenticationInput = z.output<typeof authentication>
