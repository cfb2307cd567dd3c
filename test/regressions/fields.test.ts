/**
 * Fields that a client sends so that they are taken for the gateway's own: spelled otherwise, sent twice,
 * or named in `Connection` so that the gateway's own are removed.
 *
 * @module
 */

import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { requestFields } from '../../src/gateway/request-fields.ts'
import {
  foldFieldName,
  GATEWAY_OWNED,
  GATEWAY_OWNED_PREFIXES,
  HOP_BY_HOP,
} from '../../src/http/forwardable.ts'
import { createRequest } from '../support/checked-request.ts'
import { createExchange, createRoute, FORWARD } from '../support/exchange.ts'
import { HOST } from '../support/fixture.ts'
import { createIssuer, NOW, THUMBPRINT } from '../support/issuer.ts'
import { get, type OpenGateway, post, startOpenGateway } from '../support/open-gateway.ts'
import { openSocket } from '../support/raw-socket.ts'

const { issuer, claims } = createIssuer('as')
const EVIL = 'evil'

/** What goes on of a client's fields, on a route that tells all it can of this token. */
function forwarded(rawFields: readonly string[], hasSubject = true) {
  const exchange = createExchange({ rawFields: ['Host', HOST, ...rawFields] })
  exchange.authority = HOST
  exchange.request = createRequest()
  exchange.request.issuer = issuer
  exchange.request.token = {
    expiresAt: NOW + 300,
    subject: hasSubject ? 'alice' : undefined,
    clientId: 'app',
    audiences: [],
    scopes: ['accounts'],
    confirmation: { keyThumbprint: undefined, certificateThumbprint: THUMBPRINT },
    claims,
    algorithm: 'ES256',
  }
  const fields = requestFields(exchange, createRoute())
  return Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i], fields[2 * i + 1]])
}

const TOLD = Object.values(FORWARD).filter(
  (name): name is string => typeof name === 'string' && name.startsWith('X-'),
)
const SET = ['x-fapi-interaction-id', 'Forwarded', 'X-Forwarded-For', 'X-Forwarded-Host']
const OWNED = [...GATEWAY_OWNED, ...TOLD, ...SET.filter((name) => name !== 'x-fapi-interaction-id')]

/** A name as it stands, or as a client writes it that hopes for a lenient upstream. */
const spelling = fc
  .tuple(
    fc.constantFrom(
      ...OWNED,
      ...HOP_BY_HOP,
      ...GATEWAY_OWNED_PREFIXES.map((prefix) => `${prefix}anything`),
    ),
    fc.infiniteStream(fc.constantFrom('-', '_', '.')),
    fc.infiniteStream(fc.boolean()),
    fc.constantFrom('', '', '', '_', '-', '.', ' '),
  )
  .map(([name, separators, capitals, end]) => {
    const letters = [...name].map((one) => {
      if (one === '-') return separators.next().value
      return capitals.next().value === true ? one.toUpperCase() : one.toLowerCase()
    })
    return letters.join('') + end
  })

test('RFC 9700 §4.13: no field that is the gateway’s passes in any spelling, and none of ours can be named away [H15, H19, PF-12]', () => {
  const own = forwarded([])
  fc.assert(
    fc.property(
      fc.array(spelling, { maxLength: 12 }),
      fc.array(fc.oneof(spelling, fc.constantFrom('close', 'Via', 'Host', ...SET, ...TOLD)), {
        maxLength: 6,
      }),
      (names, named) => {
        const fields = names.flatMap((name) => [name, EVIL])
        const lines = forwarded([...fields, 'Connection', named.join(', ')])
        expect(lines.slice(-own.length)).toEqual(own)
        const owned = new Set(OWNED.map(foldFieldName))
        for (const [name = ''] of lines.slice(0, -own.length)) {
          const folded = foldFieldName(name)
          expect(owned).not.toContain(folded)
          expect(HOP_BY_HOP).not.toContain(folded)
          expect(GATEWAY_OWNED_PREFIXES.filter((prefix) => folded.startsWith(prefix))).toEqual([])
        }
      },
    ),
    { numRuns: 5000 },
  )
})

test.each([
  ['CVE-2024-45410', 'X-Forwarded-Host'],
  ['CVE-2024-45410', 'X-Forwarded-For, Forwarded, X-Forwarded-Proto'],
  ['CVE-2025-48865', 'close, X-Client-Cert'],
  ['CVE-2025-48865', 'close, X-Thumbprint, X-Binding'],
])('%s: Connection: %s takes nothing of ours away [PF-12, PF-13]', (_, value) => {
  expect(forwarded(['Connection', value, 'X-Client-Cert', EVIL])).toEqual(forwarded([]))
})

test.each(['X-Subject', 'x-subject', 'X_Subject', 'x.subject'])(
  'CVE-2026-44087, Kong 3.10.0.10: %s of a client does not stand in for a claim that is missing [PF-21, PF-26]',
  (name) => {
    const lines = forwarded([name, EVIL], false)
    expect(lines.map(([name = '']) => foldFieldName(name))).not.toContain('x-subject')
    expect(lines.flat()).not.toContain(EVIL)
  },
)

describe('CVE-2026-26308: where a decision rests on a field, a second line of it is not overlooked [PF-38]', () => {
  let open: OpenGateway

  beforeAll(async () => {
    open =
      await startOpenGateway(`  - { id: closed, match: /closed/**, scopes: [accounts], upstream: raw }
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
`)
  })
  afterAll(() => open.close())

  test.each<[string, string, number, string]>([
    ['Host', get('/open', ['Host: other.example']), 400, 'host_several'],
    [
      'Authorization',
      get('/closed', ['Authorization: Bearer a', 'Authorization: Bearer b']),
      400,
      'authorization_several',
    ],
    [
      'Content-Length',
      post(['Content-Length: 2', 'Content-Length: 2'], 'ok'),
      400,
      'http_malformed',
    ],
    [
      'Content-Type',
      post(
        [
          'Content-Type: application/json',
          'Content-Type: application/x-www-form-urlencoded',
          'Content-Length: 14',
        ],
        'access_token=x',
      ),
      400,
      'token_in_form',
    ],
    [
      'Expect',
      post(['Expect: 100-continue', 'Expect: 200-ok', 'Content-Length: 2']),
      417,
      'expectation_unknown',
    ],
  ])('%s', async (_, bytes, status, reason) => {
    const before = open.upstream.requests.length
    const raw = await openSocket(open.fixture, open.gateway)
    raw.write(bytes)
    const answer = await raw.response()
    expect(answer.status).toBe(status)
    expect(JSON.parse(String(answer.body))).toMatchObject({ error_description: reason })
    raw.socket.destroy()
    expect(await open.reachedSince(before)).toEqual([])
  })
})
