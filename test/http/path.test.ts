import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Failure } from '../../src/failure/failure.ts'
import { normalisePercentEncoding, parseRequestTarget } from '../../src/http/path.ts'

function reasonOf(target: string): string | undefined {
  const result = parseRequestTarget(target)
  return result instanceof Failure ? result.reason : undefined
}

function pathOf(target: string): string | undefined {
  const result = parseRequestTarget(target)
  return result instanceof Failure ? undefined : result.path
}

const HONEST = '/accounts/22289/balances'

/** Each is put at the end of a segment, in a segment of its own, and as the whole path. */
function places(text: string): string[] {
  return [`${HONEST}${text}`, `/accounts/${text}/balances`, `/${text}`]
}

describe('parseRequestTarget', () => {
  test.each([
    '/',
    '/a',
    '/a/',
    HONEST,
    '/.well-known/oauth-protected-resource',
    '/a.b',
    '/a..b',
    '/..a',
    '/a..',
    '/...',
    '/.../',
    '/~user',
    "/!$&'()*+,=:@",
    '/Accounts',
    '/payments:confirm',
    '/%20',
    '/a%20b',
    '/%C3%A9',
    '/%E2%82%AC/%F0%9F%98%80',
    '/a%3Ab%2Cc%40d',
    '/a%3Fb',
    '/100%25',
    '/%25zz',
  ])('RFC 3986 §6.2.2: %s is canonical already, and is left as it is', (path) => {
    expect(parseRequestTarget(path)).toEqual({ authority: undefined, path, query: '' })
  })

  test.each([
    ['/%61ccounts', '/accounts'],
    ['/%41%7a%30%2D%2e%5f%7E', '/Az0-._~'],
    ['/%c3%a9', '/%C3%A9'],
    ['/a%3ab', '/a%3Ab'],
    ['/%2e%2e%2e', '/...'],
    ['/%2ewell-known', '/.well-known'],
  ])('RFC 3986 §6.2.2.1, RFC 3986 §6.2.2.2: %s is %s', (path, canonical) => {
    expect(pathOf(path)).toBe(canonical)
  })

  test('P07: case, a trailing slash, a final dot and a final space make another path [P07]', () => {
    const paths = ['/admin', '/Admin', '/ADMIN', '/admin/', '/admin.', '/admin%20']
    expect(paths.map(pathOf)).toEqual(paths)
  })

  test.each([
    '/.',
    '/..',
    '/./',
    '/../',
    '/a/.',
    '/a/..',
    '/a/./b',
    '/a/../b',
    '/pub/../admin',
    '/a/%2e',
    '/a/%2E/b',
    '/a/%2e%2e',
    '/a/%2E%2e/b',
    '/a/.%2e/b',
    '/a/%2E./b',
    '/%2e%2E/admin',
    '/a/..%3b/b',
    '/a/.%3Bx=1',
    '/a/%2e%2e%3Bx/b',
  ])('RFC 3986 §6.2.2.3, P01, P02: the dot segment of %s is refused [P01, P02]', (path) => {
    expect(reasonOf(path)).toBe('path_dot_segment')
  })

  test.each(['//', '//admin', '///admin', '/pub//admin', '/pub//', '//evil.example/x', '/a//%41'])(
    'P04: the empty segment of %s is refused [P04]',
    (path) => {
      expect(reasonOf(path)).toBe('path_empty_segment')
    },
  )

  test.each(['%2f', '%2F', '%5c', '%5C', '..%2f', '..%5C', '%2f..', '%2F%2F'])(
    'P03: an encoded separator is refused in either case of its digits (%s) [P03]',
    (text) => {
      for (const path of places(text)) expect(reasonOf(path)).toBe('path_encoded_separator')
    },
  )

  test.each(['\\', '..\\', '\\..\\', '\\\\evil.example'])(
    'P03: a raw backslash is refused (%s)',
    (text) => {
      for (const path of places(text)) expect(reasonOf(path)).toBe('path_backslash')
    },
  )

  test.each([';', ';jsessionid=1', '..;', ';/..', '%2e%2e;x'])(
    'P05: a path parameter is refused (%s) [P05]',
    (text) => {
      for (const path of places(text)) expect(reasonOf(path)).toBe('path_parameter')
    },
  )

  test('RFC 3986 §3.3, P06: every raw character that is not a pchar is refused', () => {
    const allowed =
      "!$%&'()*+,-./0123456789:=@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
    const elsewhere = '#?;\\'
    for (let code = 0; code < 0x300; code++) {
      const character = String.fromCharCode(code)
      if ((allowed + elsewhere).includes(character)) continue
      for (const path of places(character)) expect(reasonOf(path), path).toBe('path_character')
    }
    expect(reasonOf('/a\u2028b')).toBe('path_character')
    expect(reasonOf('/\u{1f600}')).toBe('path_character')
  })

  test('P06: every encoded control character is refused, in either case of its digits [P06]', () => {
    for (const code of [...Array(0x20).keys(), 0x7f]) {
      const digits = code.toString(16).padStart(2, '0')
      for (const path of [...places(`%${digits}`), ...places(`%${digits.toUpperCase()}`)]) {
        expect(reasonOf(path), path).toBe('path_encoded_control')
      }
    }
  })

  test.each(['%', '%2', '%zz', '%2g', '%%32', '%u002e', '%uff0e', '%-1', '%+1', '% 1'])(
    'RFC 3986 §2.1, P02: malformed percent-encoding is refused (%s)',
    (text) => {
      const expected = text.includes(' ') ? 'path_character' : 'path_percent_malformed'
      for (const path of places(text)) expect(reasonOf(path)).toBe(expected)
    },
  )

  test.each([
    '%252e%252e',
    '%252f',
    '%255C',
    '%2500',
    '%25%32%66',
    '%25%32f',
    '%252%66',
    '%25252f',
  ])(
    'RFC 3986 §2.4, P02: double encoding is refused, also where it shows after decoding (%s)',
    (text) => {
      for (const path of places(text)) expect(reasonOf(path)).toBe('path_double_encoding')
    },
  )

  test.each(['%c0%ae', '%C0%AF', '%e0%80%ae', '%80', '%FF', '%e2%82', '%ED%A0%80', '%f4%90%80%80'])(
    'RFC 3629 §3, P02: encoded bytes that are not UTF-8 are refused (%s)',
    (text) => {
      for (const path of places(text)) expect(reasonOf(path)).toBe('path_not_utf8')
    },
  )

  test.each(['/a#b', '/a#', '#', '/a?b=1#c', '/a?b#', 'https://api.example/a#b', '/#/../a'])(
    'RFC 9112 §3.2, P08: a fragment is refused (%s) [P08]',
    (target) => {
      expect(reasonOf(target)).toBe('path_fragment')
    },
  )

  test.each([
    ['asterisk-form', '*'],
    ['authority-form', 'api.example:443'],
    ['nothing', ''],
    ['a relative path', 'accounts'],
    ['a query alone', '?a=1'],
    ['a leading space', ' /accounts'],
    ['a scheme that is not ours', 'http://api.example/accounts'],
    ['a foreign scheme', 'ftp://api.example/accounts'],
    ['a scheme without its slashes', 'https:/accounts'],
    ['no authority', 'https:///accounts'],
    ['no authority and no path', 'https://'],
    ['a method’s leftovers', 'GET /accounts'],
  ])('RFC 9112 §3.2.3, RFC 9112 §3.2.4, H26: %s is refused', (_, target) => {
    expect(reasonOf(target)).toBe('path_form_not_supported')
  })

  test.each([
    ['https://api.example/a', 'api.example', '/a', ''],
    ['HTTPS://API.example:443/a/?b=//', 'API.example:443', '/a/', '?b=//'],
    ['https://api.example', 'api.example', '/', ''],
    ['https://api.example?b=1', 'api.example', '/', '?b=1'],
    ['https://[::1]:8443/%61', '[::1]:8443', '/a', ''],
    ['https://user@evil.example/a', 'user@evil.example', '/a', ''],
    ['https://api.example\\@evil.example/a', 'api.example\\@evil.example', '/a', ''],
  ])(
    'RFC 9112 §3.2.2, RFC 3986 §6.2.3, H25: of %s the authority is reported, unjudged',
    (target, authority, path, query) => {
      expect(parseRequestTarget(target)).toEqual({ authority, path, query })
    },
  )

  test('RFC 9112 §3.2.2, P01: the path of an absolute-form target is under the same rules', () => {
    expect(reasonOf('https://api.example/a/../b')).toBe('path_dot_segment')
    expect(reasonOf('https://api.example//b')).toBe('path_empty_segment')
    expect(reasonOf('https://api.example/a;b')).toBe('path_parameter')
  })

  test.each([
    '?',
    '?a=1&a=2',
    '?a=%zz&%00=%2e%2e',
    '?a=/../b//c;d\\e?f',
    '?"<>^`{|}[]',
    '??',
    '?a=%252e',
  ])('P13: the query %s is kept byte for byte [P13]', (query) => {
    expect(parseRequestTarget(`/a${query}`)).toEqual({ authority: undefined, path: '/a', query })
  })

  test('RFC 9112 §3.2, P06: a query has visible ASCII only', () => {
    for (const code of [...Array(0x21).keys(), 0x7f, 0x80, 0xff, 0x100, 0x2028]) {
      const target = `/a?b=${String.fromCharCode(code)}c`
      expect(reasonOf(target), target).toBe('path_query_character')
    }
  })

  const piece = fc.constantFrom(
    ...[
      '/',
      '/',
      '.',
      '..',
      '%',
      '%2',
      '2',
      '5',
      'e',
      'E',
      'f',
      'a',
      'Z',
      '~',
      ';',
      '\\',
      ':',
      '@',
    ],
    ...[
      '%2e',
      '%2E',
      '%2f',
      '%41',
      '%7e',
      '%25',
      '%c3%a9',
      '%C0',
      '%20',
      '%3b',
      '%3A',
      '\u00e9',
      ' ',
    ],
  )
  const path = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`)

  test('RFC 3986 §6.2.2, P02: a canonical path is its own canonical path', () => {
    fc.assert(
      fc.property(path, (raw) => {
        const once = pathOf(raw)
        if (once !== undefined) expect(pathOf(once)).toBe(once)
      }),
      { numRuns: 20_000 },
    )
  })

  test('RFC 3986 §6.2.2, P02, P04: however often it is decoded, a canonical path climbs nowhere [P04, P02, HTTP-20]', () => {
    fc.assert(
      fc.property(path, (raw) => {
        const canonical = pathOf(raw)
        if (canonical === undefined) return
        // As lenient as upstreams come: decoded, once more, parameters cut, `\` read as `/`.
        const once = decodeURIComponent(canonical)
        const twice = once.replace(/%[0-9a-f]{2}/gi, (encoded) => decodeURIComponent(encoded))
        for (const reading of [canonical, once, twice]) {
          const segments = reading.replace(/;[^/]*/g, '').split(/[/\\]/)
          expect(segments).not.toContain('..')
          expect(segments).not.toContain('.')
          expect(reading).not.toMatch(/[/\\]{2}/)
          expect(segments.length).toBe(canonical.split('/').length)
        }
      }),
      { numRuns: 20_000 },
    )
  })

  test('RFC 3986 §6.2.2, P03: the URL parser and we read an accepted path alike [P03, HTTP-20]', () => {
    fc.assert(
      fc.property(path, (raw) => {
        const canonical = pathOf(raw)
        if (canonical === undefined) return
        expect(new URL(`https://api.example${canonical}`).pathname).toBe(canonical)
      }),
      { numRuns: 20_000 },
    )
  })

  test('P06: whatever the target, it is answered with a value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (target) => {
        const result = parseRequestTarget(target)
        if (!(result instanceof Failure)) {
          expect(result.path).toMatch(/^\/[\x21-\x7e]*$/)
          expect(result.query).toMatch(/^(?:\?[\x21-\x7e]*)?$/)
        }
      }),
    )
  })

  test('P18: long paths that are almost ordinary are read in linear time [P18]', () => {
    const long = 'a.'.repeat(200_000)
    expect(reasonOf(`/${long}/${long};`)).toBe('path_parameter')
    expect(reasonOf(`${'/a'.repeat(200_000)}//`)).toBe('path_empty_segment')
  })
})

describe('normalisePercentEncoding', () => {
  test('RFC 3986 §6.2.2.2: exactly the unreserved characters are decoded', () => {
    const decoded = Array.from({ length: 256 }, (_, code) => code.toString(16).padStart(2, '0'))
      .map((digits) => normalisePercentEncoding(`%${digits}`))
      .filter((text) => text.length === 1)
    expect(decoded.join('')).toBe(
      '-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~',
    )
  })

  test('RFC 3986 §6.2.2.1: what stays encoded is in upper case, and nothing else is', () => {
    expect(normalisePercentEncoding('/a%c3%a9%2fb')).toBe('/a%C3%A9%2Fb')
  })
})
