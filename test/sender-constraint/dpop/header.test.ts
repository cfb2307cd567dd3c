import { createHash, createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { calculateJwkThumbprint, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { ALGORITHM_NAMES, type AlgorithmName } from '../../../src/jose/algorithm.ts'
import { checkFreshness } from '../../../src/sender-constraint/dpop/freshness.ts'
import { parseSignedProof } from '../../../src/sender-constraint/dpop/header.ts'
import { Nonces } from '../../../src/sender-constraint/dpop/nonce.ts'
import { checkProofClaims } from '../../../src/sender-constraint/dpop/proof.ts'
import { createKeyPair, type KeyPair, signCompact } from '../../support/compact-signing.ts'
import { NOW } from '../../support/issuer.ts'

const corpora = process.env['CORPORA']
const ACCEPTED: readonly AlgorithmName[] = ['PS256', 'ES256', 'EdDSA', 'Ed25519']
const PAIRS: Readonly<Record<string, KeyPair>> = {
  ES256: createKeyPair('ES256'),
  ES384: createKeyPair('ES384'),
  PS256: createKeyPair('PS256'),
  EdDSA: createKeyPair('EdDSA'),
}
const other = createKeyPair('ES256')
const CLAIMS = { jti: 'jti', htm: 'GET', htu: 'https://rs.example/', iat: NOW, ath: 'ath' }

const jwkOf = (name: string) => PAIRS[name]!.publicKey.export({ format: 'jwk' })
const privateJwkOf = (name: string) => PAIRS[name]!.privateKey.export({ format: 'jwk' })

/** A proof whose header is changed and whose signature is made over the changed one. */
function proofWith(
  header: object,
  name: AlgorithmName = 'ES256',
  { privateKey }: KeyPair = PAIRS[name]!,
  claims: unknown = CLAIMS,
): string {
  const honest = { typ: 'dpop+jwt', alg: name, jwk: jwkOf(name) }
  return signCompact({ ...honest, ...header }, claims, name, privateKey)
}

const read = (proof: string, keys = new Map(), algorithms = ACCEPTED) =>
  parseSignedProof(['Host', 'rs.example', 'DPoP', proof], algorithms, keys)
const refused = (verdict: unknown, reason: string) =>
  expect(verdict).toMatchObject({ error: 'invalid_dpop_proof', reason })

const honest = proofWith({})

describe('parseSignedProof', () => {
  test.each([
    ['ES256', 'ES256'],
    ['PS256', 'PS256'],
    ['EdDSA', 'EdDSA'],
    ['Ed25519', 'EdDSA'],
  ] as const)('RFC 9449 §4.3 (6): a proof that jose made is read (%s) [D01]', async (alg, pair) => {
    const jwk = jwkOf(pair)
    const proof = await new SignJWT(CLAIMS)
      .setProtectedHeader({ typ: 'dpop+jwt', alg, jwk: jwk as never })
      .sign(PAIRS[pair]!.privateKey)
    expect(read(proof)).toMatchObject({
      claims: CLAIMS,
      keyThumbprint: await calculateJwkThumbprint(jwk as never, 'sha256'),
    })
  })

  test.each(['DPoP', 'dpop', 'DPOP'])(
    'RFC 9449 §4.1: the field may be called %s [DPOP-4.1-1]',
    (name) => {
      const verdict = parseSignedProof([name, honest], ACCEPTED, new Map())
      expect(verdict).toMatchObject({ claims: CLAIMS })
    },
  )

  test('RFC 9449 §4.2: members beyond those of a proof are passed over [DPOP-4.2-2]', () => {
    expect(read(proofWith({ kid: 'other', x5c: ['AA'], more: {} }))).toMatchObject({
      claims: CLAIMS,
    })
  })

  test('RFC 7638 §3: nor do more members of the key make another of it [D21]', async () => {
    const verdict = read(proofWith({ jwk: { kid: '1', zzz: 1, ...jwkOf('ES256') } }))
    const keyThumbprint = await calculateJwkThumbprint(jwkOf('ES256') as never, 'sha256')
    expect(verdict).toMatchObject({ keyThumbprint })
  })

  test.each([
    ['another', [honest, proofWith({})]],
    ['the same', [honest, honest]],
    ['an empty one', ['', honest]],
  ])('RFC 9449 §4.3 (1): two fields are refused (%s) [D03, DPOP-4.3-1]', (_title, proofs) => {
    const fields = proofs.flatMap((proof, index) => [index === 0 ? 'DPoP' : 'dpop', proof])
    expect(parseSignedProof(fields, ACCEPTED, new Map())).toMatchObject({
      error: 'invalid_request',
      reason: 'dpop_proof_several',
    })
  })

  test('RFC 9449 §7.1: no field is refused [D02, DPOP-7.1-4]', () => {
    refused(parseSignedProof(['DPoP_', honest], ACCEPTED, new Map()), 'dpop_proof_missing')
  })

  test('RFC 9449 §7.1: nor is an empty one a proof [D02]', () => {
    refused(read(''), 'dpop_proof_missing')
  })

  test.each([
    ['two joined by a comma', `${honest}, ${honest}`],
    ['two joined by a comma alone', `${honest},${honest}`],
    ['two segments', honest.split('.').slice(0, 2).join('.')],
    ['four segments', `${honest}.abc`],
    ['no signature', honest.replace(/[^.]*$/, '')],
    ['white space', ' '],
    ['a scheme in front', `DPoP ${honest}`],
    ['padding', `${honest}=`],
    ['crit', proofWith({ crit: ['typ'] })],
    ['b64', proofWith({ b64: false })],
    ['zip', proofWith({ zip: 'DEF' })],
    [
      'a header that is no object',
      signCompact('null', CLAIMS, 'ES256', PAIRS['ES256']!.privateKey),
    ],
  ])(
    'RFC 9449 §4.3 (2): what is not one well-formed JWT is refused (%s) [D03, DPOP-4.3-2]',
    (_title, proof) => {
      refused(read(proof), 'dpop_proof_malformed')
    },
  )

  test('RFC 9449 §4.3 (2): a proof of more than 8 KiB is not read [D28]', () => {
    const sized = (length: number) => {
      const noted = (note: number) =>
        proofWith({}, 'ES256', PAIRS['ES256'], { ...CLAIMS, note: 'x'.repeat(note) })
      let note = Math.floor(((length - noted(0).length) * 3) / 4)
      while (noted(note).length < length) note += 1
      return noted(note)
    }
    const atLimit = sized(8190)
    expect(atLimit.length).toBeLessThanOrEqual(8192)
    expect(read(atLimit)).toMatchObject({ claims: { jti: 'jti' } })
    refused(read(sized(8193)), 'dpop_proof_too_long')
    refused(read('x'.repeat(100_000)), 'dpop_proof_too_long')
  })

  test.each([
    ['an array', '[]'],
    ['null', 'null'],
    ['jti twice', '{"jti":"a","jti":"b"}'],
    ['no JSON', '{'],
  ])('RFC 9449 §4.3 (2): claims that are %s are refused [DPOP-4.3-2]', (_title, claims) => {
    refused(read(proofWith({}, 'ES256', PAIRS['ES256'], claims)), 'dpop_claims_malformed')
  })

  test.each([
    undefined,
    null,
    '',
    'JWT',
    'at+jwt',
    'DPOP+JWT',
    'dpop+jwt+wrongyousee',
    'application/dpop+jwt ',
    ['dpop+jwt'],
  ])('RFC 9449 §4.3 (4): the type %j is refused [D04, DPOP-4.3-4]', (typ) => {
    refused(read(proofWith({ typ })), 'dpop_typ')
  })

  test.each([undefined, null, '', 'none', 'None', 'HS256', 'es256', 'RS256', 'ES384', 'ES256 ', 5])(
    'RFC 9449 §4.3 (5): the algorithm %j is refused [D04, DPOP-4.3-5]',
    (alg) => {
      refused(read(proofWith({ alg })), 'dpop_alg_not_allowed')
    },
  )

  test.each(ALGORITHM_NAMES.filter((name) => !ACCEPTED.includes(name)))(
    'FAPI 2.0 SP §5.4.1: %s is refused, though key and signature are sound [D04, DPOP-4.3-5]',
    (name) => {
      const pair = PAIRS[name] ?? createKeyPair(name)
      const jwk = pair.publicKey.export({ format: 'jwk' })
      const header = { typ: 'dpop+jwt', alg: name, jwk }
      const proof = signCompact(header, CLAIMS, name, pair.privateKey)
      refused(read(proof), 'dpop_alg_not_allowed')
      expect(read(proof, new Map(), [name])).toMatchObject({ claims: CLAIMS })
    },
  )

  test('RFC 9449 §4.3 (5): a MAC is refused [D04]', () => {
    const jwk = { kty: 'oct', k: Buffer.alloc(32, 1).toString('base64url') }
    const input = proofWith({ alg: 'HS256', jwk }).split('.').slice(0, 2).join('.')
    const mac = createHmac('sha256', Buffer.alloc(32, 1)).update(input).digest('base64url')
    refused(read(`${input}.${mac}`), 'dpop_alg_not_allowed')
  })

  test.each([
    ['the private part of an EC key', privateJwkOf('ES256'), 'ES256'],
    ['d alone', { ...jwkOf('ES256'), d: 'AA' }, 'ES256'],
    ['d that is null', { ...jwkOf('ES256'), d: null }, 'ES256'],
    ['the private part of an Ed25519 key', privateJwkOf('EdDSA'), 'EdDSA'],
    ['the private part of an RSA key', privateJwkOf('PS256'), 'PS256'],
    ['p alone', { ...jwkOf('PS256'), p: 'AQ' }, 'PS256'],
    ['q alone', { ...jwkOf('PS256'), q: 'AQ' }, 'PS256'],
    ['dp alone', { ...jwkOf('PS256'), dp: 'AQ' }, 'PS256'],
    ['dq alone', { ...jwkOf('PS256'), dq: 'AQ' }, 'PS256'],
    ['qi alone', { ...jwkOf('PS256'), qi: 'AQ' }, 'PS256'],
    ['oth alone', { ...jwkOf('PS256'), oth: [] }, 'PS256'],
    ['k alone', { ...jwkOf('ES256'), k: 'AQ' }, 'ES256'],
  ] as const)(
    'CWE-345, RFC 9449 §4.3 (7): a key with %s is refused [D05, DPOP-4.3-7, PF-32]',
    (_title, jwk, name) => {
      refused(read(proofWith({ jwk }, name)), 'dpop_jwk_invalid')
    },
  )

  test.each([
    ['absent', undefined],
    ['null', null],
    ['a string', 'key'],
    ['an array', [jwkOf('ES256')]],
    ['empty', {}],
    ['symmetric', { kty: 'oct', k: 'AA' }],
    ['of another type', jwkOf('PS256')],
    ['of another curve', jwkOf('ES384')],
    ['without y', { ...jwkOf('ES256'), y: undefined }],
    ['with a padded x', { ...jwkOf('ES256'), x: `${jwkOf('ES256').x}=` }],
    ['with a longer x', { ...jwkOf('ES256'), x: Buffer.alloc(33).toString('base64url') }],
    ['for encryption', { ...jwkOf('ES256'), use: 'enc' }],
    ['for signing alone', { ...jwkOf('ES256'), key_ops: ['sign'] }],
    ['for another algorithm', { ...jwkOf('ES256'), alg: 'ES384' }],
  ])('RFC 9449 §4.3 (6): a key that is %s is refused [D06, DPOP-4.3-6]', (_title, jwk) => {
    refused(read(proofWith({ jwk })), 'dpop_jwk_invalid')
  })

  test.each([
    ['of 1024 bits', Buffer.alloc(128, 0xff), 'AQAB'],
    ['of 4104 bits', Buffer.alloc(513, 0xff), 'AQAB'],
    ['of 16384 bits', Buffer.alloc(2048, 0xff), 'AQAB'],
    ['with the exponent 1', undefined, 'AQ'],
    ['with the exponent 3', undefined, 'Aw'],
  ])('FAPI 2.0 SP §5.4.1: an RSA key %s is refused [D06, DPOP-4.3-6]', (_title, modulus, e) => {
    const jwk = { ...jwkOf('PS256'), e, ...(modulus && { n: modulus.toString('base64url') }) }
    refused(read(proofWith({ jwk }, 'PS256')), 'dpop_jwk_invalid')
  })

  test('FAPI 2.0 SP §5.4.1: an RSA key of 4096 bits is not too long', () => {
    const jwk = { ...jwkOf('PS256'), n: Buffer.alloc(512, 0xff).toString('base64url') }
    refused(read(proofWith({ jwk }, 'PS256')), 'dpop_signature_invalid')
  })

  test('RFC 9449 §4.3 (6): a point that is not on its curve is no key [D06, DPOP-4.3-6]', () => {
    const jwk = { ...jwkOf('ES256'), y: Buffer.alloc(32, 1).toString('base64url') }
    refused(read(proofWith({ jwk })), 'dpop_jwk_not_a_key')
  })

  test.each([
    ['of another key', proofWith({}, 'ES256', other)],
    ['of nothing (r = s = 0)', honest.replace(/[^.]*$/, 'A'.repeat(86))],
    ['of other claims', honest.replace(/[^.]*$/, proofWith({ a: 1 }).split('.')[2]!)],
    ['cut off', honest.replace(/[^.]*$/, (signature) => signature.slice(0, 84))],
    ['by another algorithm', proofWith({ alg: 'PS256', jwk: jwkOf('PS256') })],
  ])('RFC 9449 §4.3 (6): a signature %s is refused [DPOP-4.3-6]', (_title, proof) => {
    refused(read(proof), 'dpop_signature_invalid')
  })

  test('RFC 9449 §4.3 (6): a key that is remembered is used, and its signature verified all the same [DPOP-4.3-6]', () => {
    const first = read(honest)
    if (!('key' in first)) throw new Error(first.reason)
    const keys = new Map([[first.keyThumbprint, first.key]])
    expect(read(proofWith({}), keys)).toMatchObject({ key: first.key })
    refused(read(proofWith({}, 'ES256', other), keys), 'dpop_signature_invalid')
    refused(read(proofWith({ jwk: privateJwkOf('ES256') }), keys), 'dpop_jwk_invalid')
  })

  test('RFC 9449 §4.3 (6): a key of another kind under that thumbprint does not verify', () => {
    const first = read(honest)
    if (!('key' in first)) throw new Error(first.reason)
    const keys = new Map([[first.keyThumbprint, PAIRS['PS256']!.publicKey]])
    refused(read(honest, keys), 'dpop_signature_invalid')
  })

  test('RFC 9449 §4.3: reading a proof remembers nothing', () => {
    const keys = new Map()
    read(honest, keys)
    read(proofWith({}, 'ES256', other), keys)
    expect(keys.size).toBe(0)
  })
})

describe.skipIf(corpora === undefined)('the proofs of RFC 9449 (set CORPORA to run)', () => {
  interface Example {
    readonly id: string
    readonly proof: string
    readonly jkt: string
    readonly claims: { readonly iat: number; readonly htm: string; readonly htu: string }
    readonly access_token?: string
  }
  const examples: Example[] =
    corpora === undefined
      ? []
      : JSON.parse(readFileSync(`${corpora}/jose/rfc-examples.json`, 'utf8')).vectors.filter(
          ({ id }: Example) => id.startsWith('rfc9449-proof'),
        )

  test('RFC 9449 §4.1, §6.1, §7.1: signature, jkt and ath are as printed, and the proofs old [D01]', () => {
    expect(examples).toHaveLength(3)
    for (const { id, proof, jkt, claims, access_token: token } of examples) {
      const signed = read(proof)
      expect(signed).toMatchObject({ keyThumbprint: jkt, claims })
      if (!('key' in signed)) throw new Error(signed.reason)
      const accessTokenHash = createHash('sha256')
        .update(token ?? '')
        .digest('base64url')
      const expected = { method: claims.htm, targetUri: claims.htu, accessTokenHash }
      const verdict = checkProofClaims(signed, expected)
      // The first two were made for the token endpoint, and have no ath.
      if (token === undefined) {
        expect([id, verdict]).toMatchObject([id, { reason: 'dpop_ath_mismatch' }])
        continue
      }
      expect(accessTokenHash).toBe('fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo')
      if (!('jti' in verdict)) throw new Error(verdict.reason)
      const policy = { nonce: 'off', maxAge: 60, futureSkew: 10, since: 0 } as const
      const nonces = new Nonces([Buffer.alloc(32)], 60)
      expect(checkFreshness(verdict, policy, nonces, NOW)).toMatchObject({
        reason: 'dpop_iat_out_of_window',
      })
      expect(checkFreshness(verdict, policy, nonces, claims.iat)).toBeUndefined()
    }
  })
})
