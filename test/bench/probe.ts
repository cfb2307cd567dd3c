/**
 * One request, to see what a subject makes of it.
 *
 * @module
 */

import { once } from 'node:events'
import { type RequestOptions, request } from 'node:https'
import type { Fields } from './load/load.ts'
import type { Rig } from './rig.ts'

/** Status and fields of the answer to a GET. */
export interface Seen {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

export const PATH = '/accounts/1'

export async function probe(
  { client }: Rig,
  port: number,
  fields: Fields = [],
  withCertificate = false,
  publicPort = port,
): Promise<Seen> {
  const options: RequestOptions = {
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    path: PATH,
    // What it shows is not the question here, and the load does not look at it either.
    rejectUnauthorized: false,
    agent: false,
    headers: [`Host`, `localhost:${publicPort}`, ...fields.flatMap((line) => line.split(/: /, 2))],
    ...(withCertificate ? { cert: client.certificate, key: client.key } : {}),
  }
  const asked = request(options).end()
  const [response] = await once(asked, 'response')
  response.resume()
  return { status: response.statusCode, headers: response.headers }
}

/** @throws If a subject lets through what it is measured for refusing. */
export async function expectStatus(
  what: string,
  seen: Promise<Seen>,
  status: number,
): Promise<void> {
  const { status: found, headers } = await seen
  if (found === status) return
  const why = headers['www-authenticate'] ?? ''
  throw new Error(`${what} was answered with ${found}, not ${status} ${why}`)
}
