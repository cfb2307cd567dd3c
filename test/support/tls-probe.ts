/**
 * Handshakes made on purpose: with one version, one suite, a name, a certificate, or in small pieces.
 *
 * @module
 */

import { once } from 'node:events'
import { connect as connectTcp, createServer } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { type Fixture, HOST, type TestGateway } from './fixture.ts'

export interface Handshake {
  readonly protocol: string | null
  /** By its registered name. */
  readonly suite: string
  readonly alpn: string | false | null
  /** The subject of the certificate that was shown. */
  readonly subject: string | undefined
}

type Reached = Pick<TestGateway, 'port'>
type Trusting = Pick<Fixture, 'authority'>

/** The handshake's outcome, or the code of the error that ended it. */
export async function probe(
  { authority }: Trusting,
  { port }: Reached,
  options: ConnectionOptions = {},
): Promise<Handshake | string> {
  const to = { host: '127.0.0.1', port, ca: authority.certificate, servername: HOST }
  let socket: TLSSocket
  try {
    socket = connect({ ...to, ...options })
  } catch (error) {
    // The client itself does not know the suite, for one.
    return codeOf(error)
  }
  try {
    await once(socket, 'secureConnect')
    return {
      protocol: socket.getProtocol(),
      suite: socket.getCipher().standardName,
      alpn: socket.alpnProtocol,
      subject: socket.getPeerX509Certificate()?.subject,
    }
  } catch (error) {
    return codeOf(error)
  } finally {
    socket.on('error', () => {})
    socket.destroy()
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

export interface Relay {
  readonly port: number
  close(): void
}

/**
 * Passes bytes on to a gateway, what the client sends first in the pieces that `cut` makes of it, each in
 * a segment of its own.
 */
export async function startRelay(
  { port }: Reached,
  cut: (first: Buffer) => Buffer[],
): Promise<Relay> {
  const server = createServer((client) => {
    const gateway = connectTcp(port, '127.0.0.1')
    gateway.setNoDelay(true)
    client.on('error', () => gateway.destroy())
    gateway.on('error', () => client.destroy())
    gateway.pipe(client)
    client.once('data', async (first) => {
      client.pause()
      for (const piece of cut(first)) {
        await new Promise((resolve) => gateway.write(piece, resolve))
      }
      client.pipe(gateway)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () => void server.close(),
  }
}

/** One octet a segment. */
export function byOctets(bytes: Buffer): Buffer[] {
  return [...bytes].map((octet) => Buffer.of(octet))
}

/** RFC 8446 §5.1: one octet of the handshake message a record. */
export function byRecords(record: Buffer): Buffer[] {
  const [type = 0, major = 0, minor = 0] = record
  return [...record.subarray(5)].map((octet) => Buffer.of(type, major, minor, 0, 1, octet))
}
