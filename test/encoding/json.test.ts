import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseJsonObject } from '../../src/encoding/json.ts'

const corpora = process.env['CORPORA']

function nested(depth: number, open: string, close: string, inner: string): string {
  return open.repeat(depth) + inner + close.repeat(depth)
}

/** What `JSON.parse` makes of it, if it is an object. */
function lenient(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const json = fc.jsonValue({ maxDepth: 5, noUnicodeString: false })
const member = fc.string({ unit: 'grapheme', maxLength: 8 })
const object = fc.dictionary(member, json, { maxKeys: 6 })

describe('parseJsonObject', () => {
  test('RFC 8259 §4: an object comes back from its text, as text and as bytes', () => {
    fc.assert(
      fc.property(object, fc.constantFrom(undefined, 1, '\t'), (value, space) => {
        const text = JSON.stringify(value, null, space)
        expect(parseJsonObject(text)).toEqual(JSON.parse(text))
        expect(parseJsonObject(Buffer.from(text))).toEqual(JSON.parse(text))
      }),
      { numRuns: 500 },
    )
  })

  test('RFC 8259 §4: it is never more lenient than JSON.parse, and never reads otherwise', () => {
    const soup = fc.constantFrom(
      ...[
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"',
        '\\',
        '"a":',
        '"b":',
        '{}',
        '[]',
        '"a"',
        '1',
        '-',
        '1e9',
      ],
      ...[
        '1e999',
        '\\u0061',
        '\\ud800',
        'true',
        'null',
        ' ',
        '\n',
        '\ufeff',
        '\ud83d\ude00',
        'e',
        '.',
      ],
    )
    const text = fc.array(soup, { maxLength: 14 }).map((parts) => `{${parts.join('')}}`)
    fc.assert(
      fc.property(text, (candidate) => {
        const value = parseJsonObject(candidate)
        if (value !== undefined) expect(value).toEqual(lenient(candidate))
      }),
      { numRuns: 5000 },
    )
  })

  test('RFC 7515 §4: a member name planted twice is refused, at any depth and in any spelling [J23, JWT-11]', () => {
    const spelled = (name: string, escaped: boolean) =>
      escaped
        ? `"${[...name].map((_, at) => `\\u${name.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`
        : JSON.stringify(name)
    const name = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 6 })
    const around = fc.array(fc.constantFrom('{"a":', '[', '[1,', '{"b":2,"c":'), { maxLength: 10 })
    fc.assert(
      fc.property(
        name,
        fc.boolean(),
        fc.boolean(),
        around,
        json,
        (twice, one, two, outer, value) => {
          const close = (open: string) => (open.startsWith('{') ? '}' : ']')
          const wrap = (inner: string) =>
            `{"root":${outer.join('')}${inner}${outer.toReversed().map(close).join('')}}`
          const text = JSON.stringify(value)
          const first = `${spelled(twice, one)}:${text}`
          const second = `${spelled(twice, two)}:${text}`
          fc.pre(parseJsonObject(wrap(`{${first}}`)) !== undefined)
          expect(parseJsonObject(wrap(`{${first},${second}}`))).toBeUndefined()
          expect(parseJsonObject(wrap(`{${first},"filler \u0001":[],${second}}`))).toBeUndefined()
        },
      ),
      { numRuns: 300 },
    )
  })

  test.each([
    ['in the order of the attack', '{"alg":"none","alg":"ES256"}'],
    ['in the other order', '{"alg":"ES256","alg":"none"}'],
    ['with the same value', '{"exp":1,"exp":1}'],
    ['after unescaping', '{"alg":1,"\\u0061lg":2}'],
    ['with a slash escaped', '{"a/b":1,"a\\/b":2}'],
    ['that is empty', '{"":1,"":2}'],
    ['called __proto__', '{"__proto__":1,"__proto__":2}'],
    ['in an inner object', '{"cnf":{"jkt":"a","jkt":"b"}}'],
    ['in an object of a list', '{"keys":[{"kid":"a"},{"kid":"b","kid":"c"}]}'],
    ['after an inner object has ended', '{"a":{"b":1},"c":[1,{"a":2}],"a":3}'],
    ['across white space', '{ "a" : 1 ,\r\n\t"a" : 2 }'],
  ])('RFC 7515 §4, RFC 7519 §4: a name twice %s is refused [J23, JWT-11]', (_, text) => {
    expect(lenient(text)).toBeDefined()
    expect(parseJsonObject(text)).toBeUndefined()
  })

  test.each([
    ['in sibling objects', '{"a":{"x":1},"b":{"x":1}}'],
    ['in an object and the one around it', '{"x":{"x":{"x":1}}}'],
    ['as a name and as a value', '{"x":"x","y":["x","x"],"z":"y"}'],
    ['as values alone', '{"a":["x","x","x"]}'],
    ['in two cases of letters', '{"Alg":1,"alg":2}'],
    ['before and after normalisation', '{"\u00e9":1,"e\u0301":2}'],
    ['with structure inside the string', '{"a":"{\\"a\\":1,","b":"]}","c":"\\\\"}'],
  ])('RFC 8259 §4: the same text %s is accepted', (_, text) => {
    expect(parseJsonObject(text)).toEqual(JSON.parse(text))
  })

  test.each([
    ['an array', '[]'],
    ['an array of objects', '[{}]'],
    ['a string', '"x"'],
    ['a number', '1'],
    ['null', 'null'],
    ['true', 'true'],
    ['nothing', ''],
    ['white space', ' '],
    ['a trailing comma', '{"a":1,}'],
    ['trailing garbage', '{"a":1}x'],
    ['a second object', '{"a":1}{"b":2}'],
    ['a comment', '{"a":1/* b */}'],
    ['single quotes', "{'a':1}"],
    ['a bare name', '{a:1}'],
    ['NaN', '{"a":NaN}'],
    ['Infinity', '{"a":-Infinity}'],
    ['a hexadecimal number', '{"a":0x10}'],
    ['a leading zero', '{"a":01}'],
    ['a leading plus', '{"a":+1}'],
    ['an unfinished string', '{"a":"b'],
    ['an unfinished escape', '{"a":"\\'],
    ['an unfinished object', '{"a":{}'],
    ['a closing bracket too many', '{"a":1}}'],
    ['brackets that cross', '{"a":[1}]'],
    ['a raw line feed in a string', '{"a":"\n"}'],
    ['a raw NUL at the end', '{"a":1}\0'],
    ['an unknown escape', '{"a":"\\x61"}'],
    ['a short escape', '{"a":"\\u12"}'],
  ])('RFC 8259 §2: %s is refused [J34]', (_, text) => {
    expect(parseJsonObject(text)).toBeUndefined()
    expect(parseJsonObject(Buffer.from(text))).toBeUndefined()
  })

  test('RFC 8259 §8.1: a byte order mark is refused [J34]', () => {
    expect(parseJsonObject(Buffer.from('\ufeff{"a":1}'))).toBeUndefined()
    expect(parseJsonObject('\ufeff{"a":1}')).toBeUndefined()
    expect(parseJsonObject(Buffer.from('\ufeff{"a":1}', 'utf16le'))).toBeUndefined()
  })

  test.each([
    ['a stray continuation byte', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['half a surrogate pair', [0xed, 0xa0, 0x80]],
    ['a code point beyond Unicode', [0xf4, 0x90, 0x80, 0x80]],
    ['a cut sequence', [0xe2, 0x82]],
    ['latin-1', [0xe9]],
  ])('RFC 8259 §8.1: %s is not UTF-8, and refused [J34, JWT-11]', (_, bytes) => {
    const text = [Buffer.from('{"a":"'), Buffer.from(bytes), Buffer.from('"}')]
    expect(parseJsonObject(Buffer.concat(text))).toBeUndefined()
  })

  test.each([
    ['high, escaped', '{"a":"\\ud800"}'],
    ['low, escaped', '{"a":"\\uDC00"}'],
    ['escaped in the wrong order', '{"a":"\\udc00\\ud800"}'],
    ['escaped, before a letter', '{"a":"\\ud83dx"}'],
    ['escaped, in a name', '{"\\ud800":1}'],
    ['raw', '{"a":"\ud800"}'],
    ['raw, completed by an escape', '{"a":"\ud83d\\ude00"}'],
  ])('RFC 7493 §2.1: half a surrogate pair (%s) is refused [J34]', (_, text) => {
    expect(lenient(text)).toBeDefined()
    expect(parseJsonObject(text)).toBeUndefined()
  })

  test('RFC 7493 §2.1: a whole pair is accepted, raw and escaped', () => {
    expect(parseJsonObject('{"a":"\\ud83d\\ude00","b":"\ud83d\ude00"}')).toEqual({
      a: '\ud83d\ude00',
      b: '\ud83d\ude00',
    })
  })

  test.each(['1e999', '-1e999', '1E+400', '1.7976931348623159e308', `1${'0'.repeat(309)}`])(
    'RFC 7493 §2.2: a number that is infinite as a double is refused (%s) [J28]',
    (number) => {
      expect(lenient(`{"exp":${number}}`)).toBeDefined()
      expect(parseJsonObject(`{"exp":${number}}`)).toBeUndefined()
      expect(parseJsonObject(`{"a":[0,${number}]}`)).toBeUndefined()
    },
  )

  test.each(['1e308', '-1e308', '1e-999', '-0', '0.5', '9007199254740993', `1${'0'.repeat(308)}`])(
    'RFC 7493 §2.2: a number that is finite is read as JSON.parse reads it (%s)',
    (number) => {
      expect(parseJsonObject(`{"exp":${number}}`)).toEqual({ exp: Number(number) })
    },
  )

  test('nesting is read down to the sixteenth level and no deeper [J36, JWT-16]', () => {
    expect(parseJsonObject(nested(16, '{"a":', '}', '1'))).toBeDefined()
    expect(parseJsonObject(nested(17, '{"a":', '}', '1'))).toBeUndefined()
    expect(parseJsonObject(`{"a":${nested(15, '[', ']', '')}}`)).toBeDefined()
    expect(parseJsonObject(`{"a":${nested(16, '[', ']', '')}}`)).toBeUndefined()
    expect(parseJsonObject(`{"a":[${'[],'.repeat(1000)}{}]}`)).toBeDefined()
  })

  test('a hundred thousand brackets are refused without recursion [J36, O14]', () => {
    expect(parseJsonObject(`{"a":${'['.repeat(100_000)}`)).toBeUndefined()
    expect(parseJsonObject('{"a":'.repeat(100_000))).toBeUndefined()
    expect(parseJsonObject(`{"a":${'}'.repeat(100_000)}`)).toBeUndefined()
  })

  test('a member called __proto__ is an own member and changes no prototype [J35]', () => {
    const value = parseJsonObject('{"__proto__":{"jkt":"x"},"constructor":1}')!
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor'])
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(value['jkt']).toBeUndefined()
    expect(({} as Record<string, unknown>)['jkt']).toBeUndefined()
  })

  test('a view into a larger buffer is read alone', () => {
    const bytes = new Uint8Array(Buffer.from('xx{"a":1}yy')).subarray(2, 9)
    expect(parseJsonObject(bytes)).toEqual({ a: 1 })
  })
})

describe.skipIf(corpora === undefined)('JSONTestSuite (set CORPORA to run)', () => {
  const cases: [string, Buffer][] =
    corpora === undefined
      ? []
      : Object.entries<string>(
          JSON.parse(readFileSync(`${corpora}/json/jsontestsuite.json`, 'utf8')).cases,
        ).map(([name, value]) => [name, Buffer.from(value, 'base64')])

  /** What the suite lets every parser decide, and we accept: finite numbers, whatever their precision. */
  const ACCEPTED = [
    'i_number_double_huge_neg_exp.json',
    'i_number_real_underflow.json',
    'i_number_too_big_neg_int.json',
    'i_number_too_big_pos_int.json',
    'i_number_very_big_negative_int.json',
  ]

  /** What the suite demands of a general parser, and we refuse. */
  const REFUSED = ['y_object_duplicated_key.json', 'y_object_duplicated_key_and_value.json']

  test('RFC 8259 §2: the suite is there', () => {
    expect(cases.length).toBe(318)
  })

  // Each text is also put in the place of a value, because most of the suite's have no object on top.
  test.each(cases)('RFC 8259 §2: %s [J34]', (name, bytes) => {
    const member = Buffer.concat([Buffer.from('{"a":'), bytes, Buffer.from('}')])
    const accepted = (name.startsWith('y_') && !REFUSED.includes(name)) || ACCEPTED.includes(name)
    expect(parseJsonObject(member) !== undefined).toBe(accepted)
    if (accepted) expect(parseJsonObject(member)).toEqual(JSON.parse(member.toString()))

    const onTop = parseJsonObject(bytes)
    if (!accepted) expect(onTop).toBeUndefined()
    else expect(onTop !== undefined).toBe(bytes.toString().trim().startsWith('{'))
  })
})
