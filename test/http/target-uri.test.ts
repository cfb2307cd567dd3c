import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hasQueryParameter, normaliseTargetUri, parseAuthority } from '../../src/http/target-uri.ts'

describe('hasQueryParameter', () => {
  test.each([
    '?access_token=x',
    'access_token=x',
    '?access_token',
    '?access_token=',
    '?a=1&access_token=x',
    '?a=1;access_token=x',
    '?&&access_token=x&b',
    '?ACCESS_Token=x',
    '?%61ccess_token=x',
    '?access%5ftoken=x',
    '?access%5Ftoken=x',
    '?%41CCESS_TOKEN=x',
    '?access_token[]=x',
    '?access_token%5b0%5D=x',
    '?+access_token=x',
    '?access_token%20=x',
    '?access_token=a=b',
    '?a=%zz&access_token=x',
    '?access.token=x',
    '?access+token=x',
    '?access%20token',
    '?access[token=x',
    '?access_token%00=x',
    '?%u0061ccess_token=x',
    '?acces%u0073_token',
    '?access_to%u212aen=x',
    '?%u2003access_token%a0',
    '?access_token%20[0]=x',
    '?access.token[]=x',
  ])('RFC 6750 §2.3: %s has access_token [J40]', (query) => {
    expect(hasQueryParameter(query, 'access_token')).toBe(true)
  })

  test.each([
    '',
    '?',
    '?a=access_token',
    '?a=1%26access_token=x',
    '?a=%3Baccess_token',
    '?my_access_token=x',
    '?access_token2=x',
    '?access_tokens',
    '?access%255ftoken=x',
    '?%zzaccess_token=x',
    '??access_token=x',
    '?access_toke',
    '?access%00_token',
    '?access_token%u20=x',
    '?access_token %61',
  ])('RFC 6750 §2.3: %s has no access_token', (query) => {
    expect(hasQueryParameter(query, 'access_token')).toBe(false)
  })

  test('RFC 6750 §2.3: whatever URLSearchParams finds is found [J40]', () => {
    const piece = fc.constantFrom('a', 'b', 'A', '%61', '%41', '=', '&', ';', '+', '%', '%26', '?')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const query = `?${pieces.join('')}`
        if (new URLSearchParams(query).has('a')) expect(hasQueryParameter(query, 'a')).toBe(true)
      }),
      { numRuns: 5000 },
    )
  })

  test.each(['&', 'a&', '+', '+&', '%20', '%u2003', 'access_toke&', 'access_token%20', '=;', '%'])(
    'RFC 6750 §2.2: a million characters of %j are read in one pass, and nothing is made of them',
    (piece) => {
      const text = new CountedText(`${piece.repeat(1_000_000 / piece.length)}x`)
      expect(hasQueryParameter(text as unknown as string, 'access_token')).toBe(false)
      expect(text.reads).toBeGreaterThan(0)
      // Some twice or more: to see where a parameter ends, and whether a percent sign begins an escape.
      expect(text.reads).toBeLessThan(5 * text.length)
    },
  )
})

/** Text that can be read a character at a time, and in no other way. */
class CountedText {
  readonly #text: string
  reads = 0

  constructor(text: string) {
    this.#text = text
  }

  get length(): number {
    return this.#text.length
  }

  charCodeAt(at: number): number {
    this.reads += 1
    return this.#text.charCodeAt(at)
  }
}

describe('parseAuthority', () => {
  test.each([
    ['api.example', 'api.example', undefined],
    ['API.Bank.Example', 'api.bank.example', undefined],
    ['api.example:443', 'api.example', 443],
    ['api.example:65535', 'api.example', 65535],
    ['localhost:8443', 'localhost', 8443],
    ['127.0.0.1', '127.0.0.1', undefined],
    ['a_b.example', 'a_b.example', undefined],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example', undefined],
    ['[::1]', '[::1]', undefined],
    ['[::1]:8443', '[::1]', 8443],
    ['[2001:DB8:0:0:0:0:0:1]:443', '[2001:db8::1]', 443],
    ['[::ffff:127.0.0.1]', '[::ffff:7f00:1]', undefined],
  ])('RFC 9110 §7.2: %s is a host and a port', (text, host, port) => {
    expect(parseAuthority(text)).toEqual({ host, port })
  })

  test('RFC 9110 §7.2: a final dot is kept, so that the host does not pass for the one without', () => {
    expect(parseAuthority('api.example.')).toEqual({ host: 'api.example.', port: undefined })
    expect(parseAuthority('API.example.:443')).toEqual({ host: 'api.example.', port: 443 })
  })

  test.each([
    '',
    ' ',
    '.',
    '..',
    ':443',
    'api..example',
    '.api.example',
    'api.example..',
    'user@api.example',
    'user:pw@api.example',
    'api.example/',
    'api.example/path',
    'api.example?x',
    'api.example#x',
    'api.example\\',
    'api.example,evil.example',
    'api.example, evil.example',
    'api.example evil.example',
    ' api.example',
    'api.example ',
    'api.example\t',
    'api.example\n',
    'api.example\0',
    'api.exa%6Dple',
    'api.example:',
    'api.example:0',
    'api.example:0443',
    'api.example:65536',
    'api.example:99999',
    'api.example:100000',
    'api.example:44a',
    'api.example:+443',
    'api.example:-1',
    'api.example: 443',
    'api.example:443:443',
    'api.example:443 ',
    '::1',
    '[::1',
    '::1]',
    '[]',
    '[:]',
    '[::1]x',
    '[::1]443',
    '[::1]:',
    '[::1]]',
    '[[::1]]',
    '[::1%25eth0]',
    '[::1%eth0]',
    '[v1.a]',
    '[1.2.3.4]',
    '[1:2:3:4:5:6:7]',
    '[1:2:3:4:5:6:7:8:9]',
    '[::1::2]',
    '[12345::]',
    'b\u00fccher.example',
    'api.bank\u212a.example',
    'api\u3002example',
    'a'.repeat(255),
    '*',
    '*.example',
    'a!b.example',
  ])('RFC 9110 §7.2, RFC 3986 §3.2.2, H24, P15: %j is no authority [H24, P15]', (text) => {
    expect(parseAuthority(text)).toBeUndefined()
  })

  test('RFC 9110 §7.2: what is read once is read the same again', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'B', '0', '.', '-', ':', '[', ']', '8', '@', '1'),
      maxLength: 14,
    })
    fc.assert(
      fc.property(text, (raw) => {
        const read = parseAuthority(raw)
        if (read === undefined) return
        const written = read.port === undefined ? read.host : `${read.host}:${read.port}`
        expect(parseAuthority(written)).toEqual(read)
      }),
      { numRuns: 10_000 },
    )
  })
})

describe('normaliseTargetUri', () => {
  const HTU = 'https://api.example/accounts/1'

  test.each([
    HTU,
    'HTTPS://api.example/accounts/1',
    'https://API.Example/accounts/1',
    'https://api.example:443/accounts/1',
    'https://api.example:/accounts/1',
    `${HTU}?a=1&b=/../c`,
    `${HTU}#fragment`,
    `${HTU}?a=1#b?c`,
    'https://api.example/accounts/./1',
    'https://api.example/x/../accounts/1',
    'https://api.example/../accounts/1',
    'https://api.example/accounts/%31',
    'https://api.example/%61ccounts/1',
    'https://api.example/x/%2e%2E/accounts/1',
  ])(
    'RFC 9449 §4.3 (9), RFC 3986 §6.2.2.1, RFC 3986 §6.2.2.2, RFC 3986 §6.2.3, RFC 3986 §5.2.4: %s is the same target [DPOP-4.3-9n, D08]',
    (uri) => {
      expect(normaliseTargetUri(uri)).toBe(HTU)
    },
  )

  test.each([
    ['scheme', 'http://api.example/accounts/1'],
    ['host', 'https://api.example./accounts/1'],
    ['port', 'https://api.example:8443/accounts/1'],
    ['port of the other scheme', 'https://api.example:80/accounts/1'],
    ['case of the path', 'https://api.example/Accounts/1'],
    ['trailing slash', 'https://api.example/accounts/1/'],
    ['empty segment', 'https://api.example//accounts/1'],
    ['reserved character, encoded', 'https://api.example/accounts%2F1'],
    ['path parameter', 'https://api.example/accounts/1;a'],
    ['trailing dot segment', 'https://api.example/accounts/1/.'],
  ])('RFC 9449 §4.3 (9): another %s makes another target [DPOP-4.3-9, D08]', (_, uri) => {
    expect(normaliseTargetUri(uri)).toMatch(/^https?:/)
    expect(normaliseTargetUri(uri)).not.toBe(HTU)
  })

  test.each([
    ['https://api.example', 'https://api.example/'],
    ['https://api.example?a', 'https://api.example/'],
    ['http://api.example:80', 'http://api.example/'],
    ['https://[2001:DB8::0:1]:443/', 'https://[2001:db8::1]/'],
    ['https://api.example/a/b/c/./../../g', 'https://api.example/a/g'],
    ['https://api.example/a/..', 'https://api.example/'],
    ['https://api.example/a/b/..', 'https://api.example/a/'],
    ['https://api.example/a//../b', 'https://api.example/a/b'],
    ['https://api.example/...', 'https://api.example/...'],
    ['https://api.example/a%3ab%c3%a9', 'https://api.example/a%3Ab%C3%A9'],
  ])('RFC 3986 §6.2.2.3, RFC 3986 §5.2.4: %s is %s', (uri, normal) => {
    expect(normaliseTargetUri(uri)).toBe(normal)
  })

  test.each([
    '',
    '/accounts/1',
    '//api.example/accounts/1',
    'api.example/accounts/1',
    'https:/api.example/accounts/1',
    'https:api.example',
    'https:///accounts/1',
    'https://',
    'ftp://api.example/accounts/1',
    'wss://api.example/accounts/1',
    'https://user@api.example/accounts/1',
    'https://user:pw@api.example/accounts/1',
    'https://@api.example/accounts/1',
    'https:\\\\api.example\\accounts\\1',
    'https://api.example\\accounts/1',
    'https://api.example/accounts\\1',
    'https://api.example/accounts/1 ',
    ' https://api.example/accounts/1',
    'https://api.example/accounts /1',
    'https://api.example/\taccounts/1',
    'https://api.\nexample/accounts/1',
    'https://api.example/accounts/1\0',
    'https://api.example/accounts/1\x7f',
    'https://api.example/accounts/\u00e9',
    'https://b\u00fccher.example/',
    'https://api.example/accounts/1?a b',
    'https://api.example/accounts/1#\n',
    'https://api.example/accounts/%',
    'https://api.example/accounts/%zz',
    'https://api.example/{id}',
    'https://api.example/a|b',
    'https://api.example/"a"',
    'https://api.example:65536/',
    'https://api.example:0443/',
    'https://api.exa%6Dple/',
    'https://api.example,evil.example/',
    'https://api.example::443/',
  ])('RFC 9449 §4.3 (9): %j is no target of ours [DPOP-4.3-9, D08]', (uri) => {
    expect(normaliseTargetUri(uri)).toBeUndefined()
  })

  const piece = fc.constantFrom(
    ...[
      '/',
      '/',
      '.',
      '..',
      'a',
      'B',
      '%2e',
      '%2E',
      '%41',
      '%7e',
      '%2f',
      '%3A',
      '%c3',
      '~',
      ':',
      ';',
    ],
  )
  const host = fc.constantFrom('api.example', 'API.example', '[::1]', '127.0.0.1', 'api.example.')
  const port = fc.constantFrom('', ':', ':443', ':80', ':8443')
  const scheme = fc.constantFrom('https', 'http', 'HTTPS', 'Http')
  const path = fc.array(piece, { maxLength: 10 }).map((pieces) => ['', ...pieces].join(''))
  const uri = fc
    .tuple(scheme, host, port, path)
    .map(([s, h, p, rest]) => `${s}://${h}${p}${rest === '' ? '' : `/${rest}`}`)

  test('RFC 9449 §4.3 (9): the normal form is its own normal form', () => {
    fc.assert(
      fc.property(uri, (raw) => {
        const once = normaliseTargetUri(raw)
        expect(once).toBeDefined()
        expect(normaliseTargetUri(once!)).toBe(once)
      }),
      { numRuns: 10_000 },
    )
  })

  test('RFC 9449 §4.3 (9): query and fragment never matter [DPOP-4.3-9]', () => {
    const tail = fc.string({
      unit: fc.constantFrom('?', '#', '/', '.', 'a', '%', '@'),
      maxLength: 8,
    })
    fc.assert(
      fc.property(uri, fc.constantFrom('?', '#'), tail, (raw, mark, rest) => {
        expect(normaliseTargetUri(raw + mark + rest)).toBe(normaliseTargetUri(raw))
      }),
      { numRuns: 2000 },
    )
  })

  /** What a target is, whatever its spelling; and a few that are close to each other. */
  const target = fc.record({
    scheme: fc.constantFrom('https', 'http'),
    host: fc.constantFrom('api.example', 'api.example.', 'b.example', '[::1]', '127.0.0.1'),
    port: fc.constantFrom(443, 80, 8443),
    segments: fc.array(fc.constantFrom('', 'a', 'A', 'b~', '%2F', '%C3%A9', ':', ';x'), {
      maxLength: 3,
    }),
  })
  type Target = typeof target extends fc.Arbitrary<infer T> ? T : never

  /** A spelling of a target, by what RFC 3986 §6.2.2 and §6.2.3 call equivalent. */
  const spelled = ({ scheme, host, port, segments }: Target) => {
    const cases = (text: string, upper: boolean[]) =>
      [...text].map((one, i) => (upper[i % upper.length] ? one.toUpperCase() : one)).join('')
    const isDefault = port === (scheme === 'https' ? 443 : 80)
    const hex = (one: string) => one.charCodeAt(0).toString(16)
    const encoded = (text: string, those: boolean[], lower: boolean) =>
      text
        .replace(/%..|[A-Za-z~]/g, (one, at: number) =>
          one.length === 1 && those[at % those.length] ? `%${hex(one).toUpperCase()}` : one,
        )
        .replace(/%../g, (one) => (lower ? one.toLowerCase() : one))
    const flags = fc.array(fc.boolean(), { minLength: 1, maxLength: 5 })
    const detour = fc.constantFrom('', '', './', 'x/../', '%2e/', 'x/%2E./')
    return fc
      .record({
        upper: flags,
        those: flags,
        lower: fc.boolean(),
        shown: fc.constantFrom('', ':', `:${port}`),
        detours: fc.array(detour, { minLength: 1, maxLength: 4 }),
        bare: fc.boolean(),
        tail: fc.constantFrom('', '?q=/../', '#f?', '?#'),
      })
      .map(({ upper, those, lower, shown, detours, bare, tail }) => {
        const authority = cases(host, upper) + (isDefault ? shown : `:${port}`)
        const steps = segments.map(
          (one, i) => `/${detours[i % detours.length]}${encoded(one, those, lower)}`,
        )
        const rest = steps.length > 0 ? steps.join('') : bare ? '' : '/'
        return `${cases(scheme, upper)}://${authority}${rest}${tail}`
      })
  }

  test('RFC 9449 §4.3 (9), RFC 3986 §6.2.2: two spellings have one form exactly if they mean one target [DPOP-4.3-9, DPOP-4.3-9n, D08]', () => {
    const two = fc
      .tuple(target, target, fc.boolean())
      .map(([one, other, isSame]): [Target, Target] => [one, isSame ? one : other])
    const pair = two.chain(([one, other]) =>
      fc.record({
        one: fc.constant(one),
        other: fc.constant(other),
        first: spelled(one),
        second: spelled(other),
      }),
    )
    /** RFC 3986 §6.2.3: no path is the same as the path of one empty segment. */
    const meaning = ({ segments, ...rest }: Target) =>
      JSON.stringify({ ...rest, segments: segments.length === 0 ? [''] : segments })
    fc.assert(
      fc.property(pair, ({ one, other, first, second }) => {
        const form = normaliseTargetUri(first)
        expect(form).toBeDefined()
        expect(form === normaliseTargetUri(second)).toBe(meaning(one) === meaning(other))
      }),
      { numRuns: 5000 },
    )
  })

  test('RFC 3986 §5.2.4: dots are removed as the algorithm there removes them [DPOP-4.3-9n]', () => {
    fc.assert(
      fc.property(path, (raw) => {
        const decoded = raw.replace(/%2e/gi, '.').replace(/%41/g, 'A').replace(/%7e/g, '~')
        const upper = decoded.replace(/%../g, (encoded) => encoded.toUpperCase())
        expect(normaliseTargetUri(`https://api.example/${raw}`)).toBe(
          `https://api.example${removeDotSegments(`/${upper}`)}`,
        )
      }),
      { numRuns: 10_000 },
    )
  })
})

/** RFC 3986 §5.2.4, step by step. URL parsers of some releases are wrong about dots, so none is asked. */
function removeDotSegments(path: string): string {
  let input = path
  let output = ''
  while (input !== '') {
    if (input.startsWith('../')) input = input.slice(3)
    else if (input.startsWith('./')) input = input.slice(2)
    else if (input.startsWith('/./')) input = input.slice(2)
    else if (input === '/.') input = '/'
    else if (input.startsWith('/../') || input === '/..') {
      input = `/${input.slice(4)}`
      output = output.slice(0, Math.max(0, output.lastIndexOf('/')))
    } else if (input === '.' || input === '..') input = ''
    else {
      const next = input.indexOf('/', 1)
      output += next === -1 ? input : input.slice(0, next)
      input = next === -1 ? '' : input.slice(next)
    }
  }
  return output
}
