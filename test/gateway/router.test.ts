import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Matched, Router } from '../../src/gateway/router.ts'
import { parseRequestTarget } from '../../src/http/path.ts'
import { comparePatterns, type PathPattern, parsePattern } from '../../src/http/path-pattern.ts'

interface NamedRoute extends Matched {
  readonly id: string
}

function route(id: string, paths: readonly string[], changed: Partial<Matched> = {}): NamedRoute {
  return { id, paths, hosts: undefined, methods: undefined, ...changed }
}

const find = (routes: readonly NamedRoute[], path: string, method = 'GET', host = 'a.example') =>
  new Router(routes).find(host, method, path)

describe('Router', () => {
  const accounts = [
    route('all', ['/**']),
    route('below', ['/accounts/**']),
    route('one', ['/accounts/*']),
    route('mine', ['/accounts/mine']),
    route('balance', ['/accounts/*/balance']),
    route('my-balance', ['/accounts/mine/*']),
  ]

  test.each([
    ['/', 'all'],
    ['/other/thing', 'all'],
    ['/accounts', 'below'],
    ['/accounts/', 'below'],
    ['/accounts/1/2/3', 'below'],
    ['/accounts/1', 'one'],
    ['/accounts/mine', 'mine'],
    ['/accounts/Mine', 'one'],
    ['/accounts/1/balance', 'balance'],
    ['/accounts/mine/balance', 'my-balance'],
    ['/accountsx', 'all'],
  ])('the most specific route wins, in whatever order they stand: %s [P10]', (path, id) => {
    expect(find(accounts, path).route?.id).toBe(id)
    expect(find(accounts.toReversed(), path).route?.id).toBe(id)
  })

  test('RFC 9110 §15.5.6: a path that is known by other methods names them, each once', () => {
    const routes = [
      route('read', ['/a'], { methods: ['GET', 'HEAD'] }),
      route('below', ['/**'], { methods: ['POST', 'GET'] }),
      route('elsewhere', ['/b'], { methods: ['PATCH'] }),
    ]
    expect(find(routes, '/a', 'DELETE')).toEqual({
      route: undefined,
      allow: ['GET', 'HEAD', 'POST'],
    })
  })

  test('RFC 9110 §15.5.5: a path that nobody knows has no methods', () => {
    expect(find([route('a', ['/a'])], '/b')).toEqual({ route: undefined, allow: [] })
  })

  test('RFC 9110 §9.1: a method is matched in its own case [P12]', () => {
    const routes = [route('read', ['/a'], { methods: ['GET'] })]
    expect(find(routes, '/a', 'get')).toEqual({ route: undefined, allow: ['GET'] })
  })

  test('RFC 9110 §9.3.8: TRACE is of no route that does not name it', () => {
    expect(find([route('any', ['/a'])], '/a', 'TRACE').route).toBeUndefined()
    expect(find([route('any', ['/a'])], '/a', 'TRACE').allow).toContain('GET')
  })

  test.each(['PROPFIND', 'FOO', 'get', '', 'CONNECT'])(
    'RFC 9110 §9.1: nor is %j, which is none that is common',
    (method) => {
      const allow = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']
      expect(find([route('any', ['/a'])], '/a', method)).toEqual({ route: undefined, allow })
      for (const one of allow) expect(find([route('any', ['/a'])], '/a', one).route?.id).toBe('any')
    },
  )

  test('RFC 9110 §9.1: a route that names such a method takes it', () => {
    const routes = [route('any', ['/a']), route('search', ['/a'], { methods: ['QUERY'] })]
    expect(find(routes, '/a', 'QUERY').route?.id).toBe('search')
  })

  test('a route that names the method goes before one that takes any', () => {
    const routes = [route('any', ['/a']), route('read', ['/a'], { methods: ['GET'] })]
    expect(find(routes, '/a').route?.id).toBe('read')
    expect(find(routes.toReversed(), '/a').route?.id).toBe('read')
    expect(find(routes, '/a', 'POST').route?.id).toBe('any')
  })

  test('a route that names the host goes before one that does not, though its path is looser', () => {
    const routes = [
      route('any-host', ['/accounts/mine']),
      route('host', ['/**'], { hosts: ['a.example'] }),
    ]
    expect(find(routes, '/accounts/mine').route?.id).toBe('host')
    expect(find(routes, '/accounts/mine', 'GET', 'b.example').route?.id).toBe('any-host')
  })

  test('a route of one host is not found under another', () => {
    const routes = [route('host', ['/**'], { hosts: ['a.example', 'b.example'] })]
    expect(find(routes, '/', 'GET', 'b.example').route?.id).toBe('host')
    for (const host of ['c.example', 'a.example.', '', '__proto__', 'constructor']) {
      expect(find(routes, '/', 'GET', host)).toEqual({ route: undefined, allow: [] })
    }
  })

  test.each([
    ['/a:b', '/a%3Ab'],
    ['/a@b', '/a%40b'],
    ['/a%20b', '/a%20b'],
    ['/%2A', '/*'],
    ['/%2A%2A', '/**'],
  ])('RFC 3986 §6.2.2.2: the literal %s is found by %s', (pattern, path) => {
    const routes = [route('literal', [pattern]), route('all', ['/**'])]
    expect(find(routes, path).route?.id).toBe('literal')
  })

  test('RFC 3986 §2.4: what is decoded is the segment, and not the pattern', () => {
    const routes = [route('star', ['/%2A'])]
    expect(find(routes, '/anything').route).toBeUndefined()
  })

  test('no path that a request can have makes it throw', () => {
    const router = new Router([route('a', ['/*/**']), route('b', ['/a/*'])])
    const piece = fc.oneof(
      fc.constantFrom(
        '/',
        '%',
        '%C3%A9',
        '%E2%82%AC',
        '%3A',
        'a',
        '%ED%A0%80',
        '%F0%9F%92%B6',
        '%7F',
      ),
      fc.string({ maxLength: 3 }),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const target = parseRequestTarget(`/${pieces.join('')}`)
        if (!('reason' in target)) router.find('a.example', 'GET', target.path)
      }),
      { numRuns: 1000 },
    )
  })
})

/** A pattern as a regular expression: a way of matching that the router does not go. */
function expressionOf({ segments }: PathPattern): RegExp {
  const parts = segments.map((segment) => {
    if (segment === '**') return '(?:/.*)?'
    return segment === '*' ? '/[^/]+' : `/${segment}`
  })
  return new RegExp(`^${parts.join('')}$`)
}

/** What is found, as src/gateway/router.ts says it in words: of all that match, the most specific. */
function findNaively(routes: readonly NamedRoute[], path: string, method: string, host: string) {
  const meant = routes.flatMap((one) =>
    one.paths
      .map((text) => parsePattern(text) as PathPattern)
      .filter((pattern) => expressionOf(pattern).test(path))
      .filter(() => one.hosts === undefined || one.hosts.includes(host))
      .map((pattern) => ({ one, pattern })),
  )
  const takes = ({ methods }: NamedRoute) =>
    methods === undefined ? method !== 'TRACE' : methods.includes(method)
  const found = meant
    .filter(({ one }) => takes(one))
    .sort(
      (a, b) =>
        Number(a.one.hosts === undefined) - Number(b.one.hosts === undefined) ||
        comparePatterns(a.pattern, b.pattern) ||
        Number(a.one.methods === undefined) - Number(b.one.methods === undefined),
    )
  const rank = ({ one, pattern }: (typeof found)[number]) => [
    one.hosts === undefined,
    pattern.segments.map((segment) => (/^\*+$/.test(segment) ? segment : 'literal')),
    one.methods === undefined,
  ]
  const best = found[0]
  const equals = found.filter((it) => JSON.stringify(rank(it)) === JSON.stringify(rank(best!)))
  const known = new Set(meant.flatMap(({ one }) => one.methods ?? []))
  return { best: equals.map(({ one }) => one.id), known: [...known].sort() }
}

describe('Router, against its specification', () => {
  const literal = fc.constantFrom('a', 'b', 'c')
  const segment = fc.oneof(
    { weight: 3, arbitrary: literal },
    { weight: 1, arbitrary: fc.constant('*') },
  )
  const pattern = fc
    .tuple(fc.array(segment, { maxLength: 3 }), fc.constantFrom('', '', '**'))
    .map(([segments, last]) => `/${[...segments, ...(last === '' ? [] : [last])].join('/')}`)
  const methods = fc.constantFrom(undefined, ['GET'], ['POST'], ['GET', 'POST'])
  const hosts = fc.constantFrom(undefined, undefined, ['a.example'], ['a.example', 'b.example'])
  const routes = fc
    .array(fc.tuple(fc.array(pattern, { minLength: 1, maxLength: 2 }), methods, hosts), {
      maxLength: 8,
    })
    .map((list) =>
      list.map(([paths, named, of], index) =>
        route(String(index), paths, { methods: named, hosts: of }),
      ),
    )
  const path = fc.array(literal, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`)
  const trailing = fc.oneof(
    path,
    path.map((one) => (one === '/' ? one : `${one}/`)),
  )

  test('it finds one of the most specific routes, or none where none matches [P09, P10]', () => {
    let found = 0
    fc.assert(
      fc.property(
        routes,
        trailing,
        fc.constantFrom('GET', 'POST', 'TRACE'),
        fc.constantFrom('a.example', 'b.example', 'c.example'),
        (list, at, method, host) => {
          const wanted = findNaively(list, at, method, host)
          const { route: one, allow } = new Router(list).find(host, method, at)
          if (one === undefined) {
            expect(wanted.best).toEqual([])
            expect(allow).toEqual(expect.arrayContaining(wanted.known))
            if (method !== 'TRACE') expect(allow).toEqual(wanted.known)
          } else {
            found += 1
            expect(wanted.best).toContain(one.id)
          }
        },
      ),
      { numRuns: 3000 },
    )
    expect(found).toBeGreaterThan(0)
  })
})
