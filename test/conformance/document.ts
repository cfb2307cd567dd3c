/**
 * The matrix as a page.
 *
 * @module
 */

import { type Row, type Section, type TestRun, testsById } from './matrix.ts'

const INTRODUCTION = `# Conformance

What the specifications ask of a resource server, what others in this place got wrong, and which test holds it here. Written by
\`npm run conformance\`, which runs the tests and reads the ids at the end of their titles; it fails if a rule that is said to be met
has no test, and if a test names a rule that is not here.

This page is our own account: the tests cover the same checks as the modules of the OpenID conformance suite that they name. Nobody has
certified this program.

*Level*: **M** must, **S** should, **A** advice, **-** a fact; then who can meet it: **g** the gateway by itself, **c** its configuration,
**u** the upstream too, **x** somebody else.
`

/** @returns The page, ending in a newline. */
export function renderMatrix(sections: readonly Section[], runs: readonly TestRun[]): string {
  const tests = testsById(runs)
  const rows = sections.flatMap((section) => section.rows)
  const met = rows.filter((row) => row.met !== undefined)
  const unmet = rows.filter((row) => row.unmet !== undefined)
  const elsewhere = rows.filter((row) => row.elsewhere !== undefined)
  return [
    INTRODUCTION,
    `${rows.length} rows: ${met.length} met, ${unmet.length} not met, ${elsewhere.length} for somebody else or for later.\n`,
    '## Not met\n',
    unmet.length === 0
      ? 'None.\n'
      : table(
          ['id', 'level', 'rule', 'clause', 'why not'],
          unmet.map((row) => [...headOf(row), row.unmet!]),
        ),
    ...sections.flatMap((section) => renderSection(section, tests)),
    '## For somebody else, or for later\n',
    table(
      ['id', 'level', 'rule', 'clause', 'who, or why'],
      elsewhere.map((row) => [...headOf(row), row.elsewhere!]),
    ),
  ].join('\n')
}

function renderSection(
  { title, rows }: Section,
  tests: ReadonlyMap<string, readonly TestRun[]>,
): string[] {
  const met = rows.filter((row) => row.met !== undefined)
  if (met.length === 0) return []
  return [
    `## ${title}\n`,
    table(
      ['id', 'level', 'rule', 'clause', 'how it is met', 'tests', 'state'],
      met.map((row) => {
        const own = tests.get(row.id) ?? []
        return [...headOf(row), row.met!, filesOf(own), stateOf(own)]
      }),
    ),
  ]
}

function headOf({ id, level = '', rule, clause }: Row): string[] {
  return [id, level, rule, clause]
}

/** The files with the number of their tests, as links from `docs`. */
function filesOf(runs: readonly TestRun[]): string {
  const counts = new Map<string, number>()
  for (const { file } of runs) counts.set(file, (counts.get(file) ?? 0) + 1)
  return [...counts]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([file, count]) => `[${file.replace(/^test\/|\.test\.ts$/g, '')}](../${file}) ${count}`)
    .join(', ')
}

function stateOf(runs: readonly TestRun[]): string {
  const count = (state: TestRun['state']) => runs.filter((run) => run.state === state).length
  if (count('failed') > 0) return `${count('failed')} failed`
  if (count('skipped') === runs.length) return 'not run'
  return count('skipped') > 0 ? `passed, ${count('skipped')} not run` : 'passed'
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`
  return `${[line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n')}\n`
}

/** A pipe would end the cell, a line feed the table. */
function cell(text: string): string {
  return text.trim().replaceAll('|', '\\|').replace(/\s+/g, ' ')
}
