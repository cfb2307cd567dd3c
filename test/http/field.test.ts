import { describe, expect, test } from 'vitest'
import {
  fieldLines,
  isFieldName,
  isToken68,
  parseListTokens,
  SEVERAL,
  soleField,
  trimBlanks,
} from '../../src/http/field.ts'

const RAW = [
  'Host',
  'a',
  'DPoP',
  'one',
  'X-DPoP',
  'no',
  'dpop',
  'two',
  'Accept',
  '',
  'DPOP',
  'three',
]

describe('fieldLines', () => {
  test('RFC 9110 §5.1, RFC 9449 §4.3 (1): all lines of a name, in any case, in their order', () => {
    expect(fieldLines(RAW, 'dpop')).toEqual(['one', 'two', 'three'])
    expect(fieldLines(RAW, 'accept')).toEqual([''])
    expect(fieldLines(RAW, 'cookie')).toEqual([])
  })

  test('a value is never taken for a name', () => {
    expect(fieldLines(['X-A', 'dpop', 'X-B', 'c'], 'dpop')).toEqual([])
  })
})

describe('soleField', () => {
  test('RFC 9110 §5.1: the one line of a name, in any case', () => {
    expect(soleField(['Authorization', 'DPoP x'], 'authorization')).toBe('DPoP x')
    expect(soleField(['AUTHORIZATION', 'DPoP x'], 'authorization')).toBe('DPoP x')
    expect(soleField(['Authorization', ''], 'authorization')).toBe('')
  })

  test('a field that did not come is undefined', () => {
    expect(soleField([], 'authorization')).toBeUndefined()
    expect(
      soleField(['Authorization2', 'x', 'X', 'authorization'], 'authorization'),
    ).toBeUndefined()
  })

  test.each([
    ['different', ['Authorization', 'Bearer a', 'Authorization', 'DPoP b']],
    ['equal', ['Authorization', 'Bearer a', 'Authorization', 'Bearer a']],
    ['in two cases', ['Authorization', 'Bearer a', 'authorization', 'Bearer b']],
    ['far apart', ['authorization', 'Bearer a', 'Host', 'x', 'AUTHORIZATION', 'Bearer b']],
    ['and empty', ['Authorization', '', 'Authorization', '']],
  ])('RFC 9110 §5.3: two lines are several, when they are %s [J39]', (_, raw) => {
    expect(soleField(raw, 'authorization')).toBe(SEVERAL)
  })

  test('a comma in the one value does not make it several', () => {
    expect(soleField(['DPoP', 'a, b'], 'dpop')).toBe('a, b')
  })

  test('H22: names of the language’s own objects are names like any other [H22]', () => {
    expect(soleField(['__proto__', 'x'], '__proto__')).toBe('x')
    expect(soleField(['Host', 'x'], 'constructor')).toBeUndefined()
  })
})

describe('isToken68', () => {
  test.each(['a', 'mF_9.B5f-4.1JqM', 'a~+/', 'YWJj==', '0='])(
    'RFC 9110 §11.2, RFC 6750 §2.1: %s is one',
    (text) => {
      expect(isToken68(text)).toBe(true)
    },
  )

  test.each([
    '',
    '=',
    '==a',
    'a=b',
    'a b',
    ' a',
    'a ',
    'a\t',
    'a,b',
    'a"',
    'a\n',
    'a\0',
    'é',
    'a;b',
  ])('RFC 9110 §11.2, RFC 6750 §2.1: %j is none [J38]', (text) => {
    expect(isToken68(text)).toBe(false)
  })
})

describe('isFieldName', () => {
  test('RFC 9110 §5.6.2: of all single bytes, those of a token', () => {
    const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte))
    expect(bytes.filter(isFieldName).join('')).toBe(
      "!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~",
    )
  })

  test.each(['', 'a b', 'a:', 'a\r\nb', 'a\n'])('RFC 9110 §5.1: %j is not a field name', (text) => {
    expect(isFieldName(text)).toBe(false)
  })
})

describe('parseListTokens', () => {
  test.each([
    ['close', ['close']],
    ['Keep-Alive, X-Client-Id', ['keep-alive', 'x-client-id']],
    [' close ,\tTE\t', ['close', 'te']],
    [',, ,a,,b, ', ['a', 'b']],
    ['', []],
    ['a b, c', ['c']],
    ['"quoted", c', ['c']],
  ])('RFC 9110 §5.6.1, H15: the tokens of %j', (value, tokens) => {
    expect(parseListTokens(value)).toEqual(tokens)
  })
})

describe('RFC 9110 §5.6.3: blanks around a value', () => {
  test.each([
    ['', ''],
    [' \t ', ''],
    ['\t a b\t ', 'a b'],
    ['\u00a0a', '\u00a0a'],
  ])('%j is %j', (text, trimmed) => {
    expect(trimBlanks(text)).toBe(trimmed)
  })

  test('are looked at once, however many there are within', () => {
    const text = `a${' '.repeat(4_000_000)}b`
    expect(trimBlanks(` ${text} `)).toBe(text)
  })
})
