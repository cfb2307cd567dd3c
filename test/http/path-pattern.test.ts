import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Router } from '../../src/gateway/router.ts'
import {
  comparePatterns,
  type PathPattern,
  PatternFault,
  parsePattern,
  patternsOverlap,
} from '../../src/http/path-pattern.ts'

/** Asks the router that serves: what it finds is what a pattern means. */
function matches({ text }: PathPattern, path: string): boolean {
  const router = new Router([{ hosts: undefined, paths: [text], methods: undefined }])
  return router.find('host', 'GET', path).route !== undefined
}

function pattern(text: string): PathPattern {
  const parsed = parsePattern(text)
  if (parsed instanceof PatternFault) throw new Error(`${text}: ${parsed.message}`)
  return parsed
}

describe('a pattern is written in the form in which paths are matched', () => {
  test.each([['/'], ['/accounts'], ['/accounts/'], ['/a/*/b'], ['/a/**'], ['/**'], ['/a%20b']])(
    '%s',
    (text) => {
      expect(pattern(text).text).toBe(text)
    },
  )

  test.each([
    ['accounts', 'a path begins with /'],
    ['', 'a path begins with /'],
    ['/**/b', '** can only be the last segment'],
    ['/a*', '* and ** stand for whole segments'],
    ['/a/***', '* and ** stand for whole segments'],
    ['/a?b=c', 'a query is not matched: leave it out'],
    ['/a#b', 'no request can have this path (path_fragment)'],
    ['/a//b', 'no request can have this path (path_empty_segment)'],
    ['/a/../b', 'no request can have this path (path_dot_segment)'],
    ['/a%2Fb', 'no request can have this path (path_encoded_separator)'],
    ['/%61', 'write it as /a'],
    ['/a%c3%a9', 'write it as /a%C3%A9'],
  ])('%s is refused: %s', (text, message) => {
    expect(parsePattern(text)).toEqual(new PatternFault(message))
  })
})

describe('what a pattern means', () => {
  test.each([
    ['/accounts/**', '/accounts', true],
    ['/accounts/**', '/accounts/', true],
    ['/accounts/**', '/accounts/1/transactions', true],
    ['/accounts/**', '/accountsx', false],
    ['/accounts/**', '/', false],
    ['/accounts/*', '/accounts/1', true],
    ['/accounts/*', '/accounts', false],
    ['/accounts/*', '/accounts/', false],
    ['/accounts/*', '/accounts/1/2', false],
    ['/a/*/b', '/a/x/b', true],
    ['/a/*/b', '/a/x/c', false],
    ['/accounts', '/accounts/', false],
    ['/accounts', '/Accounts', false],
    ['/**', '/', true],
  ])('%s, %s: %s', (text, path, isMatch) => {
    expect(matches(pattern(text), path)).toBe(isMatch)
  })
})

describe('the more specific of two patterns', () => {
  test.each([
    ['/a/b', '/a/*'],
    ['/a/b', '/a/**'],
    ['/a/*', '/a/**'],
    ['/a', '/a/**'],
    ['/a/*', '/*/b'],
    ['/a/**', '/*/b'],
    ['/a/*/c', '/a/*/**'],
  ])('%s is more specific than %s', (one, other) => {
    expect(comparePatterns(pattern(one), pattern(other))).toBeLessThan(0)
    expect(comparePatterns(pattern(other), pattern(one))).toBeGreaterThan(0)
  })
})

describe('patterns and the router agree', () => {
  const segment = fc.constantFrom('a', 'b', '*')
  const patterns = fc
    .tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.boolean())
    .map(([segments, rest]) => pattern(`/${[...segments, ...(rest ? ['**'] : [])].join('/')}`))
  const paths = fc
    .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 5 })
    .map((segments) => `/${segments.join('/')}`)

  test('two patterns that match one path overlap, and only equal ones are equally specific', () => {
    fc.assert(
      fc.property(patterns, patterns, paths, (one, other, path) => {
        fc.pre(matches(one, path) && matches(other, path))
        expect(patternsOverlap(one, other)).toBe(true)
        expect(comparePatterns(one, other) === 0).toBe(one.text === other.text)
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    ['/a', '/b'],
    ['/a/*', '/a'],
    ['/a/b/**', '/a/c/**'],
    ['/a/', '/a/*'],
  ])('%s and %s have no path in common', (one, other) => {
    expect(patternsOverlap(pattern(one), pattern(other))).toBe(false)
    expect(patternsOverlap(pattern(other), pattern(one))).toBe(false)
  })

  test('RFC 3986 §6.2.2.2, P02: a literal and its encoded spelling are one, as they are to the router', () => {
    expect(patternsOverlap(pattern('/x/a%3Ab'), pattern('/x/a:b'))).toBe(true)
  })
})
