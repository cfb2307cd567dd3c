/**
 * `routes` and `defaults`: what is asked of which request, and where it goes then.
 *
 * The policies are those of the checks. What is written most often has a short form beside.
 *
 * @module
 */

import { z } from 'zod'
import { authorization } from '../check/authorization.ts'
import type { CheckDefinition } from '../check/check.ts'
import { CHECKS } from '../check/index.ts'
import { bytes, name, oneOrMore, period, text } from './setting.ts'

/** The checks that have settings; the others ask what they ask. */
export const CHECKS_WITH_SETTINGS: readonly CheckDefinition[] = (
  CHECKS as readonly CheckDefinition[]
).filter(({ policy }) => Object.keys(policy.shape).length > 0)

const policies = Object.fromEntries(
  CHECKS_WITH_SETTINGS.map((check) => [
    check.name,
    check.policy.partial().describe(check.question).optional(),
  ]),
)

const { any_scope: anyScope, claims } = authorization.policy.shape
const scopes = authorization.policy.shape.scopes.min(1)

const shortForms = {
  scopes: z
    .union([
      scopes,
      z.strictObject({
        all: scopes.describe('Scopes that a token needs, all of them.').optional(),
        any: anyScope,
      }),
    ])
    .describe('Short for authorization.scopes, and with any: for authorization.any_scope.')
    .optional(),
  claims: claims.describe('Short for authorization.claims.'),
  audience: oneOrMore().describe('Short for access_token.audience.').optional(),
  sender: z
    .union([
      z.enum(['mtls', 'dpop', 'none']),
      z.strictObject({ any_of: z.array(z.enum(['mtls', 'dpop'])).min(1) }),
    ])
    .describe(
      'Short for sender_constraint: proofs of possession that count, and one is required. none: tokens need not be bound; those that are have to be proven all the same.',
    )
    .optional(),
}

const fieldName = (what: string, byDefault: string) =>
  z
    .union([text(), z.literal(false)])
    .describe(`Field with ${what}; false: not told. Default: ${byDefault}.`)
    .optional()

/** RFC 9440 §4: opt-in, upstream by upstream. */
const certificateField = (what: string, byDefault: string) =>
  z
    .union([text(), z.boolean()])
    .describe(
      `Field with ${what}, as RFC 9440 writes it; true: ${byDefault}. Default: false, not told.`,
    )
    .optional()

const forward = z
  .strictObject({
    client_id: fieldName('the client_id', 'X-Client-Id'),
    sub: fieldName('the sub', 'X-Subject'),
    scope: fieldName('the scopes', 'X-Scope'),
    iss: fieldName('the issuer', 'X-Token-Issuer'),
    binding: fieldName('how the token was bound: mtls, dpop, mtls+dpop or none', 'X-Token-Binding'),
    thumbprint: fieldName('the thumbprint of key or certificate', 'X-Token-Thumbprint'),
    client_cert: certificateField('the client certificate', 'Client-Cert'),
    client_cert_chain: certificateField(
      'the intermediate CAs that came with it, where they are at hand',
      'Client-Cert-Chain',
    ),
    remove: z
      .array(text().regex(/^[A-Za-z0-9-]+$/, 'wants the name of a field'))
      .describe(
        "Fields of clients that do not pass either, besides those that are always the gateway's to say.",
      )
      .optional(),
    authorization: z
      .enum(['strip', 'pass'])
      .describe('Whether the upstream gets the token itself. Default: strip.')
      .optional(),
  })
  .describe("What the upstream is told. A client's own fields of these names never pass.")

const limits = z.strictObject({
  body: bytes('0B', '1GiB').describe('Largest request body. Default: 1MiB.').optional(),
})

const match = z
  .union([
    text(),
    z.strictObject({
      hosts: z.array(text()).min(1).describe('Default: every host of the listeners.').optional(),
      paths: z
        .array(text())
        .min(1)
        .describe('* is one segment; ** at the end is any number of them, none included.'),
      methods: z
        .array(text())
        .min(1)
        .describe('Default: DELETE, GET, HEAD, OPTIONS, PATCH, POST and PUT.')
        .optional(),
    }),
  ])
  .describe('Which requests: GET /accounts/**, or GET,POST /payments, or hosts, paths, methods.')

const issuers = z.array(text()).min(1)

const cors = z
  .strictObject({
    origins: z
      .array(
        z
          .string()
          .regex(
            /^https?:\/\/(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/,
            'wants an origin as browsers write it, such as https://app.example',
          ),
      )
      .min(1)
      .describe('Origins whose scripts may call.'),
    headers: z
      .array(text().regex(/^[A-Za-z0-9-]+$/, 'wants the name of a field'))
      .describe('Fields that they may send, besides Authorization, DPoP and those of FAPI.')
      .default([]),
    max_age: period('0s', '1d')
      .describe('How long a browser may remember what it may do.')
      .prefault('10m'),
  })
  .describe('Calls from scripts of other origins (CORS). Default: none.')

const replaceable = {
  issuers: issuers
    .describe('Whose tokens are accepted. Default: all issuers of this file.')
    .optional(),
  forward: forward.optional(),
  limits: limits.optional(),
  cors: cors.optional(),
  ...shortForms,
  ...policies,
}

export const defaultsSchema = z
  .strictObject(replaceable)
  .describe('What holds for every route. A route may add to it and tighten it.')

export const routeSchema = z.strictObject({
  id: name().describe('Its name in logs, metrics and explanations.'),
  match,
  public: z.boolean().describe('No token is asked for.').default(false),
  websocket: z
    .boolean()
    .describe(
      'Whether a GET may open a WebSocket (RFC 6455) through the same checks. It ends with its token at the latest.',
    )
    .default(false),
  upstream: text().describe('A URL, or a name of upstreams.'),
  realm: z
    .string()
    .regex(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/, 'wants printable characters without quotes')
    .describe('Realm of the challenges. Default: the host of the first public URL.')
    .optional(),
  ...replaceable,
})

export type RouteInput = z.output<typeof routeSchema>
export type DefaultsInput = z.output<typeof defaultsSchema>
export type ForwardInput = z.output<typeof forward>
