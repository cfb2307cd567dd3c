import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ALGORITHM_NAMES } from '../../src/jose/algorithm.ts'
import { importPublicJwk, keyFits, type PublicJwk, parsePublicJwk } from '../../src/jose/jwk.ts'

const corpora = process.env['CORPORA']

function generate(type: 'P-256' | 'P-384' | 'P-521' | 'Ed25519' | 'RSA'): Record<string, string> {
  const { publicKey } =
    type === 'RSA'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : type === 'Ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: type })
  return publicKey.export({ format: 'jwk' }) as Record<string, string>
}

interface KeySetGroup {
  readonly public?: { readonly keys?: readonly unknown[] }
  readonly private: { readonly keys?: readonly unknown[] }
  readonly tests: readonly { readonly tcId: number }[]
}

const EC = generate('P-256')
const RSA = generate('RSA')
const OKP = generate('Ed25519')
const KEYS = [EC, generate('P-384'), generate('P-521'), OKP, RSA]

function encode(number: bigint): string {
  const hex = number.toString(16)
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url')
}

const MODULUS = BigInt(`0x${Buffer.from(RSA['n']!, 'base64url').toString('hex')}`)

describe('parsePublicJwk', () => {
  test.each(KEYS)('RFC 7518 §6, RFC 8037 §2: a key is read and frozen ($kty $crv)', (jwk) => {
    const key = parsePublicJwk(jwk)
    expect(key).toEqual(jwk)
    expect(Object.isFrozen(key)).toBe(true)
    expect(importPublicJwk(key!)?.export({ format: 'jwk' })).toEqual(jwk)
  })

  test.each(KEYS)('RFC 7517 §4: of other members the purpose is kept ($kty $crv)', (jwk) => {
    const purpose = { kid: 'a', alg: 'ES256', use: 'sig', key_ops: ['verify'] }
    const key = parsePublicJwk({ ...jwk, ...purpose, x5c: ['a'], x5u: 'https://x', iat: 1 })
    expect(key).toEqual({ ...jwk, ...purpose })
    expect(Object.isFrozen(key?.key_ops)).toBe(true)
  })

  test.each(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'])(
    'RFC 9449 §4.3 (7), RFC 7518 §6.3.2: a key with %s is refused, whatever its value [DPOP-4.3-7, D05]',
    (name) => {
      for (const jwk of KEYS) {
        for (const value of ['AQAB', '', null, undefined, 0, []]) {
          expect(parsePublicJwk({ ...jwk, [name]: value })).toBeUndefined()
        }
      }
    },
  )

  test.each([
    undefined,
    null,
    'x',
    1,
    [],
    [EC],
    {},
    { kty: 'oct' },
    { kty: 'oct', k: 'AAAA' },
    { kty: 'AKP', alg: 'ML-DSA-44', pub: 'AAAA' },
    { ...EC, kty: 'ec' },
    { ...EC, kty: undefined },
    { ...EC, kty: ['EC'] },
    Object.create(EC),
  ])('RFC 7517 §4.1: %j is no key of ours [J12]', (jwk) => {
    expect(parsePublicJwk(jwk)).toBeUndefined()
  })

  test.each([
    ['no crv', { crv: undefined }],
    ['secp256k1', { crv: 'secp256k1' }],
    ['P-256 in lower case', { crv: 'p-256' }],
    ['another curve’s name', { crv: 'P-384' }],
    ['an Edwards curve', { crv: 'Ed25519' }],
    ['no x', { x: undefined }],
    ['no y', { y: undefined }],
    ['a number for x', { x: 1 }],
    ['a list for y', { y: [EC['y']] }],
    ['an empty x', { x: '' }],
    ['a padded x', { x: `${EC['x']}=` }],
    ['a longer x', { x: `AA${EC['x']}` }],
    ['a shorter x', { x: Buffer.alloc(31, 1).toString('base64url') }],
    ['an x of 33 bytes with a leading zero', { x: Buffer.alloc(33).toString('base64url') }],
    ['set spare bits in y', { y: `${'A'.repeat(42)}B` }],
  ])('RFC 7518 §6.2.1, RFC 7518 §6.2.1.2: an EC key with %s is refused [J16]', (_, change) => {
    expect(parsePublicJwk({ ...EC, ...change })).toBeUndefined()
  })

  test.each([
    ['Ed448', { crv: 'Ed448', x: Buffer.alloc(57, 1).toString('base64url') }],
    ['X25519', { crv: 'X25519' }],
    ['an EC curve', { crv: 'P-256' }],
    ['no x', { x: undefined }],
    ['31 bytes', { x: Buffer.alloc(31, 1).toString('base64url') }],
    ['33 bytes', { x: Buffer.alloc(33, 1).toString('base64url') }],
  ])('RFC 8037 §2: an OKP key with %s is refused', (_, change) => {
    expect(parsePublicJwk({ ...OKP, ...change })).toBeUndefined()
  })

  test.each([
    ['no n', { n: undefined }],
    ['no e', { e: undefined }],
    ['a number for e', { e: 65537 }],
    ['an empty n', { n: '' }],
    [
      'a leading zero byte in n',
      {
        n: Buffer.concat([Buffer.alloc(1), Buffer.from(RSA['n']!, 'base64url')]).toString(
          'base64url',
        ),
      },
    ],
    ['a leading zero byte in e', { e: 'AAEAAQ' }],
    ['an even n', { n: encode(MODULUS - 1n) }],
    ['1024 bits', { n: encode(2n ** 1023n + 1n) }],
    ['2047 bits', { n: encode(2n ** 2047n - 1n) }],
    ['8193 bits', { n: encode(2n ** 8192n + 1n) }],
    ['a million bits', { n: 'A'.repeat(174_764) }],
    ['e = 1', { e: encode(1n) }],
    ['e = 3', { e: encode(3n) }],
    ['e = 65535', { e: encode(65535n) }],
    ['an even e', { e: encode(65538n) }],
    ['e beyond 2^64', { e: encode(2n ** 64n + 1n) }],
    ['e = n', { e: RSA['n'] }],
  ])('RFC 7518 §6.3.1, RFC 7518 §3.3: an RSA key with %s is refused [J15]', (_, change) => {
    expect(parsePublicJwk({ ...RSA, ...change })).toBeUndefined()
  })

  test.each([
    ['2048 bits', { n: encode(2n ** 2047n + 1n) }],
    ['8192 bits', { n: encode(2n ** 8192n - 1n) }],
    ['e just below 2^64', { e: encode(2n ** 64n - 1n) }],
  ])('RFC 7518 §3.3: an RSA key with %s is read', (_, change) => {
    expect(parsePublicJwk({ ...RSA, ...change })).toEqual({ ...RSA, ...change })
  })

  test.each([
    { kid: 1 },
    { kid: null },
    { kid: ['a'] },
    { alg: 1 },
    { alg: ['ES256'] },
    { use: ['sig'] },
    { use: null },
    { key_ops: 'verify' },
    { key_ops: { 0: 'verify' } },
    { key_ops: ['verify', 1] },
    { key_ops: ['verify', 'verify'] },
    { key_ops: null },
  ])(
    'RFC 7517 §4.2, RFC 7517 §4.3, RFC 7517 §4.4: a purpose of the wrong type is refused (%j) [J09]',
    (purpose) => {
      expect(parsePublicJwk({ ...EC, ...purpose })).toBeUndefined()
    },
  )
})

describe('keyFits', () => {
  const fitting: Record<string, string[]> = {
    'P-256': ['ES256'],
    'P-384': ['ES384'],
    'P-521': ['ES512'],
    Ed25519: ['EdDSA', 'Ed25519'],
    RSA: ['PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'],
  }

  test.each(KEYS)('RFC 7518 §3.1: type and curve decide ($kty $crv) [J16]', (jwk) => {
    const key = parsePublicJwk(jwk)!
    expect(ALGORITHM_NAMES.filter((alg) => keyFits(key, alg))).toEqual(fitting[jwk['crv'] ?? 'RSA'])
  })

  test('RFC 7517 §4.4, RFC 8725 §3.1: a key that names its algorithm fits that one alone [J04, JWT-8]', () => {
    const fits = (alg: string) =>
      ALGORITHM_NAMES.filter((name) => keyFits(parsePublicJwk({ ...RSA, alg })!, name))
    expect(fits('PS256')).toEqual(['PS256'])
    expect(fits('RS512')).toEqual(['RS512'])
    expect(fits('RSA-OAEP')).toEqual([])
    expect(fits('ES256')).toEqual([])
    expect(fits('ps256')).toEqual([])
  })

  test.each([
    [{ use: 'sig' }, true],
    [{ use: 'enc' }, false],
    [{ use: 'SIG' }, false],
    [{ use: '' }, false],
    [{ key_ops: ['verify'] }, true],
    [{ key_ops: ['sign', 'verify'] }, true],
    [{ key_ops: ['sign'] }, false],
    [{ key_ops: [] }, false],
    [{ use: 'sig', key_ops: ['encrypt'] }, false],
    [{ use: 'enc', key_ops: ['verify'] }, false],
  ])('RFC 7517 §4.2, RFC 7517 §4.3: %j makes it %s [J14]', (purpose, fits) => {
    expect(keyFits(parsePublicJwk({ ...EC, ...purpose })!, 'ES256')).toBe(fits)
  })
})

describe('importPublicJwk', () => {
  test.each([
    ['beside its curve', { y: EC['x'] }],
    ['at the origin', { x: 'A'.repeat(43), y: 'A'.repeat(43) }],
    ['with coordinates beyond the field', { x: Buffer.alloc(32, 255).toString('base64url') }],
  ])('RFC 8725 §3.4: a point %s is no key [J16, JWT-9]', (_, change) => {
    const jwk = parsePublicJwk({ ...EC, ...change })
    expect(jwk).toBeDefined()
    expect(importPublicJwk(jwk as PublicJwk)).toBeUndefined()
  })
})

describe.skipIf(corpora === undefined)('Wycheproof keys (set CORPORA to run)', () => {
  const read = (name: string) =>
    corpora === undefined
      ? []
      : JSON.parse(readFileSync(`${corpora}/jose/wycheproof/${name}.json`, 'utf8')).testGroups
  const group = (name: string, comment: string) =>
    read(name).find((it: { comment: string }) => it.comment === comment)

  test('CVE-2017-15361: the ROCA key is refused for its fingerprint, and for nothing else [J15]', () => {
    const jwk = group('json_web_crypto_test', 'jws_rsa_roca_key').public
    expect(parsePublicJwk(jwk)).toBeUndefined()
    // The nearest odd moduli of the same length have no fingerprint, and are read.
    const modulus = BigInt(`0x${Buffer.from(jwk.n, 'base64url').toString('hex')}`)
    expect(parsePublicJwk({ ...jwk, n: encode(modulus + 2n) })).toBeDefined()
    expect(parsePublicJwk({ ...jwk, n: encode(modulus - 2n) })).toBeDefined()
  })

  test('RFC 7517 §5: of all key sets, keys of sound form can be imported and no others [J12, J14, J15, J16]', () => {
    const importable = read('json_web_key_test').flatMap((it: KeySetGroup) => {
      const set = it.public ?? it.private
      const keys = (set.keys ?? [set]).map(parsePublicJwk)
      const count = keys.filter((jwk) => jwk !== undefined && importPublicJwk(jwk)).length
      return it.tests.map(({ tcId }) => [tcId, count])
    })
    expect(importable.length).toBe(26)
    // 1: the EC key beside a symmetric one. 5 and 19 to 21: sound keys, whose `alg` or `use` is judged
    // by keyFits. The others are symmetric, ROCA, 1024 bits, e = 1, off their curve or of another type.
    expect(importable.filter(([, count]: [number, number]) => count > 0)).toEqual([
      [1, 1],
      [5, 1],
      [6, 1],
      [19, 1],
      [20, 1],
      [21, 1],
    ])
  })
})
