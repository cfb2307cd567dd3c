/**
 * The matrix: every rule that this gateway answers for, joined with the tests that name it.
 *
 * A test names a rule by the rule's id in square brackets at the end of its title, or of the title of a
 * group around it: `… is refused [F1B-RS-3, H38]`.
 *
 * @module
 */

import { parse } from 'yaml'
import { z } from 'zod'

const rowSchema = z
  .strictObject({
    id: z.string(),
    level: z.string().optional(),
    rule: z.string().min(1),
    clause: z.string().min(1),
    met: z.string().min(1).optional(),
    unmet: z.string().min(1).optional(),
    elsewhere: z.string().min(1).optional(),
  })
  .refine(
    (row) => [row.met, row.unmet, row.elsewhere].filter((it) => it !== undefined).length === 1,
    {
      error: 'wants one of met, unmet and elsewhere',
    },
  )

/** One rule, and what becomes of it: met, not met, or not for a gateway to meet. */
export type Row = z.output<typeof rowSchema>

export interface Section {
  readonly title: string
  readonly rows: readonly Row[]
}

/** A test as it was run. */
export interface TestRun {
  /** Path from the top of the repository. */
  readonly file: string
  /** Titles of the groups around it, then its own. */
  readonly titles: readonly string[]
  readonly state: 'passed' | 'failed' | 'skipped'
}

const ID =
  /^(?:(?:F1B|F1A|F2|F2MS|F2IA|CIBA|BT|MTLS|CC|DPOP|JWT|INT|RI|RAR|SU|PRM|SC|HTTP|TLS|OPS|RT|SUITE|PF|HOLE|H2)-[A-Za-z0-9.-]+|[JDMHPIURO]\d\d)$/

/** Whether the last brackets of a title hold ids beside what is none: somebody mistyped one. */
export function hasMistypedId(title: string): boolean {
  const words = wordsOf(title)
  return words.some((word) => ID.test(word)) && !words.every((word) => ID.test(word))
}

/** The ids that a title ends with; none if its last brackets hold something else. */
export function idsOf(title: string): string[] {
  const words = wordsOf(title)
  return words.every((word) => ID.test(word)) ? words : []
}

function wordsOf(title: string): string[] {
  const [, inner] = /\[([^[\]]+)\]$/.exec(title) ?? []
  return inner?.split(', ') ?? []
}

/** @throws If the text is no list of rows. */
export function parseSection(title: string, text: string): Section {
  const rows = z.array(rowSchema).safeParse(parse(text))
  if (!rows.success) throw new Error(`${title}: ${z.prettifyError(rows.error)}`)
  return { title, rows: rows.data }
}

/** The tests of each rule, by its id. */
export function testsById(runs: readonly TestRun[]): ReadonlyMap<string, readonly TestRun[]> {
  const found = new Map<string, TestRun[]>()
  for (const run of runs) {
    for (const id of new Set(run.titles.flatMap(idsOf))) {
      const known = found.get(id)
      if (known === undefined) found.set(id, [run])
      else known.push(run)
    }
  }
  return found
}

/** What makes the matrix untrue, a sentence each. */
export function faultsOf(sections: readonly Section[], runs: readonly TestRun[]): string[] {
  const rows = sections.flatMap((section) => section.rows)
  const tests = testsById(runs)
  const faults: string[] = []
  const seen = new Set<string>()
  for (const { id, met, unmet } of rows) {
    if (!ID.test(id)) faults.push(`${id} is not in the form of an id`)
    if (seen.has(id)) faults.push(`${id} has two rows`)
    seen.add(id)
    const own = tests.get(id) ?? []
    if (met !== undefined && own.length === 0) faults.push(`${id} is said to be met, by no test`)
    if (unmet !== undefined && own.length > 0)
      faults.push(`${id} is said not to be met, and has tests`)
    const failed = own.filter(({ state }) => state === 'failed').length
    if (failed > 0) faults.push(`${id}: ${failed} of its tests failed`)
  }
  for (const [id, [run]] of tests) {
    if (!seen.has(id)) faults.push(`${run?.file} names ${id}, which has no row`)
  }
  for (const title of new Set(runs.flatMap(({ titles }) => titles))) {
    if (hasMistypedId(title)) faults.push(`not every id is one: ${title}`)
  }
  return faults
}
