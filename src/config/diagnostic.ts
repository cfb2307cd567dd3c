/**
 * What is wrong with a configuration, and where.
 *
 * @module
 */

import type { DiagnosticId } from './catalogue.ts'
import type { Position } from './configuration.ts'

export interface Diagnostic {
  readonly severity: 'error' | 'warning'
  /** Stable: what one searches for, and the argument of `explain`. */
  readonly id: DiagnosticId
  readonly message: string
  readonly position: Position
  /** Stands beside the caret: a suggestion, a clause, what is allowed. */
  readonly note: string | undefined
}

/** The diagnostics of one file or run, as they are found. */
export class Diagnostics {
  readonly #found: Diagnostic[] = []
  readonly #silenced: Position[] = []

  error(id: DiagnosticId, position: Position, message: string, note?: string): void {
    this.#add({ severity: 'error', id, message, position, note })
  }

  warn(id: DiagnosticId, position: Position, message: string, note?: string): void {
    this.#add({ severity: 'warning', id, message, position, note })
  }

  /** From now on nothing is taken about what stands here: all that can be said of it has been said. */
  silence(position: Position): void {
    this.#silenced.push(position)
  }

  #add(diagnostic: Diagnostic): void {
    const isSilenced = this.#silenced.some((place) => covers(place, diagnostic.position))
    if (!isSilenced) this.#found.push(diagnostic)
  }

  get hasErrors(): boolean {
    return this.#found.some(({ severity }) => severity === 'error')
  }

  /** By position, each once: one fault may be met on several ways. */
  get sorted(): readonly Diagnostic[] {
    const seen = new Set<string>()
    return this.#found
      .filter((diagnostic) => {
        const key = JSON.stringify(diagnostic)
        return !seen.has(key) && seen.add(key)
      })
      .sort(
        ({ position: one }, { position: other }) =>
          one.file.localeCompare(other.file) || one.line - other.line || one.column - other.column,
      )
  }
}

function covers(place: Position, { file, line, column }: Position): boolean {
  const { column: from, length } = place
  return file === place.file && line === place.line && column >= from && column < from + length
}
