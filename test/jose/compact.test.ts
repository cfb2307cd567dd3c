import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { looksLikeJwt, parseCompact, resemblesJwt } from '../../src/jose/compact.ts'

function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}

const HEADER = '{"typ":"at+jwt","alg":"ES256","kid":"1"}'
const PAYLOAD = '{"iss":"https://issuer.example","exp":1}'
const SIGNATURE = Buffer.alloc(64, 7).toString('base64url')

function compact(header: string, payload = PAYLOAD): string {
  return `${encode(header)}.${encode(payload)}.${SIGNATURE}`
}

const HONEST = compact(HEADER)

describe('parseCompact', () => {
  test('RFC 7515 §7.1: three segments are read [J01]', () => {
    expect(parseCompact(HONEST)).toEqual({
      header: { typ: 'at+jwt', alg: 'ES256', kid: '1' },
      payload: Buffer.from(PAYLOAD),
      signature: Buffer.alloc(64, 7),
      signingInput: HONEST.slice(0, HONEST.lastIndexOf('.')),
    })
  })

  test('RFC 7515 §5.2: the signing input is the text as it came', () => {
    const spaced = compact('{ "alg" :"ES256"\n}', ' {}\r\n')
    const jws = parseCompact(spaced)!
    expect(`${jws.signingInput}.${SIGNATURE}`).toBe(spaced)
    expect(jws.payload.toString()).toBe(' {}\r\n')
  })

  test('RFC 7515 §7.1: the payload is bytes, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
        const text = `${encode(HEADER)}.${Buffer.from(bytes).toString('base64url')}.${SIGNATURE}`
        expect(parseCompact(text)?.payload).toEqual(Buffer.from(bytes))
      }),
    )
  })

  const [header, payload, signature] = HONEST.split('.')
  test.each([
    ['nothing', ''],
    ['a dot', '.'],
    ['two dots', '..'],
    ['one segment', header],
    ['two segments', `${header}.${payload}`],
    ['four segments', `${HONEST}.${signature}`],
    ['five segments, as a JWE has', `${HONEST}.${payload}.${signature}`],
    ['six segments', `${HONEST}.a.a.a`],
    ['a dot at the end', `${HONEST}.`],
    ['a dot at the beginning', `.${HONEST}`],
    ['an empty header', `.${payload}.${signature}`],
    ['an empty payload', `${header}..${signature}`],
    ['an empty signature', `${header}.${payload}.`],
    ['ten thousand dots', '.'.repeat(10_000)],
    ['ten thousand segments', 'e30.'.repeat(3333)],
    ['the flattened JSON serialization', JSON.stringify({ protected: header, payload, signature })],
    [
      'the general JSON serialization',
      JSON.stringify({ payload, signatures: [{ protected: header, signature }] }),
    ],
  ])('RFC 7515 §7.1: %s is refused [J22]', (_, text) => {
    expect(parseCompact(text!)).toBeUndefined()
  })

  test.each([
    ['padding', (segment: string) => `${segment}=`],
    ['a line feed', (segment: string) => `${segment}\n`],
    ['a space inside', (segment: string) => `${segment.slice(0, 4)} ${segment.slice(4)}`],
    ['a foreign letter', (segment: string) => `${segment.slice(0, -1)}\u00e9`],
    ['a plus sign', (segment: string) => `+${segment.slice(1)}`],
    ['a slash', (segment: string) => `/${segment.slice(1)}`],
  ])('RFC 7515 §2: %s in any segment is refused [J21]', (_, change) => {
    for (const at of [0, 1, 2]) {
      const segments = HONEST.split('.')
      segments[at] = change(segments[at]!)
      expect(parseCompact(segments.join('.'))).toBeUndefined()
    }
  })

  test('RFC 7515 §2: set spare bits in any segment are refused [J21]', () => {
    for (const at of [0, 1, 2]) {
      // One byte is two characters, the second with four spare bits.
      const segments = [encode('{"alg":1}  '.slice(0, 10)), 'AA', 'AA']
      expect(parseCompact(segments.join('.'))).toBeDefined()
      segments[at] =
        segments[at]!.slice(0, -1) +
        String.fromCharCode(segments[at]!.charCodeAt(segments[at]!.length - 1) + 1)
      expect(Buffer.from(segments[at]!, 'base64url').length).toBeGreaterThan(0)
      expect(parseCompact(segments.join('.'))).toBeUndefined()
    }
  })

  test.each([
    ['[]'],
    ['"x"'],
    ['1'],
    ['null'],
    [''],
    [' '],
    ['{'],
    ['\ufeff{"alg":"ES256"}'],
    ['{"alg":"ES256"} x'],
    ['{"alg":"none","alg":"ES256"}'],
    ['{"alg":"ES256","\\u0061lg":"none"}'],
    ['{"alg":"ES256","x":1e999}'],
    [`{"a":${'['.repeat(5000)}`],
  ])('RFC 7515 §4: the header %.40j is refused [J23, J34, J36]', (text) => {
    expect(parseCompact(compact(text))).toBeUndefined()
  })

  test.each([
    ['crit of nothing', '"crit":[]'],
    ['crit of an unknown name', '"crit":["x"],"x":1'],
    ['crit of a registered name', '"crit":["alg"]'],
    ['crit that is no array', '"crit":"exp"'],
    ['crit that is null', '"crit":null'],
    ['b64 with crit', '"b64":false,"crit":["b64"]'],
  ])('RFC 7515 §4.1.11: %s is refused [J24, JWT-10]', (_, member) => {
    expect(parseCompact(compact(`{"alg":"ES256",${member}}`))).toBeUndefined()
  })

  test.each(['"b64":false', '"b64":true', '"b64":null'])(
    'RFC 7797 §3: %s is refused without crit too [J25, JWT-10]',
    (member) => {
      expect(parseCompact(compact(`{"alg":"ES256",${member}}`))).toBeUndefined()
    },
  )

  test.each(['"zip":"DEF"', '"enc":"A256GCM"', '"zip":null'])(
    'RFC 7516 §4.1: %s is refused [J26, JWT-15]',
    (member) => {
      expect(parseCompact(compact(`{"alg":"ES256",${member}}`))).toBeUndefined()
    },
  )

  test('RFC 7515 §4: other parameters are read and mean nothing here', () => {
    const jws = parseCompact(compact('{"alg":"none","jku":"https://evil.example","x":{"crit":[]}}'))
    expect(jws?.header).toEqual({ alg: 'none', jku: 'https://evil.example', x: { crit: [] } })
  })

  test('a text of 16384 characters is read, and a longer one is not [J37]', () => {
    const fill = 16384 - HONEST.length - 1
    const exact = `${header}.${payload}${'A'.repeat(fill - (fill % 4))}.${signature}`
    expect(exact.length).toBeGreaterThan(16376)
    expect(exact.length).toBeLessThanOrEqual(16384)
    expect(parseCompact(exact)).toBeDefined()
    expect(looksLikeJwt(exact)).toBe(true)
    const longer = `${header}.${payload}${'A'.repeat(fill - (fill % 4) + 8)}.${signature}`
    expect(longer.length).toBeGreaterThan(16384)
    expect(parseCompact(longer)).toBeUndefined()
    expect(looksLikeJwt(longer)).toBe(false)
  })

  test('of all changes to one character, none yields the same token [J21, J46]', () => {
    const honest = parseCompact(HONEST)!
    fc.assert(
      fc.property(
        fc.nat(HONEST.length - 1),
        fc.constantFrom(...'AZaz09-_.=+/ \n\u00e9'),
        (at, character) => {
          fc.pre(HONEST[at] !== character)
          const changed = HONEST.slice(0, at) + character + HONEST.slice(at + 1)
          expect(parseCompact(changed)).not.toEqual(honest)
          const other = parseCompact(changed)
          if (other !== undefined && other.signingInput === honest.signingInput) {
            expect(other.signature.equals(honest.signature)).toBe(false)
          }
        },
      ),
      { numRuns: 1000 },
    )
  })
})

describe('looksLikeJwt', () => {
  test.each([
    HONEST,
    compact('{"alg":"none"}'),
    compact('{"alg":1,"crit":[]}'),
    `${encode('{"alg":"none"}')}.e30.`,
  ])('RFC 7515 §7.1: %.30s… has the form', (text) => {
    expect(looksLikeJwt(text)).toBe(true)
  })

  test.each([
    '',
    'opaque',
    'a.b.c',
    'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU',
    compact('{"typ":"at+jwt"}'),
    compact('[]'),
    `${HONEST}.x`,
    `${HONEST}\n`,
    '..',
  ])('RFC 7515 §7.1: %.30j has not', (text) => {
    expect(looksLikeJwt(text)).toBe(false)
  })
})

describe('resemblesJwt', () => {
  test.each([
    HONEST,
    `${HONEST}==`,
    `~${HONEST}`,
    HONEST.replace('.', '==.'),
    `${Buffer.from(' {"typ":"??>", "alg" : 1}').toString('base64')}.x`,
    `${encode('{"enc":"A256GCM"}')}....`,
    encode('{"alg":"none"'),
  ])('RFC 7515 §5.2: %.30s… might be taken for one', (text) => {
    expect(resemblesJwt(text)).toBe(true)
  })

  test.each([
    '',
    'opaque',
    'a.b.c',
    'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU',
    encode('{"typ":"at+jwt"}'),
    encode('["alg"]'),
    `opaque.${HONEST}`,
  ])('RFC 7515 §5.2: %.30j might not', (text) => {
    expect(resemblesJwt(text)).toBe(false)
  })
})
