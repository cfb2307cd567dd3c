import { describe, expect, test } from 'vitest'
import { parseEncryptionHint } from '../../src/jose/compact-encryption.ts'

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const HEADER = { alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: 'one' }
const token = (header: unknown = HEADER, rest = ['AAAA', 'AAAA', 'AAAA', 'AAAA']) =>
  [typeof header === 'string' ? header : encode(header), ...rest].join('.')

describe('RFC 7516 §7.1: five segments with a header', () => {
  test('are read', () => {
    expect(parseEncryptionHint(token())).toEqual(HEADER)
  })

  test('need no kid, and may have an empty key (RFC 7518 §4.6)', () => {
    const { kid: _, ...header } = HEADER
    expect(parseEncryptionHint(token(header, ['', 'AAAA', 'AAAA', 'AAAA']))).toEqual({
      ...header,
      kid: undefined,
    })
  })

  test.each<[string, string]>([
    ['three segments', token(HEADER, ['AAAA', 'AAAA'])],
    ['six', token(HEADER, ['AAAA', 'AAAA', 'AAAA', 'AAAA', 'AAAA'])],
    ['nothing before the first dot', token('', ['A', 'A', 'A', 'A'])],
    ['padding', token(HEADER, ['AA==', 'AAAA', 'AAAA', 'AAAA'])],
    ['bits that belong to no byte', token(HEADER, ['AAAA', 'AB', 'AAAA', 'AAAA'])],
    ['a header that is no JSON', token(encode(HEADER).slice(4))],
    [
      'a header that says a thing twice',
      token(Buffer.from('{"alg":"a","alg":"a","enc":"e"}').toString('base64url')),
    ],
    ['no alg', token({ enc: 'A256GCM' })],
    ['an enc that is no text', token({ ...HEADER, enc: 1 })],
    ['a kid that is no text', token({ ...HEADER, kid: {} })],
    ['a kid without end', token({ ...HEADER, kid: 'k'.repeat(257) })],
    ['RFC 7516 §4.1.3: compression [JWT-15, J26]', token({ ...HEADER, zip: 'DEF' })],
    ['RFC 7516 §4.1.13: extensions', token({ ...HEADER, crit: ['exp'] })],
    ['more than any token has', token(HEADER, ['A'.repeat(17_000), 'AAAA', 'AAAA', 'AAAA'])],
  ])('%s: no', (_, text) => {
    expect(parseEncryptionHint(text)).toBeUndefined()
  })
})
