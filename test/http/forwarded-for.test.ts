import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type AddressKind, clientAddress } from '../../src/http/forwarded-for.ts'

const PROXY = '10.0.0.1'

/** 10/8 and fd00::/8 are ours. */
function kindOf(address: string): AddressKind {
  if (!/^[0-9a-f.:]+$/.test(address) || !/[.:]/.test(address)) return undefined
  return /^(10\.|fd)/.test(address) ? 'trusted' : 'other'
}

const by = (...lines: string[]) =>
  clientAddress(
    lines.flatMap((line) => ['X-Forwarded-For', line]),
    'x-forwarded-for',
    PROXY,
    kindOf,
  )
const standard = (...lines: string[]) =>
  clientAddress(
    lines.flatMap((line) => ['Forwarded', line]),
    'forwarded',
    PROXY,
    kindOf,
  )

describe('X-Forwarded-For is walked from the right, over what is trusted', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['1.2.3.4, 192.0.2.1', '192.0.2.1'],
    ['1.2.3.4, 192.0.2.1, 10.0.0.2', '192.0.2.1'],
    ['1.2.3.4,192.0.2.1 ,\t10.0.0.2', '192.0.2.1'],
    ['10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['10.0.0.9, 192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:4711', '192.0.2.1'],
    ['2001:DB8::1', '2001:db8::1'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['2001:db8::1, fd00::2', '2001:db8::1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['192.0.2.1, ::ffff:10.0.0.2', '192.0.2.1'],
  ])('GHSA-7x63-xv5r-3p2x: %s: %s [HTTP-29, PF-20]', (value, expected) => {
    expect(by(value)).toBe(expected)
  })

  test('on all of its lines, which are one list', () => {
    expect(by('1.2.3.4', '192.0.2.1', '10.0.0.2')).toBe('192.0.2.1')
  })

  test.each([
    ['nothing', []],
    ['an empty line', ['']],
    ['a name', ['client.example']],
    ['unknown', ['unknown']],
    ['half an address', ['192.0.2']],
    ['a zone', ['fe80::1%eth0']],
    ['an injected line', ['192.0.2.1\r\nX-Subject: admin']],
    ['quotes', ['"192.0.2.1"']],
    ['a comma at the end', ['192.0.2.1,']],
  ])('%s leaves the address of the proxy', (_title, lines) => {
    expect(by(...lines)).toBe(PROXY)
  })

  test('what cannot be read ends the walk at the proxy that passed it on', () => {
    expect(by('192.0.2.1, unknown, 10.0.0.2')).toBe('10.0.0.2')
  })

  test('a list that is made to be walked ends', () => {
    expect(by(`192.0.2.1, ${'10.0.0.2, '.repeat(5000)}10.0.0.3`)).toBe('10.0.0.2')
  })

  test('whatever stands left of a stranger has no effect (GHSA-7x63-xv5r-3p2x) [PF-20]', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (invented) => {
        expect(by(`${invented}, 192.0.2.1, 10.0.0.2`)).toBe('192.0.2.1')
      }),
    )
  })

  test('and whatever there is, the answer is an address (CWE-763 of liboauth2) [PF-37]', () => {
    const text = fc.string({ maxLength: 60, unit: fc.constantFrom(...'0123456789abf.:,[]"; =fo') })
    fc.assert(
      fc.property(text, (value) => {
        expect(kindOf(by(value))).toBeDefined()
        expect(kindOf(standard(value))).toBeDefined()
      }),
      { numRuns: 1000 },
    )
  })
})

describe('RFC 7239 §4: so is Forwarded', () => {
  test.each([
    ['for=192.0.2.1', '192.0.2.1'],
    ['For="192.0.2.1:4711";proto=https;by=10.0.0.1', '192.0.2.1'],
    ['for=1.2.3.4, for=192.0.2.1;host=a, for=10.0.0.2', '192.0.2.1'],
    ['proto=http; for="[2001:db8::1]:443"', '2001:db8::1'],
  ])('%s: %s [HTTP-29]', (value, expected) => {
    expect(standard(value)).toBe(expected)
  })

  test.each([
    ['RFC 7239 §6.2: nobody knows', 'for=unknown'],
    ['RFC 7239 §6.3: a name of its own', 'for="_hidden"'],
    ['nobody', 'proto=https'],
    ['two', 'for=192.0.2.1;for=192.0.2.2'],
    ['none of X-Forwarded-For', '192.0.2.1'],
    ['quotes that do not end', 'for="192.0.2.1'],
  ])('%s leaves the address of the proxy', (_title, value) => {
    expect(standard(value)).toBe(PROXY)
  })
})
