/**
 * Clients of a soak, on connections that they keep: what they ask is asked over HTTP/1.1 or HTTP/2, and may
 * be broken off on purpose.
 *
 * @module
 */

import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2'
import { Agent, request } from 'node:https'
import { connect as connectTcp } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import type { Credential } from '../../src/demo/certificates.ts'
import { API, HOST } from '../support/fixture.ts'

export interface Asking {
  readonly method?: string
  readonly path: string
  readonly fields: Readonly<Record<string, string>>
  readonly body?: Buffer
  /** Milliseconds between two pieces of the answer that are read. */
  readonly slowness?: number
  /** When it is broken off: amid the request, or amid the answer. */
  readonly broken?: 'sending' | 'reading'
}

export interface Reply {
  /** 0 where none came. */
  readonly status: number
  readonly fields: Readonly<Record<string, unknown>>
  readonly body: Buffer
  readonly isWhole: boolean
  readonly fault: string | undefined
}

export interface SoakClient {
  ask(asking: Asking): Promise<Reply>
  /** Lets its connections go when what is under way has ended. */
  close(): void
}

export interface Target {
  readonly port: number
  /** PEM. */
  readonly ca: string
}

/** Milliseconds after which an idle connection is let go: sooner than the gateway would. */
const IDLE = 10_000
/** Megabytes: what is to be sent counts, and who has more to send refuses what comes. */
const SESSION_MEMORY = 1000
/** Milliseconds after which half of a request is broken off. */
const HALF = 20

export function createHttp1(target: Target, credential: Credential | undefined): SoakClient {
  const agent = new Agent({ keepAlive: true, timeout: IDLE })
  const tls = tlsOf(target, credential)
  return {
    async ask({ method = 'GET', path, fields, body, slowness, broken }) {
      const headers = { host: HOST, ...fields, ...lengthOf(body) }
      const to = { host: '127.0.0.1', port: target.port, method, path, headers }
      // What is broken off takes its connection with it: without a word, or with a reset.
      const tcp = broken && connectTcp(target.port, '127.0.0.1').on('error', () => {})
      const createConnection = tcp && (() => connectTls({ ...tls, socket: tcp }))
      const sent = request({ ...to, ...tls, ...(tcp ? { createConnection } : { agent }) })
      const breakOff = () => {
        if (path.length % 2 === 0) sent.destroy()
        else tcp?.resetAndDestroy()
      }
      const head = new Promise<Reply>((resolve) => {
        sent.once('error', ({ message }) => resolve(noReply(message)))
        let isAnswered = false
        sent.once('close', () => isAnswered || resolve(noReply('closed')))
        sent.once('response', async (response) => {
          isAnswered = true
          if (broken === 'reading') response.once('data', breakOff)
          const { content, fault } = await read(response, slowness)
          const { statusCode: status = 0, headers: got, complete: isWhole } = response
          resolve({ status, fields: got, body: content, isWhole, fault })
        })
      })
      await send(sent, body, broken === 'sending' ? breakOff : undefined)
      return head
    },
    close() {
      agent.maxFreeSockets = 0
      for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy()
    },
  }
}

export function createHttp2(target: Target, credential: Credential | undefined): SoakClient {
  let session: ClientHttp2Session | undefined
  const open = () => {
    const to = { host: '127.0.0.1', port: target.port, ...tlsOf(target, credential) }
    const fresh = connectHttp2(API, { ...to, maxSessionMemory: SESSION_MEMORY })
    fresh.on('error', () => {})
    fresh.setTimeout(IDLE, () => fresh.close())
    return fresh
  }
  const connected = () => {
    if (session === undefined || session.closed || session.destroyed) session = open()
    return session
  }
  const ask: SoakClient['ask'] = async (asking) => {
    const { method = 'GET', path, fields, body, slowness, broken } = asking
    const names = { ':method': method, ':path': path, ':authority': HOST, ...lengthOf(body) }
    // Who resets streams again and again loses the connection, and others on it should not. And Node's
    // client drops what it has not read of a stream when the server ends a connection that is over.
    const isShared = broken === undefined && slowness === undefined
    const used = isShared ? connected() : open()
    const stream = used.request({ ...names, ...fields }, { endStream: body === undefined })
    const breakOff = () => stream.close(constants.NGHTTP2_CANCEL)
    let got: Record<string, unknown> = {}
    stream.on('response', (head) => {
      got = head
    })
    stream.on('error', () => {})
    const closed = new Promise((resolve) => stream.once('close', resolve))
    if (broken === 'reading') stream.once('data', breakOff)
    const sending = send(stream, body, broken === 'sending' ? breakOff : undefined)
    const { content, fault } = await read(stream, slowness)
    await Promise.all([sending, closed])
    if (!isShared) used.close()
    // RFC 9113 §8.7: it was not looked at. The connection was ending, and another is made.
    if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) return ask(asking)
    const status = Number(got[':status'] ?? 0)
    const isWhole = stream.rstCode === 0 && fault === undefined
    return { status, fields: got, body: content, isWhole, fault: fault ?? codeOf(stream.rstCode) }
  }
  return {
    ask,
    close: () => session?.close(),
  }
}

function tlsOf({ ca }: Target, credential: Credential | undefined) {
  const own = credential && { cert: credential.certificate, key: credential.key }
  return { ca, servername: HOST, ...own }
}

/** Where it is said, half of it cannot be taken for the whole. */
function lengthOf(body: Buffer | undefined): Record<string, string> {
  return body === undefined ? {} : { 'content-length': String(body.length) }
}

function codeOf(code: number | undefined): string | undefined {
  return code === 0 || code === undefined ? undefined : `stream error ${code}`
}

function noReply(fault: string): Reply {
  return { status: 0, fields: {}, body: Buffer.alloc(0), isWhole: false, fault }
}

/** @param breakOff Called when half of it is sent, in place of the rest. */
async function send(
  sink: Writable,
  body: Buffer | undefined,
  breakOff: (() => void) | undefined,
): Promise<void> {
  if (breakOff === undefined) {
    if (body === undefined) sink.end()
    else sink.end(body)
    return
  }
  sink.write(body?.subarray(0, body.length / 2) ?? '')
  await pause(HALF)
  breakOff()
}

async function read(source: Readable, slowness: number | undefined) {
  const pieces: Buffer[] = []
  let fault: string | undefined
  try {
    for await (const piece of source) {
      pieces.push(piece)
      if (slowness !== undefined) await pause(slowness)
    }
  } catch (error) {
    fault = error instanceof Error ? error.message : String(error)
  }
  return { content: Buffer.concat(pieces), fault }
}
