import { createServer, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createTcpServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { OutboundClient, OutboundError } from '../../src/adapter/outbound.ts'
import { createAuthority } from '../../src/demo/certificates.ts'
import { type Listening, listen } from '../../src/demo/loopback.ts'
import { type StubIssuer, startStubIssuer } from '../support/stub-issuer.ts'

let stub: StubIssuer
const clients: OutboundClient[] = []
const servers: Listening[] = []

beforeAll(async () => {
  stub = await startStubIssuer(() => ({ body: 'unset' }))
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  for (const server of servers.splice(0)) await server.close()
})

afterAll(() => stub.close())

function open(tls = stub.tls, timeout = 5): OutboundClient {
  const client = new OutboundClient(tls, timeout)
  clients.push(client)
  return client
}

const GET = { method: 'GET', headers: {} } as const

async function faultOf(call: Promise<unknown>): Promise<string> {
  const error = await call.catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(OutboundError)
  return (error as OutboundError).fault
}

describe('an answer', () => {
  test.each([
    ['application/json', 'application/json'],
    ['Application/JSON; charset=utf-8', 'application/json'],
    ['text/html;charset="a;b"', 'text/html'],
    ['', ''],
  ])('has a media type without parameters: %j', async (type, mediaType) => {
    stub.answer = () => ({ status: 418, type, body: 'as it is' })
    const answer = await open().call(`${stub.origin}/a?b`, GET)
    expect({ ...answer, body: answer.body.toString() }).toEqual({
      status: 418,
      mediaType,
      body: 'as it is',
    })
  })

  test('RFC 9110 §15.4: that points elsewhere is not followed [I03]', async () => {
    stub.answer = () => ({ status: 302, headers: { location: `${stub.origin}/other` }, body: '' })
    const before = stub.requests.length
    expect(await open().call(stub.origin, GET)).toMatchObject({ status: 302 })
    expect(stub.requests).toHaveLength(before + 1)
  })

  test('has a megabyte at most [I04]', async () => {
    stub.answer = () => ({ body: 'x'.repeat(1_048_576) })
    expect((await open().call(stub.origin, GET)).body).toHaveLength(1_048_576)
    stub.answer = () => ({ body: 'x'.repeat(1_048_577) })
    expect(await faultOf(open().call(stub.origin, GET))).toBe('error')
  })
})

describe('an answer that is more than it should be', () => {
  const answering = (send: (response: ServerResponse) => void) => {
    stub.answer = (_, response) => {
      send(response)
      return 'unanswered'
    }
  }
  const bodyOf = async () => (await open().call(stub.origin, GET)).body.toString()

  test('without end, is broken off [I04]', async () => {
    let sent = 0
    answering((response) => {
      const more = () => {
        if (response.destroyed) return
        sent += 65_536
        response.write('x'.repeat(65_536), () => setImmediate(more))
      }
      more()
    })
    expect(await faultOf(open().call(stub.origin, GET))).toBe('error')
    expect(sent).toBeLessThan(52_428_800)
  })

  test('compressed, is not blown up: it was not asked for so [I04]', async () => {
    const bomb = gzipSync(Buffer.alloc(52_428_800))
    answering((response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'application/json' })
      response.end(bomb)
    })
    const { body } = await open().call(stub.origin, GET)
    expect(body.equals(bomb)).toBe(true)
    expect(stub.requests.at(-1)?.headers).not.toHaveProperty('accept-encoding')
  })

  test('RFC 9110 §15.2: with interim ones before it, is the last [I17]', async () => {
    answering((response) => {
      response.writeProcessing()
      response.writeEarlyHints({ link: '</a>; rel=preload' })
      response.end('final')
    })
    expect(await bodyOf()).toBe('final')
  })

  test('RFC 9110 §15.2.1: with a 100 before it that nobody asked for, is none [I17]', async () => {
    answering((response) => {
      response.writeContinue()
      response.end('final')
    })
    expect(await faultOf(open().call(stub.origin, GET))).toBe('error')
  })

  test('RFC 9112 §7.1.2: with fields behind its chunks, is without them [I17]', async () => {
    answering((response) => {
      response.writeHead(200, { trailer: 'Content-Type', 'content-type': 'text/plain' })
      response.write('a')
      response.addTrailers([['Content-Type', 'application/json']])
      response.end('b')
    })
    const { body, mediaType } = await open().call(stub.origin, GET)
    expect([body.toString(), mediaType]).toEqual(['ab', 'text/plain'])
  })

  test('with a head of 17 KiB, is none [I17]', async () => {
    answering((response) => {
      response.writeHead(200, { 'x-more': 'x'.repeat(17_408) }).end('body')
    })
    expect(await faultOf(open().call(stub.origin, GET))).toBe('error')
  })
})

describe('CVE-2026-31923, RFC 9325 §7.1: who is called proves who it is [F1B-SEC-2, F2-NET-4, I08, PF-23]', () => {
  test('by an authority that is trusted', async () => {
    const { certificate } = await createAuthority({ name: 'stub CA', keyKind: 'EC' })
    const before = stub.requests.length
    for (const ca of [undefined, certificate]) {
      expect(await faultOf(open({ ...stub.tls, ca }).call(stub.origin, GET))).toBe('error')
    }
    expect(stub.requests).toHaveLength(before)
  })

  test('by the name that it is called by, or by the one that is configured [TLS-15]', async () => {
    stub.answer = () => ({ body: '' })
    const renamed = { ...stub.tls, serverName: 'other.example' }
    expect(await faultOf(open(renamed).call(stub.origin, GET))).toBe('error')
    const named = { ...stub.tls, serverName: 'localhost' }
    const { port } = stub
    expect(await open(named).call(`https://127.0.0.1:${port}`, GET)).toMatchObject({ status: 200 })
  })

  test('with TLS 1.2 at least', async () => {
    const { certificate, key } = stub.server
    const old = { cert: certificate, key, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' } as const
    const server = createTlsServer({ ...old, ciphers: 'DEFAULT@SECLEVEL=0' })
    const listening = await listen(server, 0)
    servers.push(listening)
    expect(await faultOf(open().call(`https://localhost:${listening.port}`, GET))).toBe('error')
  })
})

describe('a call that brings no answer', () => {
  test('in time', async () => {
    stub.answer = () => 'unanswered'
    expect(await faultOf(open(stub.tls, 0.1).call(stub.origin, GET))).toBe('timeout')
  })

  test('in time, though it has begun [I04]', async () => {
    stub.answer = (_, response) => {
      response.writeHead(200, { 'content-length': 10 })
      response.write('12345')
      return 'unanswered'
    }
    expect(await faultOf(open(stub.tls, 0.2).call(stub.origin, GET))).toBe('timeout')
  })

  test('in time, since the handshake does not end [I07]', async () => {
    const silent = createTcpServer((socket) => socket.on('error', () => {}))
    const port = await new Promise<number>((resolve) => {
      silent.listen(0, '127.0.0.1', () => resolve((silent.address() as { port: number }).port))
    })
    const call = open(stub.tls, 0.2).call(`https://localhost:${port}`, GET)
    expect(await faultOf(call)).toBe('timeout')
    silent.close()
  })

  test('since there is no such name [I07]', async () => {
    // Longer than a label of DNS may be: no name server is asked.
    const url = `https://${'a'.repeat(64)}.localhost/`
    expect(await faultOf(open().call(url, GET))).toMatch(/^(error|timeout)$/)
  })

  test('since nobody is there', async () => {
    const listening = await listen(createServer(), 0)
    await listening.close()
    expect(await faultOf(open().call(`https://localhost:${listening.port}`, GET))).toBe('error')
  })

  test('is told without the query of its URL, in which a secret may stand', async () => {
    stub.answer = (_, response) => {
      response.destroy()
      return 'unanswered'
    }
    const error = await open()
      .call(`${stub.origin}/introspect?api_key=secret#fragment`, GET)
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(OutboundError)
    const { message } = error as OutboundError
    expect(message).toContain(`${stub.origin}/introspect: `)
    expect(message).not.toContain('secret')
  })

  test('since it breaks off', async () => {
    stub.answer = (_, response) => {
      response.writeHead(200, { 'content-length': 10 })
      response.write('12345', () => response.destroy())
      return 'unanswered'
    }
    expect(await faultOf(open().call(stub.origin, GET))).toBe('error')
  })
})

test('RFC 9110 §9.2.2: a call whose connection was closed under it is made once more [I18]', async () => {
  let calls = 0
  stub.answer = (_, response) => {
    calls += 1
    if (calls > 1) return { body: 'second' }
    response.destroy()
    return 'unanswered'
  }
  const answer = await open().call(stub.origin, { method: 'POST', headers: {}, body: 'a=b' })
  expect(answer.body.toString()).toBe('second')
  expect(stub.requests.slice(-2).map(({ body }) => body)).toEqual(['a=b', 'a=b'])
})

test('and not more often than that [I18]', async () => {
  const before = stub.requests.length
  stub.answer = (_, response) => {
    response.destroy()
    return 'unanswered'
  }
  expect(await faultOf(open().call(stub.origin, GET))).toBe('error')
  expect(stub.requests).toHaveLength(before + 2)
})
