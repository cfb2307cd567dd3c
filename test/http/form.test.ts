import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formHasToken, isCoded, isForm } from '../../src/http/form.ts'

const FORM = 'application/x-www-form-urlencoded'

const hasToken = (text: string) => formHasToken(Buffer.from(text, 'latin1'))

describe('isForm', () => {
  test.each([
    [FORM],
    [FORM.toUpperCase()],
    [`${FORM}; charset=utf-8`],
    [`${FORM};charset=utf-8`],
    [` ${FORM}`],
    [`text/plain, ${FORM}`],
  ])('RFC 6750 §2.2: %s is a form', (value) => {
    expect(isForm(['Content-Type', value])).toBe(true)
  })

  test('RFC 6750 §2.2: so is content that says it on its second line', () => {
    expect(isForm(['Content-Type', 'application/json', 'content-type', FORM])).toBe(true)
  })

  test.each([['application/json'], ['multipart/form-data; boundary=a'], ['']])(
    'RFC 6750 §2.2: %s is none',
    (value) => {
      expect(isForm(['Content-Type', value])).toBe(false)
    },
  )

  test('RFC 6750 §2.2: nor is content without a type', () => {
    expect(isForm(['Accept', FORM])).toBe(false)
  })
})

describe('isCoded', () => {
  test.each([
    [[]],
    [['Content-Encoding', 'identity']],
    [['Content-Type', FORM]],
    [['Content-Type', `${FORM}; charset=utf-8`]],
    [['Content-Type', `${FORM};charset="UTF-8"`]],
    [['Content-Type', `${FORM}; charset=ISO-8859-1; a=b`]],
  ])('RFC 6750 §2.2: the content is read as it stands (%j)', (fields) => {
    expect(isCoded(fields)).toBe(false)
  })

  test.each([['gzip'], ['identity, gzip'], ['x-gzip'], ['br'], ['']])(
    'RFC 6750 §2.2: content that is compressed hides what it says (%s)',
    (value) => {
      expect(isCoded(['Content-Encoding', value])).toBe(true)
    },
  )

  test('RFC 6750 §2.2: so does content whose second coding is one', () => {
    expect(isCoded(['Content-Encoding', 'identity', 'Content-Encoding', 'gzip'])).toBe(true)
  })

  test.each([
    ['charset=utf-16'],
    ['charset=IBM037'],
    ['charset="utf-7"'],
    ['charset=utf-8; charset=utf-16'],
    ['charset="utf\\-16"'],
    ["charset*=utf-8''utf-16"],
    ['charset=utf-8x'],
    ['charset'],
  ])('RFC 6750 §2.2: so does a character set with other bytes for letters (%s)', (parameter) => {
    expect(isCoded(['Content-Type', `${FORM}; ${parameter}`])).toBe(true)
  })
})

describe('formHasToken', () => {
  test.each([
    ['alone', 'access_token=a'],
    ['after another', 'a=b&access_token=c'],
    ['after a semicolon', 'a=b;access_token=c'],
    ['in another case', 'Access_Token=a'],
    ['percent-encoded', '%61ccess%5Ftoken=a'],
    ['as an array', 'access_token[]=a'],
    ['with white space', '+access_token+=a'],
    ['without a value', 'access_token'],
    ['after a byte order mark', '\xef\xbb\xbfaccess_token=a'],
  ])('FAPI 2.0 SP §5.3.4-1: a token in a form is found (%s) [J40]', (_title, text) => {
    expect(hasToken(text)).toBe(true)
  })

  test.each([
    ['nothing', ''],
    ['another name that ends alike', 'my_access_token=a'],
    ['another name that begins alike', 'access_token_type=a'],
    ['a value', 'a=access_token'],
    ['a value with an equals sign', 'a=b=access_token'],
  ])('FAPI 2.0 SP §5.3.4-1: %s is none', (_title, text) => {
    expect(hasToken(text)).toBe(false)
  })

  test('FAPI 2.0 SP §5.3.4-1: whatever URLSearchParams finds is found', () => {
    const piece = fc.oneof(
      { weight: 2, arbitrary: fc.constantFrom('access_token', '=', '&', '%61', '%5f', '+', '?') },
      {
        weight: 1,
        arbitrary: fc.constantFrom('access', '_token', 'ccess_token', '%', ';', '[', 'a'),
      },
      { weight: 1, arbitrary: fc.string({ maxLength: 3 }) },
    )
    let found = 0
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const text = pieces.join('')
        // URLSearchParams drops one leading question mark, which in a form is part of the name.
        if (!new URLSearchParams(`?${text}`).has('access_token')) return
        found += 1
        expect(formHasToken(Buffer.from(text))).toBe(true)
      }),
      { numRuns: 3000 },
    )
    expect(found).toBeGreaterThan(0)
  })

  test('FAPI 2.0 SP §5.3.4-1: a form that URLSearchParams wrote has a token exactly if it was told to', () => {
    const name = fc.constantFrom('access_token', 'a', 'scope', 'access_token_', 'token', 'é')
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.string({ unit: 'binary' }))), (pairs) => {
        const form = Buffer.from(new URLSearchParams(pairs).toString())
        expect(formHasToken(form)).toBe(pairs.some(([one]) => one === 'access_token'))
      }),
    )
  })
})
