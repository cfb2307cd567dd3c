import { describe, expect, test } from 'vitest'
import { readStrictly } from './strict-reader.ts'

const read = (text: string) => readStrictly(Buffer.from(text, 'latin1'))
const lines = (...all: string[]) => `${all.join('\r\n')}\r\n\r\n`
const GET = lines('GET /a HTTP/1.1', 'Host: b')
const posted = (...fields: string[]) => lines('POST /a HTTP/1.1', 'Host: b', ...fields)

describe('it reads', () => {
  test.each<[string, string, number]>([
    ['one request', GET, 1],
    ['two', GET + GET, 2],
    ['RFC 9112 §2.2: empty lines in front', `\r\n\r\n${GET}`, 1],
    ['RFC 9112 §6.3: content of a length', `${posted('Content-Length: 5')}hello${GET}`, 2],
    [
      'RFC 9112 §7.1: chunks',
      `${posted('Transfer-Encoding: chunked')}1;a=b\r\nx\r\n0\r\n\r\n${GET}`,
      2,
    ],
    [
      'RFC 9112 §7.1.2: trailers',
      `${posted('Transfer-Encoding: Chunked')}0\r\nA: b\r\n\r\n${GET}`,
      2,
    ],
    ['HTTP/1.0', lines('GET /a HTTP/1.0'), 1],
  ])('%s', (_, text, count) => {
    const { requests, isClean } = read(text)
    expect({ count: requests.length, isClean }).toEqual({ count, isClean: true })
    expect(requests.every(({ end }) => end !== undefined)).toBe(true)
  })
})

test('it says where only Node would read on', () => {
  const isLenient = (text: string) => read(text).requests.map((request) => request.isLenient)
  expect(isLenient(`\r\n${GET}${GET}`)).toEqual([false, false])
  expect(isLenient(`\r${GET}\n${GET}`)).toEqual([true, true])
  expect(isLenient(GET.replace('HTTP', 'RTSP'))).toEqual([true])
})

describe('it reads one request, and nothing of what is behind it', () => {
  test.each<[string, string]>([
    ['RFC 9112 §9.6: Connection: close', lines('GET /a HTTP/1.1', 'Connection: x, Close') + GET],
    ['RFC 9112 §9.3: HTTP/1.0', lines('GET /a HTTP/1.0') + GET],
    ['RFC 9110 §9.3.6: CONNECT', lines('CONNECT a:443 HTTP/1.1') + GET],
    ['content that is not whole', `${posted('Content-Length: 999')}${GET}`],
    [
      'a chunk that is longer than its size',
      `${posted('Transfer-Encoding: chunked')}1\r\nxy\r\n${GET}`,
    ],
    [
      'a line behind the chunks that is no field',
      `${posted('Transfer-Encoding: chunked')}0\r\n${GET}`,
    ],
  ])('%s', (_, text) => {
    const { requests, isClean } = read(text)
    expect({ count: requests.length, isClean }).toEqual({ count: 1, isClean: false })
  })
})

describe('it reads nothing', () => {
  test.each<[string, string]>([
    ['a head that is not whole', 'GET /a HTTP/1.1\r\nHost: b\r\n'],
    ['bare line feeds', GET.replaceAll('\r', '')],
    ['RFC 9112 §5.1: a space before the colon', posted('Content-Length : 5')],
    ['RFC 9112 §5.2: a folded line', posted('A: b', ' c')],
    ['RFC 9112 §2.2: a bare carriage return in a value', posted('A: b\rc')],
    ['a control character in a value', posted('A: b\0')],
    ['RFC 9112 §3: no version', 'GET /a\r\nHost: b\r\n\r\n'],
    ['a version that is none of ours', GET.replace('1.1', '2.0')],
    ['RFC 9112 §6.3: both framings', posted('Content-Length: 0', 'Transfer-Encoding: chunked')],
    ['RFC 9112 §6.3: two lengths', posted('Content-Length: 0', 'Content-Length: 0')],
    ['RFC 9112 §6.3: a length with a sign', posted('Content-Length: +0')],
    ['RFC 9112 §6.1: another coding', posted('Transfer-Encoding: gzip, chunked')],
    [
      'RFC 9112 §6.1: a coding in HTTP/1.0',
      posted('Transfer-Encoding: chunked').replace('1.1', '1.0'),
    ],
    [
      'RFC 9110 §7.6.1: Connection that is no list',
      lines('GET /a HTTP/1.1', 'Connection: x  close'),
    ],
    ['RFC 9113 §3.4: a preface', 'PRI * HTTP/1.1\r\n\r\nSM\r\n\r\n'],
  ])('%s', (_, text) => {
    expect(read(text)).toEqual({ requests: [], isClean: false })
  })
})
