import {
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { CompactSign, compactVerify, importJWK } from 'jose'
import { describe, expect, test } from 'vitest'
import {
  ALGORITHM_NAMES,
  ALGORITHMS,
  type Algorithm,
  type AlgorithmName,
  isAlgorithm,
} from '../../src/jose/algorithm.ts'
import { parseCompact } from '../../src/jose/compact.ts'
import { importPublicJwk, keyFits, parsePublicJwk } from '../../src/jose/jwk.ts'
import { verifySignature } from '../../src/jose/verify.ts'

const corpora = process.env['CORPORA']
const read = (path: string) =>
  corpora === undefined ? {} : JSON.parse(readFileSync(`${corpora}/jose/${path}.json`, 'utf8'))

const PAIRS = {
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'P-521': generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  Ed25519: generateKeyPairSync('ed25519'),
  RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }),
}

function pairOf(alg: AlgorithmName): { publicKey: KeyObject; privateKey: KeyObject } {
  return PAIRS[(ALGORITHMS[alg] satisfies Algorithm).crv ?? 'RSA']
}

/** Signed by jose, an implementation that is not ours. */
async function signed(alg: AlgorithmName): Promise<{ input: string; signature: Buffer }> {
  const jws = await new CompactSign(Buffer.from('{"sub":"a"}'))
    .setProtectedHeader({ alg })
    .sign(pairOf(alg).privateKey)
  const { signingInput: input, signature } = parseCompact(jws)!
  return { input, signature }
}

/** A JWS goes the whole way: its form, its algorithm, the form of the key, whether it fits, the signature. */
function isAccepted(text: string, jwk: unknown): boolean {
  const jws = parseCompact(text)
  const alg = jws?.header['alg']
  const key = parsePublicJwk(jwk)
  if (jws === undefined || key === undefined || !isAlgorithm(alg) || !keyFits(key, alg))
    return false
  const imported = importPublicJwk(key)
  return imported !== undefined && verifySignature(alg, imported, jws.signingInput, jws.signature)
}

describe('verifySignature', () => {
  test.each(ALGORITHM_NAMES)(
    'RFC 7515 §5.2: a signature made by jose holds (%s) [J01]',
    async (alg) => {
      const { input, signature } = await signed(alg)
      expect(verifySignature(alg, pairOf(alg).publicKey, input, signature)).toBe(true)
    },
  )

  test.each(ALGORITHM_NAMES)(
    'RFC 7515 §5.2: one changed bit anywhere breaks it (%s)',
    async (alg) => {
      const { input, signature } = await signed(alg)
      const { publicKey } = pairOf(alg)
      for (let at = 0; at < signature.length; at++) {
        const changed = Buffer.from(signature)
        changed[at] = changed[at]! ^ 1
        expect(verifySignature(alg, publicKey, input, changed)).toBe(false)
      }
      for (let at = 0; at < input.length; at++) {
        const letter = input[at] === 'A' ? 'B' : 'A'
        const changed = input.slice(0, at) + letter + input.slice(at + 1)
        expect(verifySignature(alg, publicKey, changed, signature)).toBe(false)
      }
    },
  )

  test.each(ALGORITHM_NAMES)(
    'RFC 8725 §3.1: it holds under its own algorithm alone (%s) [J04, J16, J19, JWT-8]',
    async (alg) => {
      const { input, signature } = await signed(alg)
      const same = ALGORITHMS[alg]
      for (const other of ALGORITHM_NAMES) {
        const holds = verifySignature(other, pairOf(alg).publicKey, input, signature)
        expect([other, holds]).toEqual([other, ALGORITHMS[other] === same])
        if (ALGORITHMS[other] !== same && pairOf(other) !== pairOf(alg)) {
          expect(verifySignature(alg, pairOf(other).publicKey, input, signature)).toBe(false)
        }
      }
    },
  )

  test.each(ALGORITHM_NAMES)(
    'RFC 7518 §3.4, RFC 8032 §5.1.7: a signature of another length is none (%s) [J18]',
    async (alg) => {
      const { input, signature } = await signed(alg)
      const { publicKey } = pairOf(alg)
      const others = [
        Buffer.alloc(0),
        signature.subarray(1),
        signature.subarray(0, -1),
        Buffer.concat([signature, Buffer.alloc(1)]),
        Buffer.concat([Buffer.alloc(1), signature]),
        Buffer.concat([signature, signature]),
      ]
      for (const other of others) expect(verifySignature(alg, publicKey, input, other)).toBe(false)
    },
  )

  test.each(['ES256', 'ES384', 'ES512'] as const)(
    'RFC 7518 §3.4: zeros are no signature (%s) [J17]',
    (alg) => {
      const zeros = Buffer.alloc(ALGORITHMS[alg].signatureLength!)
      expect(verifySignature(alg, pairOf(alg).publicKey, 'a.b', zeros)).toBe(false)
      const ones = Buffer.from(zeros)
      ones[ones.length / 2 - 1] = 1
      ones[ones.length - 1] = 1
      expect(verifySignature(alg, pairOf(alg).publicKey, 'a.b', ones)).toBe(false)
    },
  )

  test.each(['ES256', 'ES384', 'ES512'] as const)(
    'RFC 7518 §3.4: the DER form of a good signature is refused (%s) [J18]',
    (alg) => {
      const { digest } = ALGORITHMS[alg]
      const { privateKey, publicKey } = pairOf(alg)
      // DER varies in length; sometimes it is as long as r and s side by side.
      for (let count = 0; count < 20; count++) {
        const der = sign(digest, Buffer.from('a.b'), privateKey)
        expect(verifySignature(alg, publicKey, 'a.b', der)).toBe(false)
      }
    },
  )

  test.each(['PS256', 'PS384', 'PS512'] as const)(
    'RFC 7518 §3.5: the salt is as long as the digest (%s) [J19]',
    (alg) => {
      const { digest, padding, saltLength: exact } = ALGORITHMS[alg]
      const { privateKey: key, publicKey } = PAIRS.RSA
      for (const saltLength of [0, 20, 31, 32, 33, 48, 64, 100]) {
        const signature = sign(digest, Buffer.from('a.b'), { key, padding, saltLength })
        expect(verifySignature(alg, publicKey, 'a.b', signature)).toBe(saltLength === exact)
      }
    },
  )

  test('RFC 7518 §3.1: whatever kind of key it is given, it answers and does not throw [J03, JWT-8, J12]', () => {
    const foreign = [
      PAIRS.RSA.privateKey,
      generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey,
      generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey,
      generateKeyPairSync('ed448').publicKey,
      generateKeyPairSync('x25519').publicKey,
      createSecretKey(Buffer.alloc(64)),
    ]
    for (const alg of ALGORITHM_NAMES) {
      for (const key of foreign) {
        for (const length of [0, 64, 96, 114, 132, 256]) {
          expect(verifySignature(alg, key, 'a.b', Buffer.alloc(length))).toBe(false)
        }
      }
    }
  })

  test('RFC 7518 §3.5: an RSASSA-PSS key is not used as an RSA key, even where the signature holds', () => {
    const { publicKey, privateKey: key } = generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
    const signature = sign('sha256', Buffer.from('a.b'), { key, saltLength: 32 })
    expect(verifySignature('PS256', publicKey, 'a.b', signature)).toBe(false)
  })
})

function ascending(one: number, other: number): number {
  return one - other
}

interface Vector {
  readonly tcId: number
  readonly result: 'valid' | 'invalid' | 'acceptable'
  readonly comment: string
  readonly jws: string
  readonly msg: string
  readonly sig: string
}

interface Group {
  readonly comment: string
  readonly public?: Record<string, string>
  readonly private: Record<string, string>
  readonly publicKeyJwk?: Record<string, string>
  readonly keyJwk?: Record<string, string>
  readonly publicKeyPem: string
  readonly sha: string
  readonly mgfSha: string
  readonly sLen: number
  readonly tests: readonly Vector[]
}

const wycheproof = (name: string): readonly Group[] => read(`wycheproof/${name}`).testGroups ?? []

/** A few vectors are in the JSON serialization. */
const asText = (form: unknown) => (typeof form === 'string' ? form : JSON.stringify(form))

/** What our function makes of a vector of bytes: the message stands for a signing input. */
function holds(alg: AlgorithmName, key: KeyObject, { msg, sig }: Vector): boolean {
  const input = Buffer.from(msg, 'hex').toString('latin1')
  return verifySignature(alg, key, input, Buffer.from(sig, 'hex'))
}

describe.skipIf(corpora === undefined)('vectors (set CORPORA to run)', () => {
  test('RFC 7515 Appendix A, RFC 8037 Appendix A.4, RFC 9449 §4.1: the examples [J02]', () => {
    const verdicts = read('rfc-examples')
      .vectors.filter((it: Record<string, unknown>) => it['alg'] !== undefined || it['proof'])
      .map((it: Record<string, never>) => [
        it['id'],
        isAccepted(it['token'] ?? it['proof']!, it['jwk'] ?? it['header']?.['jwk'] ?? {}),
      ])
    expect(verdicts).toEqual([
      ['rfc7515-a1', false],
      ['rfc7515-a2', true],
      ['rfc7515-a3', true],
      ['rfc7515-a4', true],
      ['rfc7515-a5', false],
      ['rfc8037-a4', true],
      ['rfc9449-proof-1', true],
      ['rfc9449-proof-2', true],
      ['rfc9449-proof-3', true],
    ])
  })

  test.each([
    ['4_1.rsa_v15_signature', 'RS256'],
    ['4_2.rsa-pss_signature', 'PS384'],
    ['4_3.ecdsa_signature', 'ES512'],
  ])('RFC 7520 §4: %s', (name, alg) => {
    const { input, output } = read(`cookbook/jws/${name}`)
    const jwk = Object.fromEntries(
      ['kty', 'kid', 'use', 'crv', 'x', 'y', 'n', 'e']
        .filter((member) => input.key[member] !== undefined)
        .map((member) => [member, input.key[member]]),
    )
    expect(parseCompact(output.compact)?.header['alg']).toBe(alg)
    expect(isAccepted(output.compact, jwk)).toBe(true)
    // The cookbook's keys are private ones, and as such refused.
    expect(isAccepted(output.compact, input.key)).toBe(false)
  })

  test('RFC 7515 §5.2: Wycheproof JWS, with jose as the measure of leniency [J02, J03, J06, J14, J17, J18, J19, J20, J21, J22]', async () => {
    const stricterThanJose: number[] = []
    const stricterThanWycheproof: number[] = []
    const wrong: number[] = []
    let count = 0
    for (const group of wycheproof('json_web_signature_test')) {
      const jwk = group.public ?? group.private
      for (const vector of group.tests) {
        count++
        const ours = isAccepted(vector.jws, jwk)
        const hint = jwk['alg'] ?? (parseCompact(vector.jws)?.header['alg'] as string)
        const theirs = await importJWK(jwk, hint)
          .then((key) => compactVerify(vector.jws, key))
          .then(
            () => true,
            () => false,
          )
        // Never more lenient than jose, and never than Wycheproof.
        if (ours && (!theirs || vector.result !== 'valid')) wrong.push(vector.tcId)
        if (!ours && theirs) stricterThanJose.push(vector.tcId)
        if (!ours && vector.result === 'valid') stricterThanWycheproof.push(vector.tcId)
      }
    }
    expect(count).toBe(401)
    expect(wrong).toEqual([])
    // Symmetric keys are refused whole, and an empty payload belongs to no JWT.
    const symmetric = [1, 348, 352, 357, 358, 359, 376, 377]
    const emptyPayload = [259, 264, 268, 272, 320, 325]
    // Labelled valid, though the key's `alg` is not the header's, or a character is to be ignored.
    const mislabelled = [346, 347, 350, 351, 372, 373]
    expect(stricterThanWycheproof.toSorted(ascending)).toEqual(
      [...symmetric, ...emptyPayload, ...mislabelled].toSorted(ascending),
    )
    // What jose accepts against Wycheproof: `use` of `enc`, and MACs over base64url that is not.
    const wrongUse = [353, 354]
    const base64 = [360, 365, 367, 368, 370, 375]
    expect(stricterThanJose.toSorted(ascending)).toEqual(
      [...symmetric, ...emptyPayload, ...wrongUse, ...base64].toSorted(ascending),
    )
  })

  test('RFC 7515 §2: Wycheproof base64, judged by form alone [J21]', () => {
    const { tests } = wycheproof('json_web_signature_test').find((it) => it.comment === 'base64')!
    const wellFormed = tests.filter(({ jws }) => parseCompact(jws) !== undefined)
    // 367 and 370 are called invalid, but are character for character the valid 357.
    expect(wellFormed.map(({ tcId }) => tcId)).toEqual([357, 358, 359, 367, 370, 376, 377])
    const same = wellFormed.filter(({ tcId }) => [357, 367, 370].includes(tcId))
    expect(new Set(same.map(({ jws }) => jws)).size).toBe(1)
  })

  test('RFC 7517 §4.2, RFC 8725 §3.4: Wycheproof JWK [J12, J14, J15, J16]', () => {
    const accepted = wycheproof('json_web_key_test').flatMap((group) => {
      const set = (group.public ?? group.private) as { keys?: readonly unknown[] }
      return group.tests
        .filter(({ jws }) => (set.keys ?? [set]).some((jwk) => isAccepted(jws, jwk)))
        .map(({ tcId }) => tcId)
    })
    // The one valid case without a symmetric key.
    expect(accepted).toEqual([5])
  })

  test.each([
    ['ES256', 'ecdsa_secp256r1_sha256_p1363_test', 262],
    ['ES384', 'ecdsa_secp384r1_sha384_p1363_test', 280],
    ['ES512', 'ecdsa_secp521r1_sha512_p1363_test', 318],
    ['Ed25519', 'ed25519_test', 151],
    ['EdDSA', 'ed25519_test', 151],
    ['PS256', 'rsa_pss_2048_sha256_mgf1_32_test', 108],
    ['PS384', 'rsa_pss_2048_sha384_mgf1_48_test', 141],
    ['PS512', 'rsa_pss_4096_sha512_mgf1_64_test', 179],
    ['RS256', 'rsa_signature_2048_sha256_test', 259],
    ['RS384', 'rsa_signature_2048_sha384_test', 258],
    ['RS512', 'rsa_signature_2048_sha512_test', 259],
  ] as const)(
    'RFC 7518 §3.4, RFC 7518 §3.5, RFC 8032 §5.1.7: %s, Wycheproof %s [J17, J18, J19, J20]',
    (alg, name, count) => {
      const vectors = wycheproof(name).flatMap((group) => {
        const jwk = group.publicKeyJwk ?? group.keyJwk
        const parsed = jwk === undefined ? undefined : parsePublicJwk({ ...jwk, kid: 'a' })
        const key =
          parsed === undefined ? createPublicKey(group.publicKeyPem) : importPublicJwk(parsed)
        return group.tests.map((vector) => ({ vector, key: key! }))
      })
      expect(vectors.length).toBe(count)
      const differing = vectors.filter(
        ({ vector, key }) => holds(alg, key, vector) !== (vector.result === 'valid'),
      )
      expect(differing.map(({ vector }) => [vector.tcId, vector.result, vector.comment])).toEqual(
        [],
      )
    },
  )

  test('RFC 7517 §5: Wycheproof crypto, whole sets of keys [J02, J12, J13, J15, J22]', () => {
    const groups = wycheproof('json_web_crypto_test').filter((it) => it.comment.startsWith('jws'))
    const vectors = groups.flatMap((group) => {
      const set = (group.public ?? group.private) as { keys?: readonly unknown[] }
      const keys = set.keys ?? [set]
      return group.tests.map((vector) => ({
        ...vector,
        ours: keys.some((jwk) => isAccepted(asText(vector.jws), jwk)),
        group: group.comment,
      }))
    })
    expect(vectors.length).toBe(49)
    expect(vectors.filter(({ ours, result }) => ours && result !== 'valid')).toEqual([])
    // Symmetric keys are refused whole, alone and in a set.
    const refused = vectors.filter(({ ours, result }) => !ours && result === 'valid')
    expect(refused.map(({ group }) => group).filter((group) => group !== 'jws_aes')).toEqual([
      'jws_keyset',
    ])
  })

  test('RFC 8725 §3.2: of Wycheproof’s HMAC-SHA-256 tags none passes for a signature [J03]', () => {
    const vectors = wycheproof('hmac_sha256_test').flatMap(({ tests }) => tests)
    expect(vectors.length).toBe(174)
    for (const { key, tag, msg } of vectors as unknown as Record<string, string>[]) {
      const secret = createSecretKey(Buffer.from(key!, 'hex'))
      const payload = Buffer.from(msg!, 'hex').toString('base64url')
      const header = Buffer.from('{"alg":"HS256"}').toString('base64url')
      const mac = Buffer.from(tag!, 'hex')
      const jws = `${header}.${payload}.${mac.toString('base64url')}`
      expect(isAccepted(jws, secret.export({ format: 'jwk' }))).toBe(false)
      const input = Buffer.from(msg!, 'hex').toString('latin1')
      for (const alg of ALGORITHM_NAMES) {
        expect(verifySignature(alg, secret, input, mac)).toBe(false)
      }
    }
  })

  test('RFC 7518 §6.2.1: of Wycheproof’s curves three are known, by their JOSE names [J16]', () => {
    const [{ tests: curves }] = wycheproof('ec_prime_order_curves_test') as unknown as [
      { tests: { name: string; gx: string; gy: string }[] },
    ]
    const jose: Record<string, string> = {
      secp256r1: 'P-256',
      secp384r1: 'P-384',
      secp521r1: 'P-521',
    }
    const short = (hex: string) => Buffer.from(hex.replace(/^(00)+/, ''), 'hex')
    const known = curves.filter(({ name, gx, gy }) => {
      const names = ['P-256', 'P-384', 'P-521', name]
      const sized = (hex: string, size: number) => {
        const bytes = short(hex)
        return Buffer.concat([Buffer.alloc(Math.max(0, size - bytes.length)), bytes])
      }
      const sizes = [32, 48, 66, short(gx).length]
      const found = names.filter((crv, i) => {
        const [x, y] = [gx, gy].map((hex) => sized(hex, sizes[i]!).toString('base64url'))
        const jwk = parsePublicJwk({ kty: 'EC', crv, x, y })
        return jwk !== undefined && importPublicJwk(jwk) !== undefined
      })
      expect(found).toEqual(jose[name] === undefined ? [] : [jose[name]])
      return found.length > 0
    })
    expect(curves.length).toBe(26)
    expect(known.map(({ name }) => name)).toEqual(Object.keys(jose))
  })

  test('RFC 8037 Appendix A.4, RFC 9864 §2.2: the cookbook’s Ed25519 signature holds [J01]', () => {
    const { input, output } = read('cookbook/curve25519/jws')
    const { d: _, ...jwk } = input.key
    expect(isAccepted(output.compact, jwk)).toBe(true)
    expect(isAccepted(output.compact, input.key)).toBe(false)
  })

  test('RFC 7520 §4.4 to §4.8, §5, §6, RFC 7797 §4: what is no public-key JWS in compact form is refused [J03, J22, J25, J26]', () => {
    const files = globSync(`${corpora}/jose/cookbook/**/*.json`)
      .map((path) => path.slice(`${corpora}/jose/`.length, -'.json'.length))
      .filter((name) => !/jwk|jws\/4_[123]|curve25519\/jws/.test(name))
    expect(files.length).toBe(22)
    for (const file of files) {
      const { input, output, encrypt } = read(file)
      const texts = Object.values(output ?? encrypt.output ?? encrypt).map(asText)
      const keys = [input?.key, ...(Array.isArray(input?.key) ? input.key : [])]
      for (const text of texts) for (const key of keys) expect(isAccepted(text, key)).toBe(false)
      // The one compact JWS among them is a MAC: of that its form is read, and no key is one for it.
      const wellFormed = texts.filter((text) => parseCompact(text) !== undefined)
      expect(wellFormed.length).toBe(file.includes('4_4') ? 1 : 0)
    }
  })

  test('RFC 7516 §3.1: of Wycheproof’s JWE none is taken for a JWS [J26]', () => {
    const names = ['json_web_encryption_test', 'json_web_crypto_test']
    const texts = names
      .flatMap(wycheproof)
      .flatMap(({ tests }) => tests as unknown as { jwe?: string }[])
      .flatMap(({ jwe }) => (jwe === undefined ? [] : [asText(jwe)]))
    expect(texts.length).toBe(139 + 34)
    expect(texts.filter((text) => parseCompact(text) !== undefined)).toEqual([])
  })

  test('RFC 7518 §3.4: of 484 ECDSA signatures in DER, Wycheproof’s valid ones included, none holds [J18]', () => {
    const accepted = wycheproof('ecdsa_secp256r1_sha256_test').flatMap((group) => {
      const key = createPublicKey(group.publicKeyPem)
      return group.tests.filter((vector) => holds('ES256', key, vector))
    })
    expect(accepted).toEqual([])
  })

  test('RFC 8032 §5.1: of Wycheproof’s Ed448 signatures none holds', () => {
    const accepted = wycheproof('ed448_test').flatMap((group) => {
      expect(parsePublicJwk(group.publicKeyJwk)).toBeUndefined()
      const key = createPublicKey(group.publicKeyPem)
      return group.tests.filter(
        (vector) => holds('EdDSA', key, vector) || holds('Ed25519', key, vector),
      )
    })
    expect(accepted).toEqual([])
  })

  test('RFC 7518 §3.5: Wycheproof PSS with other digests, masks and salts [J19]', () => {
    const groups = wycheproof('rsa_pss_misc_test')
    expect(groups.length).toBe(150)
    for (const { publicKeyPem, sha, mgfSha, sLen, tests } of groups) {
      const key = createPublicKey(publicKeyPem)
      for (const alg of ['PS256', 'PS384', 'PS512'] as const) {
        const bits = alg.slice(2)
        const own = sha === `SHA-${bits}` && mgfSha === sha && sLen === Number(bits) / 8
        for (const vector of tests) expect(holds(alg, key, vector)).toBe(own)
      }
    }
  })
})
