/**
 * Load at a constant rate, whatever the subject answers: a latency is counted from when its request was
 * due, so that a subject that falls behind cannot hide it (no coordinated omission).
 *
 * @module
 */

import type { Answered } from './load.ts'
import { playBeats } from './metronome.ts'
import { answeredBy, TlsConnection, type TlsTarget } from './tls-client.ts'

export interface ConstantRate {
  /** Requests a second. */
  readonly rate: number
  readonly seconds: number
  /** Open from the beginning; requests that find none of them idle wait for one. */
  readonly connections: number
  next(): Buffer
}

/** @throws If one answer was not a 200. */
export async function runConstantRate(
  target: TlsTarget,
  { rate, seconds, connections, next }: ConstantRate,
): Promise<Answered> {
  const all = await Promise.all(
    Array.from({ length: connections }, () => TlsConnection.open(target)),
  )
  // In TLS 1.3 a client has done before its server has: a handshake is over when a request was answered.
  await Promise.all(all.map((connection) => connection.ask(next())))
  const idle = [...all]
  const waiting: number[] = []
  const latencies: number[] = []
  const pending: Promise<void>[] = []
  const ask = async (connection: TlsConnection, first: number) => {
    for (let due: number | undefined = first; due !== undefined; due = waiting.shift()) {
      await connection.ask(next())
      latencies.push(performance.timeOrigin + performance.now() - due)
    }
    idle.push(connection)
  }
  await playBeats(rate * seconds, 1000 / rate, (due) => {
    // The one that was idle longest: all of them are used.
    const connection = idle.shift()
    if (connection === undefined) waiting.push(due)
    else pending.push(ask(connection, due))
  })
  await Promise.all(pending)
  for (const connection of all) connection.close()
  return answeredBy(latencies, seconds)
}
