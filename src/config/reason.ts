/**
 * The reasons of refusals, as logs and metrics have them: what `fapi-gateway explain <reason>` says.
 *
 * @module
 */

import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CHECKS } from '../check/index.ts'
import { ERRORS } from '../failure/errors.ts'
import { TOKEN_NOT_ACCEPTED } from '../failure/failure.ts'
import { type Asker, findMeaning } from './reason-catalogue.ts'
import { parseReasons, type Reason } from './reference.ts'

/** The program's own files: sources in a clone, compiled ones in a package. */
const PROGRAM = fileURLToPath(new URL('..', import.meta.url))

/** Every reason there is, read from the lines that refuse. */
export function readReasons(folder = PROGRAM): Reason[] {
  return globSync('**/*.{ts,js}', { cwd: folder })
    .filter((file) => !file.endsWith('.d.ts'))
    .sort()
    .flatMap((file) => parseReasons(readFileSync(join(folder, file), 'utf8')))
}

/** What a reason means, and what the client hears of it. Undefined if there is no such reason. */
export function renderReason(word: string, reasons: readonly Reason[]): string | undefined {
  const reason = reasons.find((one) => one.reason === word)
  if (reason === undefined) return undefined
  const { meaning, asker } = findMeaning(word) ?? {}
  const lines = [
    word,
    '',
    ...(meaning === undefined ? [] : [meaning]),
    `Answered with ${ERRORS[reason.error].status} ${reason.error}. ${toldOf(reason, asker)}`,
    ...(asker === undefined ? [] : [askedBy(asker)]),
  ]
  return `${lines.join('\n')}\n`
}

function askedBy(asker: Asker): string {
  const check = CHECKS.find(({ name }) => name === asker)
  return check === undefined
    ? ELSEWHERE[asker as keyof typeof ELSEWHERE]
    : `Asked by ${check.name}: ${check.question}`
}

const ELSEWHERE = {
  message: 'Asked before the checks: Is this a request that can be read in one way only?',
  routing: 'Asked before the checks: Is there a route for this request?',
  gateway: 'No check asks it: the gateway or the upstream could not do its part.',
} as const

function toldOf({ error }: Reason, asker: Asker | undefined): string {
  if (ERRORS[error].challenge === 'schemes') {
    return 'The client is told the accepted schemes, and no reason (RFC 6750 §3.1).'
  }
  const isConcealed = error === 'invalid_token' && asker === 'access_token'
  return isConcealed
    ? `The client is not told the reason, but: "${TOKEN_NOT_ACCEPTED}".`
    : 'The client is told the reason.'
}
