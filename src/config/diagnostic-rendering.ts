/**
 * Diagnostics as people, programs and GitHub read them.
 *
 * @module
 */

import type { Position } from './configuration.ts'
import type { Diagnostic } from './diagnostic.ts'

export const FORMATS = ['text', 'json', 'github'] as const
export type Format = (typeof FORMATS)[number]

/** sysexits(3), EX_CONFIG. */
export const EXIT_INVALID_CONFIGURATION = 78

const MAX_SHOWN = 20
const LINES_BEFORE = 2
const WIDEST = 160

/** The lines of each file, secrets blotted out. */
export type Sources = ReadonlyMap<string, readonly string[]>

export interface Rendering {
  readonly format: Format
  readonly colour: boolean
  readonly denyWarnings: boolean
}

/** What a run with these diagnostics exits with. */
export function exitCodeOf(
  diagnostics: readonly Diagnostic[],
  denyWarnings: boolean,
): 0 | typeof EXIT_INVALID_CONFIGURATION {
  const refused = diagnostics.some(({ severity }) => severity === 'error' || denyWarnings)
  return refused ? EXIT_INVALID_CONFIGURATION : 0
}

/** All that is to be said, with its last line feed; empty if there is nothing. */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: Sources,
  rendering: Rendering,
): string {
  switch (rendering.format) {
    case 'json':
      return `${JSON.stringify(asData(diagnostics, rendering), undefined, 2)}\n`
    case 'github':
      return diagnostics.map(asGithubCommand).join('')
    case 'text':
      return asText(diagnostics, sources, rendering)
  }
}

function asData(diagnostics: readonly Diagnostic[], { denyWarnings }: Rendering) {
  return {
    exit: exitCodeOf(diagnostics, denyWarnings),
    diagnostics: diagnostics.map(({ position, note, ...rest }) => ({
      ...rest,
      ...position,
      ...(note === undefined ? {} : { note }),
    })),
  }
}

/** GitHub's workflow commands: in properties also `:` and `,` are escaped. */
function asGithubCommand({ severity, id, message, note, position }: Diagnostic): string {
  const escaped = (text: string) =>
    text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
  const property = (text: string) => escaped(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
  const { file, line, column } = position
  const said = note === undefined ? message : `${message} (${note})`
  return `::${severity} file=${property(file)},line=${line},col=${column},title=${id}::${escaped(said)}\n`
}

function asText(
  diagnostics: readonly Diagnostic[],
  sources: Sources,
  { colour, denyWarnings }: Rendering,
): string {
  const [first] = diagnostics
  if (first === undefined) return ''
  const paint = colour ? inColour : plain
  const shown = diagnostics.slice(0, MAX_SHOWN)
  const parts = shown.map((diagnostic) => block(diagnostic, sources, paint))

  const errors = diagnostics.filter(({ severity }) => severity === 'error').length
  const more = diagnostics.length - shown.length
  if (more > 0)
    parts.push(`and ${more} more, which are not shown; validate --format json shows all\n`)
  const exit = exitCodeOf(diagnostics, denyWarnings)
  const counts = `${count(errors, 'error')}, ${count(diagnostics.length - errors, 'warning')}`
  const hint = `\`fapi-gateway explain ${first.id}\` says more.`
  parts.push(`${counts}. ${exit === 0 ? '' : `Exit ${exit}. `}${hint}\n`)
  return parts.join('')
}

type Paint = (style: 'error' | 'warning' | 'faint', text: string) => string

const plain: Paint = (_, text) => text
const CODES = { error: '1;31', warning: '1;33', faint: '2' }
const inColour: Paint = (style, text) => `\u001b[${CODES[style]}m${text}\u001b[0m`

function block(diagnostic: Diagnostic, sources: Sources, paint: Paint): string {
  const { severity, id, message, position, note } = diagnostic
  const { file, line, column } = position
  const label = paint(severity, `${severity}[${id}]`)
  const heading = `${printable(file)}:${line}:${column}: ${label}: ${printable(message)}\n`
  return heading + excerpt(position, sources.get(file) ?? [], severity, note, paint)
}

function excerpt(
  { line, column, length }: Position,
  lines: readonly string[],
  severity: Diagnostic['severity'],
  note: string | undefined,
  paint: Paint,
): string {
  if (lines[line - 1] === undefined) return note === undefined ? '' : `      = ${printable(note)}\n`
  // A line that is too wide is shown around the column that is meant.
  const from = column > WIDEST - 40 ? column - 1 - 40 : 0
  const numbered = []
  const before = from === 0 ? LINES_BEFORE : 0
  for (let at = Math.max(1, line - before); at <= line; at++) {
    const text = printable(lines[at - 1] ?? '').slice(from, from + WIDEST)
    numbered.push(`${paint('faint', `${String(at).padStart(5)} |`)} ${text}`.trimEnd())
  }
  const indent = ' '.repeat(column - 1 - from)
  const carets = '^'.repeat(Math.max(1, Math.min(length, WIDEST - indent.length)))
  const beside = note === undefined ? '' : ` ${printable(note)}`
  return `${numbered.join('\n')}\n${paint('faint', '      |')} ${indent}${paint(severity, `${carets}${beside}`)}\n`
}

/** One line, each character one column wide, and nothing that a terminal would obey. */
function printable(text: string): string {
  return text.replaceAll('\t', ' ').replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '\ufffd')
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
