import { describe, expect, test } from 'vitest'
import { challengeSchemes } from '../../src/http/challenge-scheme.ts'

describe('challengeSchemes', () => {
  test.each<[string, string[]]>([
    ['Bearer', ['bearer']],
    ['Basic realm="a"', ['basic']],
    ['Bearer realm="a", error="b", scope = "c d"', ['bearer']],
    [
      'Newauth realm="apps", type=1, title="Login to \\"apps\\", Basic x", Basic realm="simple"',
      ['newauth', 'basic'],
    ],
    ['Negotiate YII=, NTLM', ['negotiate', 'ntlm']],
    [', DPoP algs="ES256",, BEARER', ['dpop', 'bearer']],
    ['realm="a"', []],
    ['"Basic", x', ['x']],
    ['', []],
  ])('RFC 9110 §11.6.1: %s', (value, schemes) => {
    expect(challengeSchemes(value)).toEqual(schemes)
  })
})
