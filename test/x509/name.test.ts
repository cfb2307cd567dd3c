import { describe, expect, test } from 'vitest'
import { DerReader, TAG } from '../../src/encoding/der.ts'
import { ATTRIBUTES, readAttributes, readGeneralNames } from '../../src/x509/name.ts'
import { element, implicit, oid, sequence, set, utf8 } from '../support/der-writing.ts'

const attribute = (id: string, value: Buffer) => sequence(oid(id), value)

function read(...relative: readonly Buffer[]) {
  const reader = new DerReader(sequence(...relative))
  const attributes = readAttributes(reader)
  return { attributes: Object.fromEntries(attributes), isBroken: reader.isBroken }
}

describe('RFC 5280 §4.1.2.4: a name', () => {
  test('has attributes, of which some stand several times', () => {
    const { attributes, isBroken } = read(
      set(attribute(ATTRIBUTES.OU, utf8('one'))),
      set(attribute(ATTRIBUTES.OU, utf8('two')), attribute(ATTRIBUTES.CN, utf8('Bücher'))),
    )
    expect(isBroken).toBe(false)
    expect(attributes).toEqual({ [ATTRIBUTES.OU]: ['one', 'two'], [ATTRIBUTES.CN]: ['Bücher'] })
  })

  test.each<[string, Buffer, string[] | undefined]>([
    ['PrintableString', element(TAG.printableString, Buffer.from('a')), ['a']],
    ['NumericString', element(TAG.numericString, Buffer.from('1 2')), ['1 2']],
    ['IA5String', element(TAG.ia5String, Buffer.from('a')), ['a']],
    ['TeletexString', element(TAG.teletexString, Buffer.from('fc', 'hex')), ['ü']],
    ['BMPString', element(TAG.bmpString, Buffer.from('00fc0061', 'hex')), ['üa']],
    ['UniversalString', element(TAG.universalString, Buffer.from('00000061', 'hex')), undefined],
    ['BIT STRING', element(TAG.bitString, Buffer.from('0061', 'hex')), undefined],
  ])('of %s', (_, value, expected) => {
    const { attributes, isBroken } = read(set(attribute(ATTRIBUTES.CN, value)))
    expect(isBroken).toBe(false)
    expect(attributes[ATTRIBUTES.CN]).toEqual(expected)
  })

  test.each([
    ['a NUL, where other readers end', utf8('bank.example\0.evil')],
    ['letters in a NumericString', element(TAG.numericString, Buffer.from('bank'))],
    ['a new line', utf8('bank\nevil')],
    ['a value that is no text', element(TAG.octetString, Buffer.from('a'))],
    ['no UTF-8', element(TAG.utf8String, Buffer.from([0xc3]))],
    ['half a character', element(TAG.bmpString, Buffer.from([0]))],
  ])('with %s is not read', (_, value) => {
    expect(read(set(attribute(ATTRIBUTES.CN, value))).isBroken).toBe(true)
  })
})

test('RFC 5280 §4.2.1.6: alternative names, by kind; those of others are passed over', () => {
  const names = sequence(
    implicit(1, 'a@bank.example'),
    implicit(2, 'API.bank.example'),
    implicit(7, '\x7f\0\0\x01'),
    implicit(6, 'urn:Bank'),
  )
  expect(readGeneralNames(new DerReader(names).enter(TAG.sequence))).toEqual({
    emails: ['a@bank.example'],
    dnsNames: ['api.bank.example'],
    uris: ['urn:Bank'],
  })
})

test.each(['bank\0.example', 'bänk.example'])('an alternative name %j is not read', (name) => {
  const reader = new DerReader(sequence(implicit(2, name)))
  readGeneralNames(reader.enter(TAG.sequence))
  expect(reader.isBroken).toBe(true)
})
