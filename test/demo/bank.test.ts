import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { type Bank, type BankRequest, startBank } from '../../src/demo/bank.ts'
import { createAuthority, generateKeys } from '../../src/demo/certificates.ts'
import { createConnection } from '../../src/demo/connection.ts'

describe('the bank', () => {
  let bank: Bank
  let seen: BankRequest[]

  beforeEach(async () => {
    seen = []
    bank = await startBank({ onRequest: (request) => void seen.push(request) })
  })
  afterEach(() => bank.close())

  test.each([
    ['/accounts', { accounts: [{ accountId: '22289' }, { accountId: '31820' }] }],
    ['/accounts?page=1', { accounts: [{ accountId: '22289' }, { accountId: '31820' }] }],
    ['/accounts/22289', { accountId: '22289', currency: 'GBP' }],
    [
      '/accounts/22289/balances',
      { balances: [{ accountId: '22289', amount: { amount: '1230.00', currency: 'GBP' } }] },
    ],
  ])('answers %s', async (path, body) => {
    const response = await fetch(bank.url + path)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(await response.json()).toMatchObject(body)
  })

  test.each([
    '/',
    '/account',
    '/accounts/1',
    '/accounts/22289/x',
    '/payments/1',
    '/accounts/22289/balances/1',
  ])('does not know %s', async (path) => {
    expect((await fetch(bank.url + path)).status).toBe(404)
  })

  test('makes a payment and shows it afterwards', async () => {
    const amount = { amount: '165.88', currency: 'GBP' }
    const made = await post(bank, JSON.stringify({ amount, reference: 'Müller' }))
    expect(made.status).toBe(201)
    const payment = (await made.json()) as { paymentId: string }
    expect(payment).toMatchObject({ amount, paymentId: expect.any(String) })

    const location = made.headers.get('location')
    expect(location).toBe(`/payments/${payment.paymentId}`)
    expect(await (await fetch(bank.url + location)).json()).toEqual(payment)
  })

  test.each(['', '{', '1', '{}'])('makes no payment of %j', async (body) => {
    expect((await post(bank, body)).status).toBe(400)
  })

  test.each([
    ['DELETE', '/accounts', 'GET, HEAD'],
    ['GET', '/payments', 'POST'],
  ])('RFC 9110 §15.5.6: answers %s %s with what is allowed', async (method, path, allow) => {
    const response = await fetch(bank.url + path, { method })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe(allow)
  })

  test('shows a request as it arrived', async () => {
    await fetch(`${bank.url}/payments?a=%41`, {
      method: 'POST',
      headers: { 'X-Thing': 'one' },
      body: 'x\u00e9',
    })
    expect(seen).toHaveLength(1)
    expect(seen[0]).toMatchObject({
      method: 'POST',
      url: '/payments?a=%41',
      body: Buffer.from('x\u00e9'),
    })
    const name = seen[0]!.rawHeaders.findIndex((field) => field.toLowerCase() === 'x-thing')
    expect(seen[0]!.rawHeaders[name + 1]).toBe('one')
  })

  test('closes at once, whatever is still connected', async () => {
    const socket = connect(bank.port, '127.0.0.1')
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => undefined)
    await new Promise((resolve) => socket.once('connect', resolve))
    socket.write('GET /accounts HTTP/1.1\r\nHost: bank\r\n\r\n')
    await new Promise((resolve) => socket.once('data', resolve))

    await bank.close()
    await closed
    await expect(fetch(`${bank.url}/accounts`)).rejects.toThrow()
    bank = await startBank()
  })
})

test('a bank with a client authority turns away who has no certificate of it', async () => {
  const keys = await generateKeys()
  const authority = await createAuthority({ name: 'CA', keys })
  const { certificate, key } = await authority.issueServer({ keys })
  const tls = { certificate, key, clientCa: authority.certificate }
  const bank = await startBank({ tls })
  const known = createConnection({
    ca: authority.certificate,
    certificate: await authority.issueClient({ commonName: 'gateway', keys }),
  })
  const unknown = createConnection({ ca: authority.certificate })
  try {
    expect((await known.send(`${bank.url}/accounts`, {})).status).toBe(200)
    await expect(unknown.send(`${bank.url}/accounts`, {})).rejects.toThrow()
  } finally {
    await known.close()
    await unknown.close()
    await bank.close()
  }
})

function post(bank: Bank, body: string): Promise<Response> {
  return fetch(`${bank.url}/payments`, { method: 'POST', body })
}
