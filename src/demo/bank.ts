/**
 * The sample bank API behind the gateway: accounts, balances, payments. It checks no token, because that
 * is the gateway's work; whoever reaches it is served.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'

import { LOOPBACK, listen } from './loopback.ts'

/** A request as it arrived, octet for octet. */
export interface BankRequest {
  readonly method: string
  readonly url: string
  /** Names and values in turn, as on the wire. */
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

export interface BankOptions {
  /** 0, the default, is any free port. */
  readonly port?: number
  /** PEM texts. With `clientCa` the bank turns away whoever shows no certificate of that authority. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly clientCa?: string }
  /** Sees every request before it is answered. A promise holds the answer back until it is kept. */
  readonly onRequest?: (request: BankRequest) => void | Promise<void>
}

export interface Bank {
  /** Origin, without a trailing slash. */
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

interface Payment {
  readonly paymentId: string
  readonly status: 'AcceptedSettlementInProcess'
  readonly amount: unknown
}

const ACCOUNTS = [
  {
    accountId: '22289',
    currency: 'GBP',
    accountType: 'Personal',
    accountSubType: 'CurrentAccount',
    nickname: 'Bills',
    balance: '1230.00',
  },
  {
    accountId: '31820',
    currency: 'EUR',
    accountType: 'Personal',
    accountSubType: 'Savings',
    nickname: 'Household',
    balance: '57.36',
  },
] as const

type Account = (typeof ACCOUNTS)[number]

const NOT_FOUND: Answer = { status: 404, body: { code: 'not_found' } }

/** Starts the bank on 127.0.0.1. Payments live as long as the bank. */
export async function startBank(options: BankOptions = {}): Promise<Bank> {
  const payments = new Map<string, Payment>()
  const server = createBankServer(options.tls)

  server.on('request', async (request, response) => {
    const body = await readBody(request)
    // Whoever closed the connection amid the body gets no answer and leaves no record.
    if (body === undefined) return
    const { method = '', url = '', rawHeaders } = request
    await options.onRequest?.({ method, url, rawHeaders, body })

    const answer = answerTo(method, url, body, payments)
    const text = Buffer.from(JSON.stringify(answer.body))
    response.writeHead(answer.status, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': text.length,
      ...answer.headers,
    })
    response.end(method === 'HEAD' ? undefined : text)
  })

  const { port, close } = await listen(server, options.port ?? 0)
  return { url: `${options.tls ? 'https' : 'http'}://${LOOPBACK}:${port}`, port, close }
}

function createBankServer(tls: BankOptions['tls']): Server {
  if (tls === undefined) return createServer()
  const { certificate, key, clientCa } = tls
  if (clientCa === undefined) return createTlsServer({ cert: certificate, key })
  const mutual = { ca: clientCa, requestCert: true, rejectUnauthorized: true }
  return createTlsServer({ cert: certificate, key, ...mutual })
}

async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer)
  } catch {
    return undefined
  }
  return Buffer.concat(chunks)
}

function answerTo(
  method: string,
  url: string,
  body: Buffer,
  payments: Map<string, Payment>,
): Answer {
  const [, collection, id, part, ...rest] = url.split('?', 1)[0]!.split('/')
  if (rest.length > 0) return NOT_FOUND

  if (collection === 'payments' && id === undefined) {
    return method === 'POST' ? createPayment(body, payments) : notAllowed('POST')
  }
  const found = part === undefined ? payments.get(id ?? '') : undefined
  const resource = collection === 'payments' ? found : findAccounts(collection, id, part)
  if (resource === undefined) return NOT_FOUND
  if (method !== 'GET' && method !== 'HEAD') return notAllowed('GET, HEAD')
  return { status: 200, body: resource }
}

function findAccounts(collection?: string, id?: string, part?: string): unknown {
  if (collection !== 'accounts') return undefined
  if (id === undefined) return { accounts: ACCOUNTS.map(withoutBalance) }

  const account = ACCOUNTS.find(({ accountId }) => accountId === id)
  if (account === undefined || part === undefined) return account && withoutBalance(account)
  if (part !== 'balances') return undefined
  const amount = { amount: account.balance, currency: account.currency }
  return { balances: [{ accountId: id, type: 'InterimAvailable', amount }] }
}

function withoutBalance({ balance: _, ...account }: Account) {
  return account
}

function createPayment(body: Buffer, payments: Map<string, Payment>): Answer {
  const amount = parseAmount(body)
  if (amount === undefined) return { status: 400, body: { code: 'amount_missing' } }

  const paymentId = randomUUID()
  const payment: Payment = { paymentId, status: 'AcceptedSettlementInProcess', amount }
  payments.set(paymentId, payment)
  return { status: 201, body: payment, headers: { location: `/payments/${paymentId}` } }
}

function parseAmount(body: Buffer): unknown {
  try {
    const payment: unknown = JSON.parse(body.toString('utf8'))
    return typeof payment === 'object' && payment !== null && 'amount' in payment
      ? payment.amount
      : undefined
  } catch {
    return undefined
  }
}

function notAllowed(allow: string): Answer {
  return { status: 405, body: { code: 'method_not_allowed' }, headers: { allow } }
}
