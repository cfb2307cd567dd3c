import { describe, expect, test } from 'vitest'
import { parseStreamHead } from '../../src/http/stream-head.ts'

const HOST = 'api.bank.example'
const PSEUDO = [':method', 'GET', ':scheme', 'https', ':authority', HOST, ':path', '/accounts']

describe('RFC 9113 §8.3.1: a head is read', () => {
  test('its authority stands for Host [DPOP-H2-1]', () => {
    expect(parseStreamHead([...PSEUDO, 'accept', '*/*'])).toEqual({
      method: 'GET',
      target: '/accounts',
      fields: ['host', HOST, 'accept', '*/*'],
    })
  })

  test.each([
    ['the same host', HOST, HOST],
    ['the same in other letters', HOST.toUpperCase(), HOST],
    ['the same with the default port', `${HOST}:443`, HOST],
  ])('beside it %s is left out', (_, host, authority) => {
    const rawFields = [...PSEUDO.slice(0, 4), ':authority', authority, ':path', '/', 'host', host]
    expect(parseStreamHead(rawFields)).toMatchObject({ fields: ['host', authority] })
  })

  test('without authority Host is what it was', () => {
    const rawFields = [':method', 'GET', ':scheme', 'https', ':path', '/', 'host', HOST]
    expect(parseStreamHead(rawFields)).toMatchObject({ fields: ['host', HOST] })
  })

  test('two Host lines without authority are both kept, to be refused for it', () => {
    const rawFields = [
      ':method',
      'GET',
      ':scheme',
      'https',
      ':path',
      '/',
      'host',
      HOST,
      'host',
      HOST,
    ]
    expect(parseStreamHead(rawFields)).toMatchObject({ fields: ['host', HOST, 'host', HOST] })
  })

  test('RFC 9113 §8.3: pseudo-fields come in any order', () => {
    const rawFields = [':path', '/a', ':authority', HOST, ':scheme', 'https', ':method', 'PUT']
    expect(parseStreamHead(rawFields)).toMatchObject({ method: 'PUT', target: '/a' })
  })

  test('RFC 9113 §8.3.1: * is a target', () => {
    const rawFields = [':method', 'OPTIONS', ':scheme', 'https', ':authority', HOST, ':path', '*']
    expect(parseStreamHead(rawFields)).toMatchObject({ target: '*' })
  })

  test('RFC 9449 §4.3 (1): fields that came twice are still two [DPOP-H2-1]', () => {
    const twice = ['dpop', 'one', 'dpop', 'two', 'authorization', 'a', 'authorization', 'b']
    expect(parseStreamHead([...PSEUDO, ...twice])).toMatchObject({
      fields: ['host', HOST, ...twice],
    })
  })

  test('RFC 9113 §8.2.3: crumbs of a cookie become one field', () => {
    const crumbs = ['cookie', 'a=1', 'accept', '*/*', 'cookie', 'b=2', 'cookie', 'c=3']
    expect(parseStreamHead([...PSEUDO, ...crumbs])).toMatchObject({
      fields: ['host', HOST, 'cookie', 'a=1; b=2; c=3', 'accept', '*/*'],
    })
  })

  test.each([
    ['te', 'trailers'],
    ['te', 'Trailers'],
    ['x', ''],
    ['x', 'a\tb'],
    ['x', 'caf\xe9'],
    ['x_y.z', 'a'],
  ])('RFC 9113 §8.2: %s: %j is a field', (name, value) => {
    expect(parseStreamHead([...PSEUDO, name, value])).toMatchObject({
      fields: ['host', HOST, name, value],
    })
  })
})

/** The honest pseudo-fields, one of them changed; without it where there is no value. */
function changed(name: string, value?: string): string[] {
  const at = PSEUDO.indexOf(name)
  return PSEUDO.toSpliced(at, 2, ...(value === undefined ? [] : [name, value]))
}

describe('RFC 9113 §8.3: pseudo-fields are refused [HTTP-22]', () => {
  test.each<[string, string[], string]>([
    ['twice: path', [...PSEUDO, ':path', '/other'], 'pseudo_field_unexpected'],
    ['twice: method', [...PSEUDO, ':method', 'GET'], 'pseudo_field_unexpected'],
    ['twice: authority', [...PSEUDO, ':authority', HOST], 'pseudo_field_unexpected'],
    ['that are of responses', [...PSEUDO, ':status', '200'], 'pseudo_field_unexpected'],
    ['of RFC 8441', [...PSEUDO, ':protocol', 'websocket'], 'pseudo_field_unexpected'],
    ['of no name', [...PSEUDO, ':', '1'], 'pseudo_field_unexpected'],
    ['of a name that objects have', [...PSEUDO, ':constructor', '1'], 'pseudo_field_unexpected'],
    ['behind others', [...PSEUDO.slice(0, 6), 'x', '1', ':path', '/'], 'pseudo_field_malformed'],
    ['behind others, twice', [...PSEUDO, 'x', '1', ':path', '/other'], 'field_malformed'],
    ['without a method', changed(':method'), 'pseudo_field_malformed'],
    ['with a method of two words', changed(':method', 'GET /x'), 'pseudo_field_malformed'],
    ['with a method of two lines', changed(':method', 'GET\r\n'), 'pseudo_field_malformed'],
    [
      'RFC 9110 §9.1: with a method that is one in another case',
      changed(':method', 'post'),
      'pseudo_field_malformed',
    ],
    ['without a path', changed(':path'), 'pseudo_field_malformed'],
    ['with an empty path', changed(':path', ''), 'pseudo_field_malformed'],
    ['with a path that is none', changed(':path', 'accounts'), 'pseudo_field_malformed'],
    ['with a URL', changed(':path', `https://${HOST}/`), 'pseudo_field_malformed'],
    ['with a path beginning with *', changed(':path', '*/'), 'pseudo_field_malformed'],
    ['without a scheme', changed(':scheme'), 'scheme_not_https'],
    ['with another scheme', changed(':scheme', 'http'), 'scheme_not_https'],
    ['of CONNECT', [':method', 'CONNECT', ':authority', HOST], 'pseudo_field_malformed'],
  ])('%s', (_, rawFields, reason) => {
    expect(parseStreamHead(rawFields)).toMatchObject({ error: 'bad_request', reason })
  })
})

describe('RFC 9113 §8.2.1, RFC 9113 §8.2.2: fields are refused [HTTP-22]', () => {
  test.each([
    ['connection', 'keep-alive', 'field_of_connection'],
    ['proxy-connection', 'close', 'field_of_connection'],
    ['keep-alive', 'timeout=5', 'field_of_connection'],
    ['transfer-encoding', 'chunked', 'field_of_connection'],
    ['upgrade', 'h2c', 'field_of_connection'],
    ['http2-settings', 'AAA', 'field_of_connection'],
    ['te', 'gzip', 'field_of_connection'],
    ['te', 'trailers, chunked', 'field_of_connection'],
    ['te', '', 'field_of_connection'],
    ['X-Upper', '1', 'field_malformed'],
    ['', '1', 'field_malformed'],
    ['x y', '1', 'field_malformed'],
    ['x\r\ny', '1', 'field_malformed'],
    ['x:', '1', 'field_malformed'],
    ['transfer-encoding ', 'chunked', 'field_malformed'],
    ['x', 'a\r\ntransfer-encoding: chunked', 'field_malformed'],
    ['x', 'a\nb', 'field_malformed'],
    ['x', 'a\rb', 'field_malformed'],
    ['x', 'a\0b', 'field_malformed'],
    ['x', 'a\n', 'field_malformed'],
    ['x', ' a', 'field_malformed'],
    ['x', 'a\t', 'field_malformed'],
    ['x', '\x7f', 'field_malformed'],
    ['host', 'evil.example', 'host_is_not_authority'],
    ['host', `${HOST}:8443`, 'host_is_not_authority'],
    ['host', `${HOST}, evil.example`, 'host_is_not_authority'],
    ['host', '', 'host_is_not_authority'],
  ])('%j: %j', (name, value, reason) => {
    expect(parseStreamHead([...PSEUDO, name, value])).toMatchObject({
      error: 'bad_request',
      reason,
    })
  })

  test('host_is_not_authority: two names of the same kind that are no hosts', () => {
    const rawFields = [...changed(':authority', 'a b'), 'host', 'b a']
    expect(parseStreamHead(rawFields)).toMatchObject({ reason: 'host_is_not_authority' })
  })
})
