import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Caller, createCaller, type RawAnswer } from '../support/caller.ts'
import { type Fixture, RESOURCES, SMALLEST, startFixture } from '../support/fixture.ts'

const ORIGIN = 'https://app.example'
const YAML = SMALLEST.replace(
  'routes:\n',
  `routes:
  - { id: open, match: GET /open, scopes: [accounts], upstream: $BANK, cors: { origins: ["${ORIGIN}"] } }
`,
)

let fixture: Fixture
let caller: Caller

beforeAll(async () => {
  fixture = await startFixture()
  const gateway = await fixture.gateway(YAML)
  caller = createCaller(fixture, gateway, fixture.certificates.mtls)
})

afterAll(async () => {
  caller.close()
  await fixture.close()
})

const allowed = (answer: RawAnswer) => answer.lines('access-control-allow-origin')
const preflight = (path: string, origin: string, method = 'GET') =>
  caller.send({
    method: 'OPTIONS',
    path,
    fields: ['Origin', origin, 'Access-Control-Request-Method', method],
  })

describe('calls from scripts of other origins', () => {
  test('FAPI 1.0 Baseline §6.2.1-14: a preflight is answered without a token, and not forwarded [F1B-RS-14]', async () => {
    const answer = await preflight('/open', ORIGIN)
    expect(answer).toMatchObject({ status: 204, body: '' })
    expect(allowed(answer)).toEqual([ORIGIN])
    expect(answer.lines('access-control-allow-methods')).toEqual(['GET, HEAD'])
    expect(fixture.reached).toEqual([])
  })

  test.each([
    ['from another origin', '/open', 'https://evil.example', 'GET'],
    ['for another method', '/open', ORIGIN, 'POST'],
    ['of a route that takes none', '/accounts', ORIGIN, 'GET'],
    ['of no route', '/nothing', ORIGIN, 'GET'],
  ])(
    'FAPI 1.0 Baseline §6.2.1-14: a preflight %s is refused',
    async (_title, path, origin, method) => {
      const answer = await preflight(path, origin, method)
      expect([404, 405]).toContain(answer.status)
      expect(allowed(answer)).toEqual([])
    },
  )

  test('RFC 9449 §7.1: the script sees why it was refused [DPOP-7.1-5]', async () => {
    const answer = await caller.send({ path: '/open', fields: ['Origin', ORIGIN] })
    expect(answer.status).toBe(401)
    expect(allowed(answer)).toEqual([ORIGIN])
    expect(answer.lines('access-control-expose-headers').join()).toContain('DPoP-Nonce')
    expect(answer.lines('vary')).toEqual(['Origin'])
  })

  test('FAPI 1.0 Baseline §6.2.1-14: and what it asked for', async () => {
    const gateway = await fixture.gateway(YAML.replace('/open', '/accounts/22289'))
    const client = await fixture.client('mtls', gateway)
    const { accessToken } = await client.token({ scope: 'accounts', resource: RESOURCES.jwt })
    const own = createCaller(fixture, gateway, fixture.certificates.mtls)
    const answer = await own.send({
      path: '/accounts/22289',
      fields: ['Origin', ORIGIN, 'Authorization', `Bearer ${accessToken}`],
    })
    own.close()
    expect(answer.status).toBe(200)
    expect(allowed(answer)).toEqual([ORIGIN])
  })
})
