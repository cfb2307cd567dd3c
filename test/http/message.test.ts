import { describe, expect, test } from 'vitest'
import { checkMessage, parseFraming, parseStreamFraming } from '../../src/http/message.ts'

const limits = { headerLines: 4, target: 20 }
const honest = ['Host', 'api.bank.example', 'Accept', '*/*']

describe('RFC 9113 §8.1.1: how far content reaches in HTTP/2 [HTTP-22]', () => {
  test.each<[string, string[], boolean, object]>([
    ['nothing, and the stream ends', [], true, { length: undefined, present: false }],
    ['nothing, and it goes on', [], false, { length: undefined, present: true }],
    ['a length', ['content-length', '12'], false, { length: 12, present: true }],
    ['no length at all', ['content-length', '0'], false, { length: 0, present: false }],
    ['no length, and the end', ['content-length', '0'], true, { length: 0, present: false }],
  ])('is read from %s', (_, fields, endsWithHead, content) => {
    expect(parseStreamFraming(fields, endsWithHead)).toEqual(content)
  })

  test.each<[string, string[], boolean, string]>([
    ['a length, and the end', ['content-length', '1'], true, 'content_length_untrue'],
    ['two', ['content-length', '1', 'content-length', '1'], false, 'content_length_malformed'],
    ['a list', ['content-length', '1, 1'], false, 'content_length_malformed'],
    ['a sign', ['content-length', '+1'], false, 'content_length_malformed'],
  ])('is refused for %s', (_, fields, endsWithHead, reason) => {
    expect(parseStreamFraming(fields, endsWithHead)).toMatchObject({ error: 'bad_request', reason })
  })
})

describe('parseFraming', () => {
  test.each(['0.9', '2.0', '1.2', ''])('RFC 9112 §2.3: version %j is refused', (version) => {
    expect(parseFraming(['Host', 'api.bank.example'], version)).toMatchObject({
      error: 'bad_request',
      reason: 'http_version_unknown',
    })
  })

  test.each([
    ['nothing', [], { length: undefined, present: false }],
    ['Content-Length: 0', ['Content-Length', '0'], { length: 0, present: false }],
    ['Content-Length: 12', ['content-length', '12'], { length: 12, present: true }],
    ['chunked', ['Transfer-Encoding', 'chunked'], { length: undefined, present: true }],
    ['Chunked', ['transfer-encoding', 'Chunked'], { length: undefined, present: true }],
  ])('RFC 9112 §6.3: the length of a message is read from %s', (_title, fields, content) => {
    expect(parseFraming(fields, '1.1')).toEqual(content)
  })

  test('RFC 9112 §6.3: in HTTP/1.0 a length is read alike', () => {
    expect(parseFraming(['Content-Length', '12'], '1.0')).toEqual({ length: 12, present: true })
  })

  test.each([
    ['both', ['Transfer-Encoding', 'chunked', 'Content-Length', '3']],
    ['both, the length first', ['Content-Length', '3', 'Transfer-Encoding', 'chunked']],
    ['both, the length nought', ['Transfer-Encoding', 'chunked', 'Content-Length', '0']],
    [
      'both, and two lengths',
      ['Transfer-Encoding', 'chunked', 'Content-Length', '3', 'Content-Length', '3'],
    ],
    ['both, with a coding that is not ours', ['Transfer-Encoding', 'x', 'Content-Length', '3']],
  ])('RFC 9112 §6.1: a coding beside a length is refused (%s)', (_title, fields) => {
    expect(parseFraming(fields, '1.1')).toMatchObject({
      error: 'bad_request',
      reason: 'framing_ambiguous',
    })
  })

  test('RFC 9112 §6.1: a coding in HTTP/1.0 is refused', () => {
    expect(parseFraming(['Transfer-Encoding', 'chunked'], '1.0')).toMatchObject({
      error: 'bad_request',
      reason: 'framing_of_http_1_0',
    })
  })

  test.each([
    ['another', ['identity']],
    ['two in one line', ['gzip, chunked']],
    ['chunked twice in one line', ['chunked, chunked']],
    ['chunked on two lines', ['chunked', 'chunked']],
    ['quoted', ['"chunked"']],
    ['with a parameter', ['chunked;q=1']],
    ['with a tab', ['\tchunked']],
    ['with a vertical tab', ['\vchunked']],
    ['empty', ['']],
    ['a look-alike', ['xchunked']],
  ])('RFC 9112 §6.1, RFC 9112 §7: no coding but chunked, once (%s)', (_title, values) => {
    const fields = values.flatMap((value) => ['Transfer-Encoding', value])
    expect(parseFraming(fields, '1.1')).toMatchObject({
      error: 'bad_request',
      reason: 'transfer_coding_unknown',
    })
  })

  test.each([
    ['with a sign', ['+3']],
    ['negative', ['-3']],
    ['hexadecimal', ['0x3']],
    ['with a fraction', ['3.0']],
    ['with an exponent', ['3e1']],
    ['with a space', ['3 3']],
    ['a list of equals', ['3, 3']],
    ['empty', ['']],
    ['with an underscore', ['1_000']],
    ['with a line feed', ['3\n']],
    ['in the digits of another script', ['\u0663']],
    ['longer than any content', ['9'.repeat(16)]],
    ['twice the same', ['3', '3']],
    ['twice different', ['3', '4']],
  ])('RFC 9112 §6.3: a length is one, of digits alone (%s)', (_title, values) => {
    const fields = values.flatMap((value) => ['Content-Length', value])
    expect(parseFraming(fields, '1.1')).toMatchObject({
      error: 'bad_request',
      reason: 'content_length_malformed',
    })
  })
})

describe('checkMessage', () => {
  test('RFC 9112 §3.2: a message with one Host and within its limits is passed', () => {
    expect(checkMessage(honest, '/accounts', limits)).toBeUndefined()
  })

  test('RFC 9110 §10.1.1: 100-continue may be expected, in any case of letters', () => {
    expect(checkMessage([...honest, 'Expect', '100-Continue'], '/', limits)).toBeUndefined()
  })

  test.each(['close', 'Keep-Alive', 'close, X-Hop', ',, close\t ,', '', 'TE,trailers'])(
    'RFC 9110 §7.6.1, §5.6.1.2: Connection: %s is a list of tokens',
    (value) => {
      expect(checkMessage([...honest, 'Connection', value], '/', limits)).toBeUndefined()
    },
  )

  test('RFC 6585 §5, RFC 9110 §15.5.15: what is just at a limit is within it', () => {
    const lines = [...honest, 'A', '1', 'B', '2']
    expect(checkMessage(lines, `/${'a'.repeat(19)}`, limits)).toBeUndefined()
  })

  test.each([
    [
      'RFC 6585 §5: one field line too many',
      [...honest, 'A', '1', 'B', '2', 'C', '3'],
      '/',
      'header_fields_too_large',
      'header_lines_too_many',
    ],
    [
      'RFC 9110 §15.5.15: a target one character too long',
      honest,
      `/${'a'.repeat(20)}`,
      'uri_too_long',
      'target_too_long',
    ],
    ['RFC 9112 §3.2: no Host', ['Accept', '*/*'], '/', 'bad_request', 'host_missing'],
    [
      'RFC 9112 §3.2: two Hosts',
      [...honest, 'host', 'api.bank.example'],
      '/',
      'bad_request',
      'host_several',
    ],
    ...['x  close', 'close;q=1', '"close"', 'close\x0bx', 'close, a b', 'cl\xf6se', '@'].map(
      (value): [string, string[], string, string, string] => [
        `RFC 9110 §7.6.1: Connection: ${JSON.stringify(value)}`,
        [...honest, 'Connection', value],
        '/',
        'bad_request',
        'connection_malformed',
      ],
    ),
    [
      'RFC 9110 §7.6.1: the same on a second line',
      [...honest, 'Connection', 'close', 'connection', 'a b'],
      '/',
      'bad_request',
      'connection_malformed',
    ],
    [
      'RFC 9110 §10.1.1: another expectation',
      [...honest, 'Expect', '200-ok'],
      '/',
      'expectation_failed',
      'expectation_unknown',
    ],
    [
      'RFC 9110 §10.1.1: an empty expectation',
      [...honest, 'Expect', ''],
      '/',
      'expectation_failed',
      'expectation_unknown',
    ],
    [
      'RFC 9110 §10.1.1: two expectations',
      [...honest, 'Expect', '100-continue', 'Expect', '100-continue'],
      '/',
      'expectation_failed',
      'expectation_unknown',
    ],
  ])('%s is refused', (_title, fields, target, error, reason) => {
    expect(checkMessage(fields, target, limits)).toMatchObject({ error, reason })
  })
})
