import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadProfile, profileNames, SETTINGS } from '../../src/config/profile.ts'
import { isAsStrict } from '../../src/policy/narrow.ts'

const folder = `${mkdtempSync(join(tmpdir(), 'fapi-gateway-'))}/`
afterAll(() => rmSync(folder, { recursive: true }))

function write(name: string, policy: string, more = ''): string {
  writeFileSync(
    join(folder, `${name}.yaml`),
    `profile: ${name}\ntitle: T\n${more}\npolicy:\n${policy}\n`,
  )
  return name
}

const shipped = profileNames()

describe('the profiles that ship', () => {
  test('are these', () => {
    expect(shipped).toEqual(['custom', 'fapi1-advanced', 'fapi1-baseline', 'fapi2-security'])
  })

  test.each(shipped)('%s has a clause and a value for all that is not asked by a route', (name) => {
    const rows = loadProfile(name)?.rows
    // What a token and a certificate have to say is asked by a route, and limits that are set at all.
    const ofRoutes = ['client_certificate.required', 'client_certificate.psd2_roles']
    const wanted = SETTINGS.filter(
      ({ kind, check, name: setting }) =>
        kind.loosest !== undefined && check !== 'authorization' && !ofRoutes.includes(setting),
    )
    const named = [...(rows?.keys() ?? [])].filter((one) => !one.startsWith('issuer.'))
    expect(named.sort()).toEqual(wanted.map((one) => one.name).sort())
    expect(rows?.get('issuer.stale_if_error')?.byDefault).toBe(3600)
    for (const { by, byDefault } of rows?.values() ?? []) {
      expect(by).toMatch(/^(FAPI1-BASE|FAPI1-ADV|FAPI2-SP-FINAL|RFC \d+)[ -]\d/)
      expect(byDefault).toBeDefined()
    }
  })

  test('FAPI2-SP-FINAL-5.3.4-5: tokens are bound, by certificate or by DPoP', () => {
    const rows = loadProfile('fapi2-security')?.rows
    expect(rows?.get('sender_constraint.required')?.is).toBe(true)
    expect(rows?.get('sender_constraint.methods')?.is).toEqual(['mtls', 'dpop'])
  })

  test('FAPI2-SP-FINAL-5.4.1: PS256, ES256 and Ed25519, and nothing else [F2-ALG-1]', () => {
    const rows = loadProfile('fapi2-security')?.rows
    for (const name of ['access_token.algorithms', 'dpop_proof.algorithms']) {
      expect(rows?.get(name)?.is).toEqual(['PS256', 'ES256', 'EdDSA'])
    }
  })

  test('FAPI2-SP-FINAL-5.4.1, FAPI1-ADV-8.6: so of what the gateway signs itself [F2-ALG-1, F1A-ALG-1]', () => {
    const allowed = (name: string) => loadProfile(name)?.rows.get('issuer.assertion_algorithms')?.is
    expect(allowed('fapi2-security')).toEqual(['PS256', 'ES256', 'EdDSA'])
    expect(allowed('fapi1-advanced')).toEqual(['PS256', 'ES256'])
  })

  test.each(shipped.filter((name) => name !== 'custom'))(
    'RFC 8725 §3.8: %s bounds how long keys are used that cannot be fetched',
    (name) => expect(loadProfile(name)?.rows.get('issuer.stale_if_error')?.is).toBe(86_400),
  )

  test('FAPI1-ADV-8.5, 8.6: RSA suites, PS256 and ES256, and certificates only [F1A-ALG-1, F1A-TLS-1]', () => {
    const rows = loadProfile('fapi1-advanced')?.rows
    const suites = rows?.get('transport.cipher_suites')?.is as string[]
    expect(suites.filter((suite) => suite.includes('_WITH_'))).toEqual([
      'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
      'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    ])
    expect(rows?.get('access_token.algorithms')?.is).toEqual(['PS256', 'ES256'])
    expect(rows?.get('sender_constraint.methods')?.is).toEqual(['mtls'])
  })

  test('custom fixes nothing, and defaults to what FAPI asks', () => {
    const rows = loadProfile('custom')?.rows
    expect([...(rows?.values() ?? [])].filter(({ is }) => is !== undefined)).toEqual([])
    expect(rows?.get('sender_constraint.required')?.byDefault).toBe(true)
  })

  test('fapi1-advanced is as strict as what it extends [F1A-RS-1]', () => {
    const parent = loadProfile('fapi1-baseline')
    for (const { name, kind } of SETTINGS) {
      const child = loadProfile('fapi1-advanced')?.rows.get(name)
      expect(isAsStrict(kind, parent?.rows.get(name)?.is, child?.is)).toBe(true)
    }
  })
})

describe('a profile', () => {
  test('inherits what it does not say, and says who said it', () => {
    write('parent', '  access_token.clock_skew: { is: 60s, default: 10s, by: P 1 }')
    write('child', '  sender_constraint.required: { is: true, by: C 1 }', 'extends: parent')
    const rows = loadProfile('child', folder)?.rows
    expect(rows?.get('access_token.clock_skew')).toEqual({
      is: 60,
      byDefault: 10,
      by: 'P 1',
      from: 'parent',
    })
    expect(rows?.get('sender_constraint.required')?.from).toBe('child')
  })

  test('keeps a default that its own floor still allows, and drops one that it does not', () => {
    write('parent', '  access_token.clock_skew: { is: 60s, default: 10s, by: P 1 }')
    write('keeps', '  access_token.clock_skew: { is: 20s, by: C 1 }', 'extends: parent')
    write('drops', '  access_token.clock_skew: { is: 5s, by: C 1 }', 'extends: parent')
    expect(loadProfile('keeps', folder)?.rows.get('access_token.clock_skew')?.byDefault).toBe(10)
    expect(loadProfile('drops', folder)?.rows.get('access_token.clock_skew')?.byDefault).toBe(5)
  })

  test('of a name that there is not is none, whatever the name', () => {
    for (const name of ['none', '../../package', '', 'fapi2-security.yaml']) {
      expect(loadProfile(name)).toBeUndefined()
    }
  })

  test.each([
    [
      'loosens its parent',
      '  access_token.clock_skew: { is: 61s, by: C 1 }',
      'extends: strict',
      'looser than in strict',
    ],
    [
      'has a default below its floor',
      '  access_token.clock_skew: { is: 5s, default: 6s, by: C 1 }',
      '',
      'the default is looser',
    ],
    ['names no setting', '  access_token.clock: { is: 5s, by: C 1 }', '', 'access_token.clock'],
    [
      'has a value that is none',
      '  sender_constraint.methods: { is: [oauth], by: C 1 }',
      '',
      'Invalid option',
    ],
    ['names no clause', '  access_token.clock_skew: { is: 5s }', '', 'has no "by"'],
    [
      'extends nothing',
      '  access_token.clock_skew: { is: 5s, by: C 1 }',
      'extends: none',
      'there is no profile none',
    ],
    [
      'extends itself',
      '  access_token.clock_skew: { is: 5s, by: C 1 }',
      'extends: bad',
      'bad extends bad',
    ],
    [
      'is called otherwise',
      '  access_token.clock_skew: { is: 5s, by: C 1 }',
      'extends: strict\nextends: strict',
      'this key is there already',
    ],
  ])('that %s does not load', (_, policy, more, message) => {
    write('strict', '  access_token.clock_skew: { is: 60s, by: P 1 }')
    write('bad', policy, more)
    expect(() => loadProfile('bad', folder)).toThrow(message)
  })

  test('in a file of another name does not load', () => {
    writeFileSync(join(folder, 'other.yaml'), 'profile: one\ntitle: T\npolicy: {}\n')
    expect(() => loadProfile('other', folder)).toThrow('the file is called other')
  })
})
