import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseQualifiedStatements } from '../../src/x509/qc-statements.ts'
import { octets, oid, sequence, utf8, writePsd2Statement } from '../support/der-writing.ts'

const role = (n: number) => `0.4.0.19495.1.${n}`
const type = (n: number) => sequence(oid('0.4.0.1862.1.6'), sequence(oid(`0.4.0.1862.1.6.${n}`)))
/** id-etsi-qcs-QcCompliance: a statement without information. */
const COMPLIANT = sequence(oid('0.4.0.1862.1.1'))

describe('ETSI TS 119 495 §5.1: the roles of a payment service provider', () => {
  test.each([
    [1, 'PSP_AS'],
    [2, 'PSP_PI'],
    [3, 'PSP_AI'],
    [4, 'PSP_IC'],
  ])('.1.%d is %s, whatever it is called', (n, expected) => {
    const der = sequence(COMPLIANT, writePsd2Statement([role(n)], 'PSP_XX'))
    expect(parseQualifiedStatements(der)).toEqual({
      roles: [expected],
      authority: { name: 'Financial Conduct Authority', id: 'GB-FCA' },
      types: [],
    })
  })

  test('are several, and one that is not known is none', () => {
    const der = sequence(writePsd2Statement([role(3), role(9), role(2)], 'PSP_AS'))
    expect(parseQualifiedStatements(der)?.roles).toEqual(['PSP_AI', 'PSP_PI'])
  })

  test('are not read from text that reads like one', () => {
    const der = sequence(
      sequence(oid('1.2.3'), utf8('PSP_AI')),
      writePsd2Statement(['1.2.3.4'], 'PSP_AI'),
    )
    expect(parseQualifiedStatements(der)?.roles).toEqual([])
  })

  test.each<[string, Buffer]>([
    ['stand there twice', sequence(writePsd2Statement([role(3)]), writePsd2Statement([role(1)]))],
    ['lack the authority', sequence(sequence(oid('0.4.0.19495.2'), sequence(sequence())))],
    ['are something else', sequence(sequence(oid('0.4.0.19495.2'), octets(Buffer.from('PSP_AI'))))],
    [
      'have something behind them',
      Buffer.concat([sequence(writePsd2Statement([role(3)])), Buffer.alloc(1)]),
    ],
    ['are not DER', Buffer.from('PSP_AI')],
  ])('are none where they %s', (_, der) => {
    expect(parseQualifiedStatements(der)).toBeUndefined()
  })
})

describe('ETSI EN 319 412-5 §4.2.3: the kind of certificate', () => {
  test.each([
    [1, 'esign'],
    [2, 'qseal'],
    [3, 'qwac'],
  ])('.6.%d is %s', (n, expected) => {
    expect(parseQualifiedStatements(sequence(type(n)))?.types).toEqual([expected])
  })

  test('is not said twice', () => {
    expect(parseQualifiedStatements(sequence(type(2), type(3)))).toBeUndefined()
  })
})

test('no octets make the reader throw', () => {
  const good = sequence(COMPLIANT, type(3), writePsd2Statement([role(1), role(2)]))
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, octet, end) => {
      const mutated = Buffer.from(good.subarray(0, Math.max(end, 1)))
      if (at < mutated.length) mutated[at] = octet
      const read = parseQualifiedStatements(mutated)
      if (read !== undefined) expect(read.roles.length).toBeLessThanOrEqual(2)
    }),
    { numRuns: 2000 },
  )
})
