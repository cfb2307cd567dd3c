/**
 * What the command line asks for.
 *
 * @module
 */

import { parseArgs } from 'node:util'

export interface Asked {
  /** `rows` measures; `compare` pairs two revisions; `profile` shows where the time of a row goes;
   * `simulate` computes what was not measured. */
  readonly task: 'rows' | (typeof TASKS)[number]
  /** Ids of rows, none for all of them; for `micro`, parts of names. */
  readonly names: readonly string[]
  /** Of `compare`. */
  readonly revision: string
  readonly quick: boolean
  /** Whether docs/performance.* is written, or docs/explanation/scaling.md. */
  readonly write: boolean
}

export const USAGE = `usage: npm run bench [-- [--quick] [--write | --no-write] [P1 P2 …]]
       npm run bench -- profile P3      where the gateway's time goes, function by function
       npm run bench -- micro [name …]  single functions
       npm run bench -- report          docs/performance.md and .svg again from docs/performance.json
       npm run bench -- simulate [--write]   tables of docs/explanation/scaling.md
       npm run bench:compare -- REV [P1 P2 …]`

const TASKS = ['compare', 'profile', 'micro', 'report', 'simulate'] as const

/**
 * @param ids Of the rows that there are.
 * @returns Undefined if it cannot be understood.
 */
export function parseArguments(argv: readonly string[], ids: readonly string[]): Asked | undefined {
  const parsed = parsedBy(argv)
  if (parsed === undefined) return undefined
  const { values, positionals } = parsed
  const { quick = false, write } = values
  const task = TASKS.find((one) => one === positionals[0]) ?? 'rows'
  const rest = task === 'rows' ? positionals : positionals.slice(1)
  const revision = task === 'compare' ? rest.shift() : ''
  if (revision === undefined) return undefined

  const names = task === 'micro' ? rest : rest.map((name) => name.toUpperCase())
  if (task !== 'micro' && !names.every((name) => ids.includes(name))) return undefined
  if (task === 'profile' && names.length !== 1) return undefined
  if ((task === 'report' || task === 'simulate') && names.length > 0) return undefined
  // Short runs and single rows are for the eye.
  const isWhole = task === 'rows' && names.length === 0 && !quick
  return { task, names, revision, quick, write: write ?? isWhole }
}

function parsedBy(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      allowNegative: true,
      options: { quick: { type: 'boolean' }, write: { type: 'boolean' } },
    })
  } catch {
    return undefined
  }
}
