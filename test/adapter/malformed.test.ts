import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { failureOfParser, refuseRaw } from '../../src/adapter/malformed.ts'
import { fail } from '../../src/failure/failure.ts'
import { linesOf } from '../support/caller.ts'
import { expectClosingRefusal, parseMessage } from '../support/raw-socket.ts'

function parserError(code?: string): Error {
  return code === undefined ? new Error('x') : Object.assign(new Error('x'), { code })
}

describe('what the parser found wrong', () => {
  test.each<[string | undefined, string, string]>([
    ['HPE_HEADER_OVERFLOW', 'header_fields_too_large', 'header_bytes_too_many'],
    ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 'content_too_large', 'chunk_extensions_too_long'],
    ['ERR_HTTP_REQUEST_TIMEOUT', 'request_timeout', 'request_too_slow'],
    ['HPE_INVALID_METHOD', 'bad_request', 'http_malformed'],
    ['HPE_INVALID_TRANSFER_ENCODING', 'bad_request', 'http_malformed'],
    [undefined, 'bad_request', 'http_malformed'],
  ])('%s: %s, %s', (code, error, reason) => {
    expect(failureOfParser(parserError(code))).toMatchObject({ error, reason })
  })
})

async function written(failure: ReturnType<typeof fail>, id: string = randomUUID(), hsts?: number) {
  const socket = new PassThrough()
  refuseRaw(socket, failure, id, hsts)
  const message = parseMessage(Buffer.concat(await Array.fromAsync(socket)), 'response')
  if (message === undefined) throw new Error('no message')
  const status = Number(message.startLine.split(' ')[1])
  return { ...message, status, lines: (name: string) => linesOf(message.fields, name) }
}

describe('the answer that is written by hand', () => {
  test.each<[string, number, string]>([
    ['HPE_INVALID_METHOD', 400, 'http_malformed'],
    ['ERR_HTTP_REQUEST_TIMEOUT', 408, 'request_too_slow'],
    ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 413, 'chunk_extensions_too_long'],
    ['HPE_HEADER_OVERFLOW', 431, 'header_bytes_too_many'],
  ])('RFC 9112 §2.2: %s: %d', async (code, status, reason) => {
    const answer = await written(failureOfParser(parserError(code)))
    expectClosingRefusal(answer, status, reason)
    expect(answer.lines('allow')).toEqual([])
  })

  test('FAPI 1.0 Baseline §6.2.1-11: it has the interaction id that it is given', async () => {
    const id = randomUUID()
    const answer = await written(failureOfParser(parserError()), id)
    expect(answer.lines('x-fapi-interaction-id')).toEqual([id])
    expect(JSON.parse(String(answer.body))).toMatchObject({ interaction_id: id })
  })

  test('RFC 9110 §15.5.6: a 405 says which methods are allowed', async () => {
    const answer = await written(fail('method_not_allowed', 'of_this_test'))
    expectClosingRefusal(answer, 405, 'of_this_test')
    expect(answer.lines('allow')).toEqual([''])
  })

  test.each([
    [60, ['max-age=60']],
    [undefined, []],
  ])('RFC 6797 §7.1: %s: browsers are told %j [TLS-18]', async (hsts, lines) => {
    const answer = await written(failureOfParser(parserError()), undefined, hsts)
    expect(answer.lines('strict-transport-security')).toEqual(lines)
  })

  test('a client that does not close is closed', async () => {
    const socket = new PassThrough({ allowHalfOpen: true })
    refuseRaw(socket, failureOfParser(parserError()), randomUUID(), undefined)
    await once(socket, 'close')
    expect(socket.destroyed).toBe(true)
  })

  test('an error of the socket ends nothing else', () => {
    const socket = new PassThrough()
    refuseRaw(socket, failureOfParser(parserError()), randomUUID(), undefined)
    expect(() => socket.emit('error', new Error('reset'))).not.toThrow()
  })
})
