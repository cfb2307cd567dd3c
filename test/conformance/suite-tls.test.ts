import { getCiphers } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Fixture, startFixture, type TestGateway } from '../support/fixture.ts'
import { probe } from '../support/tls-probe.ts'

const yaml = (profile: string) => `version: 1
profile: ${profile}
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
shutdown: { ready_off_for: 0s, drain: 2s }
`

/**
 * The suites of TLS 1.2 that are spoken with an RSA key, by OpenSSL's names. EnsureTLS12WithFAPICiphers
 * offers two of DHE beside and is content with any; EnsureTLS12RequireBCP195Ciphers offers these.
 */
const SPOKEN = ['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES256-GCM-SHA384']

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
})
afterAll(() => fixture.close())

describe.each([
  ['fapi1-advanced', 'fapi1-advanced-final'],
  ['fapi2-security', 'fapi2-security-profile-final-happy-flow'],
] as const)('under %s: covers the same checks as the TLS probes of %s', (profile, _module) => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await fixture.gateway(yaml(profile))
  })

  const offer = (ciphers: string) =>
    probe(fixture, gateway, { maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` })

  test.each(['TLSv1', 'TLSv1.1'] as const)(
    'Disallow %s [SUITE-7, SUITE-22, F1B-SEC-1, F2-NET-2]',
    async (version) => {
      const options = { ciphers: 'ALL:@SECLEVEL=0', minVersion: version, maxVersion: version }
      expect(await probe(fixture, gateway, options)).toMatch(/PROTOCOL_VERSION$/)
    },
  )

  test('TLS 1.2 is spoken with the suites of the profile, each alone [SUITE-7, SUITE-22]', async () => {
    for (const ciphers of SPOKEN) {
      expect(await offer(ciphers)).toMatchObject({ protocol: 'TLSv1.2' })
    }
  })

  test('DisallowInsecureCipher: all the others offered at once find none [SUITE-7, SUITE-22, F1A-TLS-1, F2-NET-5]', async () => {
    const others = getCiphers()
      .map((name) => name.toUpperCase())
      .filter((name) => !name.startsWith('TLS_') && !SPOKEN.includes(name))
    expect(others.length).toBeGreaterThan(30)
    expect(await offer(others.join(':'))).toMatch(/HANDSHAKE_FAILURE$/)
  })

  test('EnsureTLS13PreferredOverTLS12 [SUITE-7, SUITE-22]', async () => {
    expect(await probe(fixture, gateway)).toMatchObject({ protocol: 'TLSv1.3' })
  })
})
