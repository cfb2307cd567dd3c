import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Caller, createCaller } from '../support/caller.ts'
import { API, type Fixture, SMALLEST, startFixture, type TestGateway } from '../support/fixture.ts'

const WELL_KNOWN = '/.well-known/oauth-protected-resource'
const PUBLISHED = `${SMALLEST}resource_metadata: true
`.replace(
  'routes:\n',
  `routes:
  - { id: payments, match: "POST /payments", scopes: { any: [payments, refunds] }, sender: dpop, upstream: $BANK,
      authorization: { authorization_details: { type: payment_initiation } } }
  - { id: status, match: GET /status, public: true, upstream: $BANK }
`,
)

let fixture: Fixture
let gateway: TestGateway
let caller: Caller

beforeAll(async () => {
  fixture = await startFixture()
  gateway = await fixture.gateway(PUBLISHED)
  caller = createCaller(fixture, gateway)
})

afterAll(async () => {
  await caller.close()
  await fixture.close()
})

describe('protected resource metadata', () => {
  test('RFC 9728 §2, §3: says what the configuration says, to anybody [PRM-1, PRM-2, PRM-3]', async () => {
    const answer = await caller.send({ path: WELL_KNOWN })
    expect(answer.status).toBe(200)
    expect(answer.lines('content-type')).toEqual(['application/json'])
    expect(JSON.parse(answer.body)).toEqual({
      resource: API,
      authorization_servers: [fixture.as.issuer],
      scopes_supported: ['accounts', 'payments', 'refunds'],
      bearer_methods_supported: ['header'],
      tls_client_certificate_bound_access_tokens: true,
      dpop_signing_alg_values_supported: ['ES256', 'EdDSA', 'PS256'],
      dpop_bound_access_tokens_required: false,
      authorization_details_types_supported: ['payment_initiation'],
    })
    expect(fixture.reached).toEqual([])
  })

  test('RFC 9110 §9.3.2: HEAD has no content, and other methods are not served [PRM-1]', async () => {
    expect(await caller.send({ path: WELL_KNOWN, method: 'HEAD' })).toMatchObject({
      status: 200,
      body: '',
    })
    const answer = await caller.send({ path: WELL_KNOWN, method: 'POST' })
    expect(answer.status).toBe(405)
    expect(answer.lines('allow')).toEqual(['GET, HEAD'])
  })

  test('RFC 9728 §3.1: another resource of this host is none of ours', async () => {
    expect((await caller.send({ path: `${WELL_KNOWN}/accounts` })).status).toBe(404)
  })

  test('RFC 9728 §5.1: every challenge says where it is [PRM-4]', async () => {
    const answer = await caller.send({ path: '/accounts' })
    expect(answer.status).toBe(401)
    const challenges = answer.lines('www-authenticate')
    expect(challenges).toHaveLength(2)
    for (const challenge of challenges) {
      expect(challenge).toMatch(new RegExp(`, resource_metadata="${API}${WELL_KNOWN}"$`))
    }
  })

  test('RFC 9728 §3: is not there unless the configuration asks for it', async () => {
    const silent = await fixture.gateway(SMALLEST)
    const other = createCaller(fixture, silent)
    expect((await other.send({ path: WELL_KNOWN })).status).toBe(404)
    const refused = await other.send({ path: '/accounts' })
    expect(refused.lines('www-authenticate').join()).not.toContain('resource_metadata')
    await other.close()
  })
})
