/**
 * One request of a soak, and whether what came of it is what should: the answer, what the gateway wrote
 * down about it, and what reached the upstream.
 *
 * @module
 */

import { createHash, randomUUID } from 'node:crypto'
import type { Asking, Reply, SoakClient } from './client.ts'
import { type Echo, fill } from './upstream.ts'
import type { World } from './world.ts'

export interface Expected {
  /** One of these. */
  readonly status: readonly number[]
  /** Of a refusal, one of these. */
  readonly reasons?: readonly string[]
  /** What is in the content of a 200: what was asked, or so many bytes. */
  readonly content: 'echo' | number
  /** Whether the answer is cut short. */
  readonly isCut?: boolean
  /** Who the upstream is told the client is. */
  readonly client?: string
}

export interface Outcome {
  readonly id: string
  readonly reply: Reply
  readonly faults: readonly string[]
}

/** Asks, and judges. What is broken off may reach the upstream, but never more of it than was sent. */
export async function call(
  world: World,
  client: SoakClient,
  asking: Omit<Asking, 'fields'> & { readonly fields?: Record<string, string> },
  expected: Expected,
): Promise<Outcome> {
  const id = randomUUID()
  const written = asking.broken === undefined ? world.lineOf(id) : undefined
  const fields = { ...asking.fields, 'x-fapi-interaction-id': id }
  const reply = await client.ask({ ...asking, fields })
  const answeredAt = performance.now()
  const line = await written
  const late = Math.floor((performance.now() - answeredAt) / 10_000) * 10
  const faults: string[] = []
  const wrong = (what: string) => void faults.push(what)

  const { begun = 0, whole = 0 } = world.upstream.arrivals.get(id) ?? {}
  world.upstream.arrivals.delete(id)
  if (begun > 1 || whole > begun) wrong(`reached the upstream ${begun} times, ${whole} whole`)
  if (asking.broken === 'sending' && whole > 0) wrong('half a request reached the upstream as one')
  if (asking.broken !== undefined) return { id, reply, faults }

  if (!expected.status.includes(reply.status)) {
    wrong(`status ${reply.status} (${line?.reason ?? reply.fault}), not ${expected.status}`)
  } else if (reply.status === 200 && expected.isCut !== true) {
    faults.push(...judgeContent(id, asking, reply, expected))
  }
  if (reply.status !== 0 && reply.fields['x-fapi-interaction-id'] !== id) wrong('id of another')
  if (reply.isWhole === (expected.isCut ?? false)) {
    wrong(`the answer is ${reply.isWhole ? '' : 'not '}whole: ${reply.fault}`)
  }
  if (late > 0) wrong(`was written down ${late} s after the answer`)
  if (line === undefined) wrong('nothing was written down')
  else if (expected.reasons !== undefined && reply.status !== 200) {
    if (!expected.reasons.includes(line.reason ?? '')) {
      wrong(`reason ${line.reason}, not ${expected.reasons}`)
    }
  }
  if (reply.status < 400 || reply.status >= 500) {
    if (whole !== 1) wrong('did not reach the upstream, as it should')
  } else {
    if (begun > 0) wrong('was refused, and reached the upstream')
    // Nor did it later: that is looked at again.
    world.refused.add(id)
  }
  return { id, reply, faults }
}

function judgeContent(
  id: string,
  { method = 'GET', body }: Omit<Asking, 'fields'>,
  { body: got }: Reply,
  { content, client }: Expected,
): string[] {
  if (typeof content === 'number') {
    return got.equals(fill(id, content)) ? [] : [`content of ${got.length} bytes differs`]
  }
  const sent = body ?? Buffer.alloc(0)
  const digest = createHash('sha256').update(sent).digest('base64url')
  const echo: Echo = { id, method, size: sent.length, digest, ...(client && { client }) }
  const text = got.toString()
  return text === JSON.stringify(echo) ? [] : [`content ${text.slice(0, 40)}`]
}
