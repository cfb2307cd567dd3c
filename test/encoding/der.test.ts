import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DerReader, splitSequences, TAG } from '../../src/encoding/der.ts'
import { element, integer, oid, sequence } from '../support/der-writing.ts'

const hex = (text: string) => new DerReader(Buffer.from(text.replaceAll(' ', ''), 'hex'))

describe('X.690 §8.1.3, §10.1: a length is definite and as short as it can be', () => {
  test.each([
    ['short', '04 02 0102', true],
    ['long, where it has to be', `04 8180 ${'00'.repeat(128)}`, true],
    ['long, where short would do', '04 8102 0102', false],
    ['with a leading zero', `04 820080 ${'00'.repeat(128)}`, false],
    ['indefinite', '04 80 0102 0000', false],
    ['of five octets', '04 850000000002 0102', false],
    ['longer than what there is', '04 03 0102', false],
    ['that is missing', '04', false],
    ['whose octets are missing', '04 82 01', false],
    ['that ends with what it is in', '30 03 04 02 01', false],
  ])('%s', (_, text, isGood) => {
    const reader = hex(text)
    if (reader.isNext(TAG.sequence)) reader.enter(TAG.sequence).read(TAG.octetString)
    else reader.read(TAG.octetString)
    reader.finish()
    expect(reader.isBroken).toBe(!isGood)
  })
})

test('tags of several octets are not read', () => {
  const reader = hex('1f 81 00')
  expect(reader.skip()).toBe(false)
  expect(reader.isBroken).toBe(true)
})

test('one element behind the other, each where it is', () => {
  const inner = sequence(integer('01'), integer('02'))
  const reader = new DerReader(Buffer.concat([inner, integer('03')]))
  const inside = reader.enter(TAG.sequence)
  expect(reader.integer()).toBe('03')
  expect([inside.integer(), inside.hasMore, inside.integer(), inside.hasMore]).toEqual([
    '01',
    true,
    '02',
    false,
  ])
  inside.finish()
  reader.finish()
  expect(reader.isBroken).toBe(false)
})

test('what breaks a reader inside breaks all around it, and ends their loops', () => {
  const reader = new DerReader(Buffer.concat([sequence(integer('01')), integer('03')]))
  reader.enter(TAG.sequence).oid()
  expect([reader.isBroken, reader.hasMore, reader.integer()]).toEqual([true, false, ''])
})

test('something behind the end is a fault', () => {
  const reader = new DerReader(Buffer.concat([integer('01'), Buffer.from([0])]))
  reader.integer()
  reader.finish()
  expect(reader.isBroken).toBe(true)
})

describe('X.690 §8.2, §11.1: a boolean', () => {
  test.each([
    ['ff', true, false],
    ['00', false, false],
    ['01', false, true],
    ['', false, true],
    ['ffff', true, true],
  ])('%s', (content, value, isBroken) => {
    const reader = new DerReader(element(TAG.boolean, Buffer.from(content, 'hex')))
    expect([reader.boolean(), reader.isBroken]).toEqual([value, isBroken])
  })
})

describe('X.690 §8.3.2: an integer has no octet too many', () => {
  test.each([
    ['00', false],
    ['0080', false],
    ['ff7f', false],
    ['', true],
    ['0001', true],
    ['ff80', true],
  ])('%s', (content, isBroken) => {
    const reader = new DerReader(integer(content))
    expect(reader.integer()).toBe(content)
    expect(reader.isBroken).toBe(isBroken)
  })
})

describe('X.690 §8.19: an object identifier', () => {
  test.each(['0.4.0.19495.2', '1.2.840.113549.1.1.11', '2.5.4.97', '2.999.3'])('%s', (text) => {
    const reader = new DerReader(oid(text))
    expect([reader.oid(), reader.isBroken]).toEqual([text, false])
  })

  test('2.25 with 128 bits', () => {
    const reader = hex(`06 14 69 83 ${'ff'.repeat(17)} 7f`)
    expect(reader.oid()).toBe(`2.25.${2n ** 128n - 1n}`)
  })

  test.each([
    ['that is empty', ''],
    ['that does not end', '2a86'],
    ['with padding', '2a8001'],
    ['of more octets than anybody has', '2a'.padEnd(130, '01')],
  ])('%s is none', (_, content) => {
    const reader = new DerReader(element(TAG.oid, Buffer.from(content, 'hex')))
    expect([reader.oid(), reader.isBroken]).toEqual(['', true])
  })
})

test('a string of bits has no unused ones', () => {
  const reader = hex('03 02 01 fe')
  reader.bits()
  expect(reader.isBroken).toBe(true)
})

describe('RFC 5280 §4.1.2.5, RFC 5280 §4.1.2.5.1: a time', () => {
  test.each<[number, string, string | undefined]>([
    [TAG.utcTime, '491231235959Z', '2049-12-31T23:59:59.000Z'],
    [TAG.utcTime, '500101000000Z', '1950-01-01T00:00:00.000Z'],
    [TAG.generalizedTime, '20500101000000Z', '2050-01-01T00:00:00.000Z'],
    [TAG.generalizedTime, '20240229120000Z', '2024-02-29T12:00:00.000Z'],
    [TAG.generalizedTime, '20230229120000Z', undefined],
    [TAG.generalizedTime, '20231301000000Z', undefined],
    [TAG.generalizedTime, '20230101240000Z', undefined],
    [TAG.generalizedTime, '20230101000000.5Z', undefined],
    [TAG.generalizedTime, '20230101000000+0100', undefined],
    [TAG.utcTime, '2301010000Z', undefined],
    [TAG.utcTime, '', undefined],
  ])('%d %s', (tag, text, expected) => {
    const reader = new DerReader(element(tag, Buffer.from(text)))
    const seconds = reader.time()
    expect(reader.isBroken).toBe(expected === undefined)
    if (expected !== undefined) expect(new Date(seconds * 1000).toISOString()).toBe(expected)
  })
})

test('no octets make a reader throw, or loop', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
      const walk = (reader: DerReader, depth: number) => {
        while (reader.hasMore) {
          if (depth < 5 && reader.isNext(TAG.sequence)) walk(reader.enter(TAG.sequence), depth + 1)
          else if (reader.isNext(TAG.oid)) reader.oid()
          else if (reader.isNext(TAG.integer)) reader.integer()
          else if (reader.isNext(TAG.utcTime)) reader.time()
          else reader.skip()
        }
      }
      walk(new DerReader(Buffer.from(octets)), 0)
    }),
    { numRuns: 2000 },
  )
})

describe('splitSequences', () => {
  test('X.690 §8.1.3: finds what was put behind one another, whatever is in it', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 5 }), (contents) => {
        const all = contents.map((one) => sequence(Buffer.from(one)))
        expect(splitSequences(Buffer.concat(all))).toEqual(all)
      }),
    )
  })

  test('X.690 §8.1.3: and nothing that is cut off, or has something behind it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(), (content, at) => {
        const whole = sequence(Buffer.from(content))
        const cut = whole.subarray(0, 1 + (at % (whole.length - 1)))
        expect(splitSequences(cut)).toBeUndefined()
        expect(splitSequences(Buffer.concat([whole, Buffer.from([0])]))).toBeUndefined()
      }),
    )
  })

  test.each([
    ['another tag', '3100'],
    ['no length', '30'],
    ['no end', '30800000'],
    ['a length of more than it holds', '3004020100'],
    ['a length in more bytes than it needs', '308103020105'],
    ['the same with a zero in front', '30820003020105'],
    ['a length of four bytes', '308400000003020105'],
    ['half a length', '3082'],
  ])('X.690 §10.1: %s is none', (_title, bytes) => {
    expect(splitSequences(Buffer.from(bytes, 'hex'))).toBeUndefined()
  })
})
