import type { IncomingMessage, ServerResponse } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createServer, type Server } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { calculateJwkThumbprint, EmbeddedJWK, exportJWK, jwtVerify } from 'jose'
import { generateKeyPair, None } from 'oauth4webapi'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'

import {
  type Authority,
  type Credential,
  createAuthority,
  generateKeys,
} from '../../src/demo/certificates.ts'
import { type Client, type ClientOptions, createClient } from '../../src/demo/client.ts'
import { type Listening, listen } from '../../src/demo/loopback.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

const URL_OF_API = 'https://api.bank.example/accounts?page=1'

let authority: Authority
let own: Credential
let certified: Credential
const clients: Client[] = []
const servers: Listening[] = []

beforeAll(async () => {
  const keys = await generateKeys()
  authority = await createAuthority({ name: 'Demo CA', keys })
  own = await authority.issueClient({ commonName: 'tpp-1', keys })
  certified = await authority.issueServer({ keys, dnsNames: ['api.bank.example'] })
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  for (const server of servers.splice(0)) await server.close()
})

describe('a call', () => {
  test('goes where it is told to, under the name of the URL, with the certificate', async () => {
    let socket: TLSSocket | undefined
    const client = await clientOf(
      (request, response) => {
        socket = request.socket as TLSSocket
        response.setHeader('x-host', request.headers.host ?? '')
        response.end(request.headers.authorization)
      },
      { certificate: own },
    )
    const reply = await client.call(URL_OF_API, { accessToken: 'token' })
    expect(reply).toMatchObject({ status: 200, body: 'Bearer token', challenges: [] })
    expect(reply.headers.get('x-host')).toBe('api.bank.example')
    expect(socket).toMatchObject({ servername: 'api.bank.example', authorized: true })
    expect(socket?.getPeerX509Certificate()?.subject).toBe('CN=tpp-1')
  })

  test('is not made to a server of another authority', async () => {
    const other = await createAuthority({ name: 'Other CA', keys: own.keys })
    const client = await clientOf((_request, response) => response.end(), {
      ca: other.certificate,
    })
    await expect(client.call(URL_OF_API, { accessToken: 'token' })).rejects.toThrow()
  })

  test('RFC 9449 §9: is made once more with the nonce that is asked for', async () => {
    const proofs: string[] = []
    const client = await clientOf(
      (request, response) => {
        proofs.push(String(request.headers['dpop']))
        if (proofs.length > 1) return response.end(request.headers.authorization)
        response.writeHead(401, {
          'www-authenticate': 'DPoP error="use_dpop_nonce", algs="ES256"',
          'dpop-nonce': 'n-1',
        })
        return response.end()
      },
      { dpop: true },
    )
    const reply = await client.call(URL_OF_API, {
      method: 'POST',
      body: '{}',
      accessToken: 'token',
    })
    expect(reply).toMatchObject({ status: 200, body: 'DPoP token' })
    expect(proofs).toHaveLength(2)
    expect(await claimsOf(proofs[0]!)).not.toHaveProperty('nonce')
    expect(await claimsOf(proofs[1]!)).toMatchObject({
      htm: 'POST',
      htu: 'https://api.bank.example/accounts',
      nonce: 'n-1',
    })
  })

  test('RFC 9449 §9: is not made a third time', async () => {
    let calls = 0
    const challenge = { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': 'n' }
    const client = await clientOf(
      (_request, response) => {
        calls += 1
        response.writeHead(401, challenge).end()
      },
      { dpop: true },
    )
    const reply = await client.call(URL_OF_API, { accessToken: 'token' })
    expect(reply.challenges).toEqual([{ scheme: 'dpop', parameters: { error: 'use_dpop_nonce' } }])
    expect(calls).toBe(2)
  })

  test('RFC 9110 §11.6.1: brings the challenges of a refusal, parsed, and its body', async () => {
    const client = await clientOf((_request, response) => {
      response.writeHead(401, {
        'www-authenticate': ['Bearer error="invalid_token"', 'DPoP algs="ES256 PS256"'],
      })
      response.end('no')
    })
    const refused = {
      status: 401,
      body: 'no',
      challenges: [
        { scheme: 'bearer', parameters: { error: 'invalid_token' } },
        { scheme: 'dpop', parameters: { algs: 'ES256 PS256' } },
      ],
    }
    expect(await client.call(URL_OF_API, { accessToken: 'token' })).toMatchObject(refused)
    expect(await client.rawCall(URL_OF_API)).toMatchObject(refused)
  })

  test('may go over HTTP/2', async () => {
    const options = { cert: certified.certificate, key: certified.key }
    const server = createSecureServer(options, (request, response) => {
      response.end(request.httpVersion)
    })
    const client = await clientOf(server as unknown as Server, { http2: true })
    expect((await client.call(URL_OF_API, { accessToken: 'token' })).body).toBe('2.0')
    expect((await client.rawCall(URL_OF_API)).body).toBe('2.0')
  })
})

describe('a raw call', () => {
  test('sends the fields that it is given, even twice, and no credentials', async () => {
    const client = await clientOf((request, response) => {
      response.end(JSON.stringify(request.rawHeaders))
    })
    const headers = ['DPoP', 'one', 'DPoP', 'two']
    const { body } = await client.rawCall(URL_OF_API, { headers })
    const fields: string[] = JSON.parse(body)
    const values = fields.filter((_, at) => fields[at - 1]?.toLowerCase() === 'dpop')
    expect(values).toEqual(['one', 'two'])
    expect(body).not.toMatch(/authorization/i)
  })

  test('brings back every field, and a status without a body', async () => {
    const client = await clientOf((_request, response) => {
      response.writeHead(204, { 'x-one': 'a', 'set-cookie': ['a=1', 'b=2'] }).end()
    })
    const reply = await client.rawCall(URL_OF_API, { method: 'DELETE' })
    expect(reply).toMatchObject({ status: 204, body: '' })
    expect(reply.headers.get('x-one')).toBe('a')
    expect(reply.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  })

  test('after a disconnect comes over a new connection', async () => {
    const ports = new Set<number | undefined>()
    const client = await clientOf(
      (request, response) => {
        ports.add(request.socket.remotePort)
        response.end()
      },
      { connections: 1 },
    )
    await client.rawCall(URL_OF_API)
    await client.rawCall(URL_OF_API)
    expect(ports.size).toBe(1)
    await client.disconnect()
    await client.rawCall(URL_OF_API)
    expect(ports.size).toBe(2)
  })
})

describe('a proof', () => {
  test('RFC 9449 §4.2: is honest, signed by the key of the client, with the last nonce', async () => {
    const client = await clientOf((_request, response) => {
      response.writeHead(200, { 'dpop-nonce': 'n-1' }).end()
    })
    await client.rawCall(URL_OF_API)
    const proof = await client.makeProof({ method: 'GET', url: URL_OF_API, accessToken: 'token' })
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK)
    expect(payload).toEqual({
      htm: 'GET',
      htu: 'https://api.bank.example/accounts',
      jti: expect.any(String),
      iat: expect.any(Number),
      // SHA-256 of "token".
      ath: 'PEaenWxYddN6Q_NT1PiOYfz4EsZu7jRXRlpAsNpBU-A',
      nonce: 'n-1',
    })
    expect(protectedHeader).toMatchObject({ typ: 'dpop+jwt', alg: 'ES256' })
    expect(await calculateJwkThumbprint(protectedHeader.jwk!)).toBe(
      await calculateJwkThumbprint(await exportJWK(client.dpopKeys.publicKey)),
    )
  })

  test('says what it is told to say, and leaves out what it is told to leave out', async () => {
    const client = await clientOf((_request, response) => response.end())
    const proof = await client.makeProof({
      method: 'GET',
      url: URL_OF_API,
      claims: { htm: 'POST', jti: undefined },
      header: { typ: 'jwt' },
    })
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK)
    expect(payload['htm']).toBe('POST')
    expect(payload).not.toHaveProperty('jti')
    expect(payload).not.toHaveProperty('nonce')
    expect(protectedHeader.typ).toBe('jwt')
  })

  test.each(['ES256', 'PS256', 'Ed25519'])('may be signed with a key for %s', async (algorithm) => {
    const dpopKeys = await generateKeyPair(algorithm)
    const client = await clientOf((_request, response) => response.end(), { dpopKeys })
    const proof = await client.makeProof({ method: 'GET', url: URL_OF_API })
    const { protectedHeader } = await jwtVerify(proof, EmbeddedJWK)
    expect(protectedHeader.alg).toBe(algorithm === 'Ed25519' ? 'EdDSA' : algorithm)
  })
})

async function clientOf(
  answer: Answer | Server,
  change: Partial<ClientOptions> = {},
): Promise<Client> {
  const tls = {
    cert: certified.certificate,
    key: certified.key,
    ca: authority.certificate,
    requestCert: true,
    rejectUnauthorized: false,
  }
  const server = typeof answer === 'function' ? createServer(tls, answer) : answer
  const listening = await listen(server, 0)
  servers.push(listening)
  const client = await createClient({
    issuer: 'https://as.bank.example',
    clientId: 'tpp-1',
    authentication: None(),
    ca: authority.certificate,
    connectTo: { 'api.bank.example': `127.0.0.1:${listening.port}` },
    ...change,
  })
  clients.push(client)
  return client
}

async function claimsOf(proof: string) {
  return (await jwtVerify(proof, EmbeddedJWK)).payload
}
