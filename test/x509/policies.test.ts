import { describe, expect, test } from 'vitest'
import { DerReader } from '../../src/encoding/der.ts'
import {
  ANY_POLICY,
  hasPolicyWhereDemanded,
  type Member,
  readCount,
  readExplicitAfter,
  readMappedPolicies,
  readPolicies,
} from '../../src/x509/policies.ts'
import { implicit, integer, oid, sequence, utf8 } from '../support/der-writing.ts'

const [P1, P2, P3] = ['1.2.3.1', '1.2.3.2', '1.2.3.3'] as const

interface Said {
  readonly explicit?: number
  readonly notAny?: number
  readonly mapped?: readonly string[]
  readonly selfIssued?: boolean
}

/** A certificate that names these policies; none: it has no such extension. */
function member(named: readonly string[], said: Said = {}): Member {
  return {
    isSelfIssued: said.selfIssued ?? false,
    policies: {
      named: named.length === 0 ? undefined : named,
      mapped: said.mapped ?? [],
      explicitAfter: said.explicit ?? Number.POSITIVE_INFINITY,
      notAnyAfter: said.notAny ?? Number.POSITIVE_INFINITY,
    },
  }
}

describe('RFC 5280 §6.1: nobody has to have a policy', () => {
  test.each<[string, Member[]]>([
    ['where no authority demands one', [member([]), member([]), member([])]],
    ['where they do not agree', [member([P1]), member([P2]), member([P3])]],
    ['where nobody issued', []],
  ])('%s', (_, members) => {
    expect(hasPolicyWhereDemanded(members)).toBe(true)
  })
})

// The names of NIST's tests of paths (PKITS §4.8 to §4.12), where they are of these questions.
describe('RFC 5280 §4.2.1.11: where an authority demands that there be a policy', () => {
  test.each<[string, boolean, Member[]]>([
    [
      'requireExplicitPolicy 1: ten, of five',
      true,
      [member([], { explicit: 10 }), member([]), member([]), member([]), member([])],
    ],
    [
      'requireExplicitPolicy 2: five, of five',
      true,
      [member([P1], { explicit: 5 }), member([P1]), member([P1]), member([P1]), member([])],
    ],
    [
      'requireExplicitPolicy 3: four, of five',
      false,
      [member([P1], { explicit: 4 }), member([P1]), member([P1]), member([P1]), member([])],
    ],
    [
      'requireExplicitPolicy 4: at once, and all have it',
      true,
      [member([P1], { explicit: 0 }), member([P1]), member([P1]), member([P1])],
    ],
    [
      'RFC 5280 §6.1.4 (i), requireExplicitPolicy 5: seven, then two, then four',
      false,
      [
        member([P1], { explicit: 7 }),
        member([P1], { explicit: 2 }),
        member([P1], { explicit: 4 }),
        member([P1]),
        member([]),
      ],
    ],
    [
      'RFC 5280 §6.1.4 (h), requireExplicitPolicy 6: two, of those that are not self-issued',
      true,
      [member([P1], { explicit: 2 }), member([P1], { selfIssued: true }), member([])],
    ],
    [
      'requireExplicitPolicy 7: the same, and one more',
      false,
      [member([P1], { explicit: 2 }), member([P1], { selfIssued: true }), member([P1]), member([])],
    ],
    [
      'requireExplicitPolicy 8: the end is self-issued too, and counts',
      false,
      [
        member([P1], { explicit: 2 }),
        member([P1], { selfIssued: true }),
        member([P1]),
        member([], { selfIssued: true }),
      ],
    ],
    ['the end demands it of itself', false, [member([]), member([], { explicit: 0 })]],
    ['the end demands it of others', true, [member([]), member([], { explicit: 1 })]],
    [
      'DifferentPolicies: two authorities',
      false,
      [member([P1], { explicit: 0 }), member([P2]), member([P1])],
    ],
    [
      'DifferentPolicies: authority and end',
      false,
      [member([P1], { explicit: 0 }), member([P1]), member([P2])],
    ],
    [
      'RFC 5280 §6.1.3 (d): one of several is that of all',
      true,
      [member([P1, P2], { explicit: 0 }), member([P2, P3]), member([P3, P2])],
    ],
    [
      'one for each pair, and none for all',
      false,
      [member([P1, P2], { explicit: 0 }), member([P2, P3]), member([P1, P3])],
    ],
    [
      'RFC 5280 §6.1.2 (a), AllCertificatesAnyPolicy',
      true,
      [member([ANY_POLICY], { explicit: 0 }), member([ANY_POLICY])],
    ],
    ['AnyPolicy, then one', true, [member([ANY_POLICY], { explicit: 0 }), member([P1])]],
    [
      'one, then AnyPolicy, then another',
      false,
      [member([P1], { explicit: 0 }), member([ANY_POLICY]), member([P2])],
    ],
    [
      'RFC 5280 §6.1.3 (f): what is lost stays lost',
      false,
      [member([]), member([ANY_POLICY], { explicit: 0 }), member([ANY_POLICY])],
    ],
    [
      'inhibitAnyPolicy 1: at once',
      false,
      [member([P1], { explicit: 0, notAny: 0 }), member([ANY_POLICY])],
    ],
    [
      'inhibitAnyPolicy 2: at once, and there is one beside it',
      true,
      [member([P1], { explicit: 0, notAny: 0 }), member([ANY_POLICY, P1])],
    ],
    [
      'inhibitAnyPolicy 3: after one more',
      true,
      [member([P1], { explicit: 0, notAny: 1 }), member([ANY_POLICY]), member([P1])],
    ],
    [
      'inhibitAnyPolicy 4: after one more, and then it is',
      false,
      [member([P1], { explicit: 0, notAny: 1 }), member([P1]), member([ANY_POLICY])],
    ],
    [
      'inhibitAnyPolicy 5: the lowest number counts',
      false,
      [
        member([P1], { explicit: 0, notAny: 5 }),
        member([P1], { notAny: 1 }),
        member([P1]),
        member([ANY_POLICY]),
      ],
    ],
    [
      'inhibitAnyPolicy 7: self-issued ones may have it',
      true,
      [
        member([P1], { explicit: 0, notAny: 1 }),
        member([P1]),
        member([ANY_POLICY], { selfIssued: true }),
        member([P1]),
      ],
    ],
    [
      'inhibitAnyPolicy 10: but not the end',
      false,
      [member([P1], { explicit: 0, notAny: 0 }), member([ANY_POLICY], { selfIssued: true })],
    ],
    [
      'inhibitAnyPolicy under any: one that is named',
      true,
      [member([ANY_POLICY], { explicit: 0, notAny: 0 }), member([P1])],
    ],
    [
      'RFC 5280 §6.1.4 (b), Mapping: what was mapped is gone',
      false,
      [member([P1], { explicit: 0, mapped: [P1] }), member([P1])],
    ],
    [
      'Mapping: what it was mapped to is not followed',
      false,
      [member([P1], { explicit: 0, mapped: [P1] }), member([P2])],
    ],
    ['Mapping: others stay', true, [member([P1, P3], { explicit: 0, mapped: [P1] }), member([P3])]],
    [
      'Mapping under any',
      true,
      [member([ANY_POLICY], { explicit: 0, mapped: [P1] }), member([P1])],
    ],
    [
      'Mapping of the end is nobody’s',
      true,
      [member([P1], { explicit: 0 }), member([P1], { mapped: [P1] })],
    ],
  ])('%s: %s', (_, holds, members) => {
    expect(hasPolicyWhereDemanded(members)).toBe(holds)
  })
})

describe('what certificates say of policies', () => {
  const read = <T>(der: Buffer, how: (reader: DerReader) => T): T | undefined => {
    const reader = new DerReader(der)
    const value = how(reader)
    reader.finish()
    return reader.isBroken ? undefined : value
  }

  test('RFC 5280 §4.2.1.4: policies, whatever qualifies them', () => {
    const qualified = sequence(
      oid(P2),
      sequence(sequence(oid('1.3.6.1.5.5.7.2.2'), sequence(utf8('x')))),
    )
    expect(read(sequence(sequence(oid(P1)), qualified), readPolicies)).toEqual([P1, P2])
    expect(read(sequence(sequence(oid(P1), oid(P2))), readPolicies)).toBeUndefined()
    expect(read(sequence(oid(P1)), readPolicies)).toBeUndefined()
  })

  test('RFC 5280 §4.2.1.5, RFC 5280 §6.1.4 (a): mappings, and none of any policy', () => {
    const pair = (from: string, to: string) => sequence(sequence(oid(from), oid(to)))
    expect(read(pair(P1, P2), readMappedPolicies)).toEqual([P1])
    expect(read(pair(ANY_POLICY, P2), readMappedPolicies)).toBeUndefined()
    expect(read(pair(P1, ANY_POLICY), readMappedPolicies)).toBeUndefined()
  })

  test('RFC 5280 §4.2.1.11: constraints', () => {
    const [two, three] = [Buffer.of(2), Buffer.of(3)]
    expect(read(sequence(implicit(0, two), implicit(1, three)), readExplicitAfter)).toBe(2)
    expect(read(sequence(implicit(0, two)), readExplicitAfter)).toBe(2)
    expect(read(sequence(implicit(1, three)), readExplicitAfter)).toBe(Number.POSITIVE_INFINITY)
    expect(read(sequence(implicit(2, three)), readExplicitAfter)).toBeUndefined()
    expect(read(sequence(implicit(0, Buffer.of(0xff))), readExplicitAfter)).toBeUndefined()
  })

  test.each([
    ['00', 0],
    ['7f', 127],
    ['0080', 128],
    ['0100', 256],
    ['0100000000', Number.POSITIVE_INFINITY],
    ['ff', undefined],
    ['', undefined],
    ['0001', undefined],
  ])('RFC 5280 §4.2.1.9: a number %s is %s', (hex, value) => {
    expect(read(integer(hex), (it) => readCount(it))).toBe(value)
  })
})
